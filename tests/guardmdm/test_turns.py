"""guardmdm.turns over real HTTP, in a granian that is started as `serve` starts it."""

import contextlib
import hashlib
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from guardmdm.serving import build_address, build_programs
from organization.services import waiting
from tests import plain_http
from tests.services import find_free_port, wait_for_port

HEAD = b"PUT /healthz HTTP/1.1\r\nHost: localhost\r\n"
PATIENCE_SECONDS = 2
FILE_BYTES = 50_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("turns") / "large"
    path.write_bytes(b"x" * FILE_BYTES)
    return path


@pytest.fixture(scope="module")
def server(large):
    yield from serving(patience=PATIENCE_SECONDS, crowd=PATIENCE_SECONDS, large=large)


@pytest.fixture(scope="module")
def patient(large):
    yield from serving(patience=60, crowd=PATIENCE_SECONDS, large=large)


def serving(*, patience, crowd, large):
    port = find_free_port()
    address = build_address("127.0.0.1", port=port, behind_proxy=False)
    web = build_programs(address, workers=1, tls_files=None)[0]
    own = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PATIENCE_SECONDS": str(patience),
        "CROWD_SECONDS": str(crowd),
        "LARGE_FILE": str(large),
    }
    command = [*web.arguments[:-1], "tests.guardmdm.echoing_turns:application"]
    with subprocess.Popen(command, env=os.environ | own) as process:
        try:
            wait_for_port(port, seconds=240)
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=20, verify=plain_http.TRUST
            ) as client:
                client.port, client.process = port, process
                yield client
        finally:
            process.terminate()


@contextlib.contextmanager
def connecting(server, *parts, source="127.0.0.1", receive_buffer=None):
    with socket.socket() as connection:
        connection.settimeout(20)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", server.port))
        for part in parts:
            connection.sendall(part)
        yield connection


def is_ended(connection):
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            assert b" 200 " not in data
    return True


@pytest.mark.parametrize("length", [0, 1, 200_000, 300_000, 10 * 1024 * 1024])
def test_a_body_arrives_whole_whatever_its_length(server, length):
    body = os.urandom(length)
    seen = server.put("/healthz", content=body, headers={"X-Forwarded-For": "192.0.2.1"}).json()
    assert seen["sha256"] == hashlib.sha256(body).hexdigest()
    assert (seen["client"], seen["forwarded"]) == ("127.0.0.1", "192.0.2.1")


def test_a_larger_body_is_refused_unread(server):
    assert server.put("/healthz", content=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413


def test_a_body_without_a_length_is_refused(server):
    assert server.put("/healthz", content=iter([b"a", b"b"])).status_code == 411


@pytest.mark.parametrize("length", [1, 200_000, 9_000_000])
def test_a_devices_message_may_come_in_chunks(server, length):
    body = os.urandom(length)
    pieces = (body[start : start + 40_000] for start in range(0, length, 40_000))
    seen = server.post("/scep/x", content=pieces).json()
    assert (seen["length"], seen["sha256"]) == (length, hashlib.sha256(body).hexdigest())


def test_chunks_without_end_are_read_up_to_a_limit(server):
    endless = (b"a" * 100_000 for _ in range(120))
    # The connection is not for another request: what it still holds is left unread.
    seen = server.put("/mdm/x", content=endless, headers={"Connection": "close"}).json()
    assert int(seen["announced"]) > 10 * 1024 * 1024
    assert seen["length"] == 0


def test_the_end_of_chunks_is_not_waited_for_when_they_are_more_than_the_view_takes(server):
    head = b"PUT /mdm/small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connecting(server, head + b"3e9\r\n" + b"a" * 1001 + b"\r\n") as connection:
        assert b'{"announced": "1001", "length": 0}' in connection.recv(65536)


def test_what_is_too_large_or_cut_off_is_left_to_a_view_that_keeps_a_log(server):
    large = 10 * 1024 * 1024 + 1
    seen = server.put("/mdm/x", content=b"x" * large).json()
    assert seen == {"announced": str(large), "length": 0}
    head = b"PUT /mdm/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc"
    with connecting(server, head) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b'{"announced": "1000", "length": 3}' in connection.recv(65536)
    with connecting(server, CHUNKS.replace(b"POST /scep/x", b"PUT /mdm/x")) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b'{"announced": "3", "length": 3}' in connection.recv(65536)
    with connecting(server, LENGTH) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")


def test_a_head_has_the_length_and_no_body(server):
    answer = server.head("/healthz")
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) > 0
    assert answer.content == b""


def test_one_connection_serves_many_requests(server):
    with connecting(server) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nab")
            assert b'"length": 2' in connection.recv(65536)


def test_the_turns_keep_their_database_connections(server):
    seen = {server.get("/healthz").json()["connection"] for _ in range(20)}
    assert len(seen) <= 2


def test_short_requests_are_worked_at_one_after_the_other(server):
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(server.get, "/healthz/meet") for _ in range(60)]
    seen = [each.result().json()["at_once"] for each in asked]
    assert seen.count(2) < 15, "more of them at once than a busy machine explains"


def wait_held(server, count):
    """Return when so many requests are held; asking it is a short request itself."""
    deadline = time.monotonic() + 20
    while server.get("/healthz/held").json() != {"held": count}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def let_go(server, *requests):
    """Until all are answered: of some the next is held only when another one is not any more."""
    while not all(each.done() for each in requests):
        assert server.get("/healthz/let-go").status_code == 200
        time.sleep(0.02)


def test_a_short_request_does_not_wait_for_a_long_one(patient):
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(patient.get, "/healthz/long")
        wait_held(patient, 1)
        assert patient.get("/healthz/meet").json() == {"at_once": 1}
        assert not long.done()
        let_go(patient, long)


def test_nobody_waits_for_those_who_wait_for_another_server(patient):
    with ThreadPoolExecutor(waiting.MOST + 4) as pool:
        away = [pool.submit(patient.get, "/healthz/wait-elsewhere") for _ in range(waiting.MOST)]
        wait_held(patient, waiting.MOST)
        more = [pool.submit(patient.get, "/healthz/wait-elsewhere") for _ in range(4)]
        assert patient.get("/healthz/meet").json() == {"at_once": 1}
        # So many do not wait that none of the process's threads would be left for anybody else.
        assert {each.result().status_code for each in more} == {503}
        assert not any(each.done() for each in away)
        let_go(patient, *away)
    assert {each.result().status_code for each in away} == {200}
    seen = {each.result().json()["connection"] for each in (*away, *more)}
    assert len(seen) <= 2, "they went on with the database connections of the turns"


def test_a_short_request_does_not_wait_for_large_ones_however_many(patient):
    with ThreadPoolExecutor(4) as pool:
        large = [
            pool.submit(patient.put, "/healthz/long", content=b"x" * 300_000) for _ in range(4)
        ]
        wait_held(patient, 1)
        time.sleep(0.3)  # the others have come as well
        assert patient.get("/healthz").status_code == 200
        assert not any(each.done() for each in large)
        let_go(patient, *large)
    assert {each.result().status_code for each in large} == {200}


def test_a_streamed_answer_comes_as_it_is_made(patient):
    with patient.stream("GET", "/healthz/stream") as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"1\n"
        wait_held(patient, 1)
        assert patient.get("/healthz/let-go").status_code == 200
        assert b"".join(pieces) == b"1\n"


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(server):
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("/healthz/break-off")
    assert server.get("/healthz").is_success


def test_others_are_served_while_clients_stall_in_body_head_or_answer(patient):
    body, head = HEAD + b"Content-Length: 1000\r\n\r\nabc", HEAD + b"X-Half: "
    answer = b"GET /healthz/file HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for part in [body] * 10 + [head] * 10 + [answer] * 10:
            stack.enter_context(connecting(patient, part, receive_buffer=4096))
        time.sleep(0.3)
        assert patient.get("/healthz").status_code == 200  # before patience ends


LENGTH = HEAD + b"Content-Length: 1000\r\n\r\nabc"
CHUNKS = b"POST /scep/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nabc"


@pytest.mark.parametrize(
    ("head", "drip"),
    [(LENGTH, b""), (LENGTH, b"x"), (CHUNKS, b"x")],
    ids=["silent", "a byte now and then", "in chunks"],
)
def test_a_body_that_does_not_come_in_time_costs_the_connection(server, head, drip):
    started = time.monotonic()
    with connecting(server, head) as connection:
        connection.settimeout(0.2)
        for _ in range(40):
            with contextlib.suppress(TimeoutError):
                assert is_ended(connection)
                break
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(drip)
    assert PATIENCE_SECONDS <= time.monotonic() - started < PATIENCE_SECONDS + 5


def test_a_client_that_takes_nothing_of_its_answer_is_left(server):
    request = b"GET /healthz/file HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connecting(server, request, receive_buffer=4096) as connection:
        time.sleep(PATIENCE_SECONDS + 3)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(1 << 20):
                received += len(data)
    assert received < FILE_BYTES


def test_other_addresses_and_busy_connections_survive_a_slow_neighbour(server):
    request = HEAD + b"Content-Length: 2\r\n\r\nab"
    with (
        connecting(server, HEAD + b"Content-Length: 1000\r\n\r\nabc") as slow,
        connecting(server, source="127.0.0.2") as elsewhere,
        connecting(server) as busy,
    ):
        for _ in range(int(PATIENCE_SECONDS + 2) * 2):
            time.sleep(0.5)
            busy.sendall(request)
            assert b'"length": 2' in busy.recv(65536)
        assert is_ended(slow)
        elsewhere.sendall(request)
        assert b'"length": 2' in elsewhere.recv(65536)


def test_a_crowd_from_several_addresses_is_ended_sooner_than_one_slow_device(patient):
    slow = HEAD + b"Content-Length: 4\r\n\r\nab"
    with (
        contextlib.ExitStack() as stack,
        connecting(patient, slow, source="127.0.0.9") as device,
    ):
        time.sleep(0.3)
        for number in range(60):
            source = f"127.0.0.{2 + number % 5}"
            stack.enter_context(connecting(patient, slow, source=source))
        time.sleep(0.5)
        assert patient.get("/healthz").status_code == 200
        device.sendall(b"cd")
        assert b'"length": 4' in device.recv(65536)


def test_a_broken_off_body_is_not_taken_for_a_whole_one(server):
    with connecting(server, HEAD + b"Content-Length: 10\r\n\r\nabc") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert is_ended(connection)


def test_a_broken_off_message_is_left_to_whoever_writes_the_log(server):
    head = b"POST /scep/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
    with connecting(server, head + b"x" * 4321) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b'"length": 4321' in connection.recv(65536)


def test_a_stopped_server_finishes_what_it_has_begun(server):
    with connecting(server, b"GET /healthz/wait HTTP/1.1\r\nHost: localhost\r\n\r\n") as waiting:
        wait_held(server, 1)
        server.process.terminate()
        assert b" 200 " in waiting.recv(65536)
    assert server.process.wait(timeout=60) == 0
