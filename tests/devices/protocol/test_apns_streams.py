"""Streams against h2's own server, without a socket: RFC 9113 as APNs uses it."""

from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    PingAckReceived,
    PingReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.protocol.apns import PushAnswer, PushRequest, Verdict
from devices.protocol.apns_streams import ConnectionBroken, Ended, Streams

REQUEST = PushRequest("com.apple.mgmt.x", b"\x01" * 32, "M", expires_at=1_767_225_600)


class Server:
    """The other end; `limits` are the first SETTINGS."""

    def __init__(self, **limits: int) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        for name, value in limits.items():
            self.h2.local_settings[SettingCodes[name.upper()]] = value
        self.h2.local_settings.acknowledge()
        self.h2.initiate_connection()
        self.client = Streams("api.push.apple.com")
        self.events: list[Any] = []
        self.exchange()

    def exchange(self) -> list[Ended]:
        """Carry bytes both ways until there are none; return what ended at the client."""
        ended: list[Ended] = []
        while True:
            out = self.client.take_output()
            back = self.h2.data_to_send()
            if not out and not back:
                return ended
            if out:
                self.events += self.h2.receive_data(out)
            if back:
                ended += self.client.receive(back)

    def answer(self, stream_id: int, status: int = 200, body: bytes = b"", **more: str) -> None:
        headers = [(":status", str(status)), *more.items()]
        self.h2.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self.h2.send_data(stream_id, body, end_stream=True)

    def go_away(self, last: int) -> list[Ended]:
        frame = GoAwayFrame(0, last_stream_id=last, additional_data=b"Shutdown").serialize()
        return self.client.receive(frame)

    def find(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def test_a_push_is_one_post_with_apples_headers() -> None:
    server = Server()
    stream_id = server.client.open(REQUEST)
    server.exchange()
    [request] = server.find(RequestReceived)
    headers = dict(request.headers)
    assert headers == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": "api.push.apple.com",
        ":path": f"/3/device/{'01' * 32}",
        **REQUEST.headers,
    }
    assert b"".join(event.data for event in server.find(DataReceived)) == REQUEST.body
    assert [event.stream_id for event in server.find(StreamEnded)] == [stream_id]


def test_answers_come_in_any_order() -> None:
    server = Server()
    first, second = server.client.open(REQUEST), server.client.open(REQUEST)
    server.exchange()
    server.answer(second, 410, b'{"reason":"Unregistered"}')
    server.answer(first, 503, b'{"reason":"Shutdown"}', **{"retry-after": "7"})
    answers = [(each.stream_id, each.answer) for each in server.exchange()]
    assert answers == [
        (second, PushAnswer(Verdict.DEVICE_GONE, "Unregistered", status=410)),
        (first, PushAnswer(Verdict.TRY_LATER, "Shutdown", retry_after=7, status=503)),
    ]


def test_there_is_no_room_before_the_settings_and_none_beyond_them() -> None:
    assert Streams("x").room == 0
    server = Server(max_concurrent_streams=2)
    assert server.client.room == 2
    first, _ = server.client.open(REQUEST), server.client.open(REQUEST)
    assert server.client.room == 0
    server.exchange()
    server.answer(first)
    server.exchange()
    assert server.client.room == 1
    server.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 5})
    server.exchange()
    assert server.client.room == 4
    server.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
    server.exchange()
    assert server.client.room == 0


def test_streams_up_to_the_last_one_are_answered_after_goaway_and_the_others_given_back() -> None:
    server = Server()
    ids = [server.client.open(REQUEST) for _ in range(4)]
    server.exchange()
    given_back = server.go_away(last=ids[1])
    assert [each.stream_id for each in given_back] == ids[2:]
    assert all(each.answer is None and "Shutdown" in each.reason for each in given_back)
    assert (server.client.room, server.client.is_exhausted) == (0, True)
    for stream_id in ids[:2]:
        server.answer(stream_id)
    assert [each.stream_id for each in server.exchange() if each.answer] == ids[:2]


def test_a_goaway_that_announces_itself_first_gives_back_only_with_the_second() -> None:
    server = Server()
    ids = [server.client.open(REQUEST) for _ in range(3)]
    server.exchange()
    assert server.go_away(last=2**31 - 1) == []
    assert [each.stream_id for each in server.go_away(last=ids[0])] == ids[1:]


@pytest.mark.parametrize("code", [ErrorCodes.REFUSED_STREAM, ErrorCodes.INTERNAL_ERROR])
def test_a_reset_stream_is_given_back_without_an_answer(code: ErrorCodes) -> None:
    server = Server()
    first, second = server.client.open(REQUEST), server.client.open(REQUEST)
    server.exchange()
    server.h2.reset_stream(first, code)
    server.answer(second)
    ended = {each.stream_id: each for each in server.exchange()}
    assert ended[first].answer is None
    assert code.name in ended[first].reason
    assert ended[second].answer is not None


def test_a_push_that_was_given_up_is_cancelled_and_its_answer_nobodys() -> None:
    server = Server()
    crossing, other = server.client.open(REQUEST), server.client.open(REQUEST)
    server.exchange()
    server.client.cancel(crossing)
    server.answer(crossing)
    assert server.exchange() == []
    server.client.cancel(other)
    assert server.exchange() == []
    [reset] = server.find(StreamReset)
    assert (reset.stream_id, reset.error_code) == (other, ErrorCodes.CANCEL)
    assert server.client.in_flight == 0


def test_a_body_waits_for_room_in_the_servers_window() -> None:
    server = Server(initial_window_size=4)
    stream_id = server.client.open(REQUEST)
    server.exchange()
    assert (server.find(StreamEnded), server.client.room) == ([], 0)
    server.h2.increment_flow_control_window(100, stream_id)
    server.exchange()
    assert len(server.find(StreamEnded)) == 1
    assert server.client.room > 0


def test_the_window_of_the_connection_is_kept_to_over_many_pushes() -> None:
    server, long = Server(), PushRequest("com.apple.mgmt.x", b"\x01" * 32, "M" * 150, 0)
    for _ in range(600):  # 90 kB: the server gives room again only as it reads
        stream_id = server.client.open(long)
        server.exchange()
        for event in server.find(DataReceived):
            server.h2.acknowledge_received_data(event.flow_controlled_length, stream_id)
        server.events.clear()
        server.answer(stream_id)
        assert server.exchange()


def test_a_ping_is_answered_both_ways() -> None:
    server = Server()
    server.h2.ping(b"12345678")
    server.exchange()
    server.client.ping()
    server.exchange()
    assert len(server.find(PingAckReceived)) == len(server.find(PingReceived)) == 1


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 40, b"\xff" * 64, b"\x15\x03\x03" * 9]
)
def test_what_is_no_http2_breaks_the_connection(noise: bytes) -> None:
    with pytest.raises(ConnectionBroken):
        Streams("x").receive(noise)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_noise_is_never_another_error(noise: bytes, size: int) -> None:
    server = Server()
    server.client.open(REQUEST)
    try:
        for start in range(0, len(noise), size):
            server.client.receive(noise[start : start + size])
    except ConnectionBroken:
        pass


@given(st.lists(st.integers(1, 30), max_size=40))
@settings(max_examples=50, deadline=None)
def test_frames_may_be_cut_anywhere(sizes: list[int]) -> None:
    server = Server()
    ids = [server.client.open(REQUEST) for _ in range(3)]
    server.exchange()
    for stream_id in ids:
        server.answer(stream_id, 400, b'{"reason":"BadDeviceToken"}')
    data = server.h2.data_to_send()
    data += GoAwayFrame(0, last_stream_id=ids[-1]).serialize()
    ended: list[Ended] = []
    for size in sizes:
        ended += server.client.receive(data[:size])
        data = data[size:]
    ended += server.client.receive(data)
    assert [each.stream_id for each in ended if each.answer] == ids
    assert server.client.is_closing
