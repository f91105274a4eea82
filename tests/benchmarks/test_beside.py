"""Servers under measurement beside each other, here two small ones of this process's own."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.beside import OURS, Side, compare, format_result
from benchmarks.load import build_request, read_body


@contextmanager
def run_server(name: str, *, turns: list[str], refuses_every: int = 0) -> Iterator[Side]:
    """Answer PUT in chunks, as Go does; each `refuses_every`-th time with 500."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        answered = 0

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            turns.append(name)
            Handler.answered += 1
            refused = refuses_every and Handler.answered % refuses_every == 0
            self.send_response(500 if refused else 200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"3\r\nyou\r\n", b"6\r\n there\r\n", b"0\r\n\r\n"):
                self.wfile.write(part)
                self.wfile.flush()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Side(name, server.server_port, os.getpid(), None)
    finally:
        server.shutdown()
        server.server_close()


def is_good(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200") and read_body(answer) == b"you there"


def test_servers_take_turns_and_refusals_are_no_answers_when_they_are_compared() -> None:
    turns: list[str] = []
    with (
        run_server(OURS, turns=turns) as ours,
        run_server("peer", turns=turns, refuses_every=4) as theirs,
    ):
        batch = [build_request("/", port=1, body=b"x", content_type="a/b", method="PUT")] * 8
        first, second = compare(
            [ours, theirs],
            work="a work",
            requests=[[batch] * 3] * 2,
            connections=2,
            is_good=is_good,
            goals={"peer": 5.0},
            before_round=partial(turns.append, "a new round"),
        )
    assert turns == (["a new round"] + [OURS] * 8 + ["peer"] * 8) * 3
    assert (first.asked, first.errors, first.times_rate, first.times_cpu) == (16, 0, 1.0, 1.0)
    assert (second.asked, second.errors, second.goal) == (16, 4, 5.0)
    assert 0 < second.least <= second.rate <= second.most
    assert second.least / first.most <= 1 / second.times_rate <= second.most / first.least
    assert "25.0%" in format_result(second)
    assert "5.0×" in format_result(second)


def test_an_answer_is_not_whole_when_its_last_chunk_is_missing() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0\r\n\r\r\n0\r\n\r\n"
    assert read_body(answer) == b"0\r\n\r"
    assert [read_body(answer[:end]) for end in range(len(answer))] == [None] * len(answer)


def test_an_answer_is_not_whole_when_it_is_shorter_than_announced() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
    assert read_body(answer) == b"ab"
    assert read_body(answer[:-1]) is None
