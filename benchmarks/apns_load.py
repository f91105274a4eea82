"""What the fake APNs itself can do: prepared HTTP/2 requests, whose answers are only counted.

    python -m benchmarks.apns_load --port 5000 --count 10000 --ca … --identity … --topic …

Prints the seconds that it took.
"""

import argparse
import socket
import ssl
import time
from collections import deque
from typing import Any

from hpack import Encoder, NeverIndexedHeaderTuple
from hyperframe.frame import DataFrame, HeadersFrame, SettingsFrame

from benchmarks.push_rows import build_magic, build_token

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STREAMS, CHUNK = 250, 50
HEADERS_FRAME, END_STREAM = 1, 1


def build_requests(topic: str, *, count: int) -> deque[bytes]:
    """Return each push to a living device as its two frames."""
    encoder, requests = Encoder(), deque[bytes]()
    for number in range(count):
        path = f"/3/device/{build_token(number, is_dead=False).hex()}"
        headers: list[Any] = [
            *((":method", "POST"), (":scheme", "https"), (":authority", "localhost")),
            NeverIndexedHeaderTuple(":path", path),
            *(("apns-topic", topic), ("apns-push-type", "mdm"), ("apns-priority", "10")),
            ("apns-expiration", "1900000000"),
        ]
        stream_id = 2 * number + 1
        head = HeadersFrame(stream_id, encoder.encode(headers), flags=["END_HEADERS"])
        body = b'{"mdm": "%s"}' % build_magic(number).encode()
        data = DataFrame(stream_id, body, flags=["END_STREAM"])
        requests.append(head.serialize() + data.serialize())
    return requests


def count_ends(received: bytearray) -> int:
    """Take whole frames off the front; return how many streams they have ended."""
    ended = at = 0
    while len(received) - at >= 9:
        end = at + 9 + int.from_bytes(received[at : at + 3], "big")
        if end > len(received):
            break
        ended += received[at + 3] == HEADERS_FRAME and bool(received[at + 4] & END_STREAM)
        at = end
    del received[:at]
    return ended


def run(connection: ssl.SSLSocket, requests: deque[bytes]) -> float:
    """Send all, STREAMS at once; return the seconds."""
    connection.sendall(PREFACE + SettingsFrame(0).serialize())
    connection.sendall(SettingsFrame(0, flags=["ACK"]).serialize())
    received, flying, left = bytearray(), 0, len(requests)
    started = time.perf_counter()
    while left:
        while requests and flying <= STREAMS - CHUNK:
            chunk = [requests.popleft() for _ in range(min(CHUNK, len(requests)))]
            connection.sendall(b"".join(chunk))
            flying += len(chunk)
        data = connection.recv(65_536)
        if not data:
            raise ConnectionError("the fake APNs has closed the connection")
        received += data
        ended = count_ends(received)
        flying, left = flying - ended, left - ended
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "count"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("ca", "identity", "topic"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.ca)
    context.load_cert_chain(options.identity)
    context.set_alpn_protocols(["h2"])
    requests = build_requests(options.topic, count=options.count)
    plain = socket.create_connection(("127.0.0.1", options.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        print(run(connection, requests))


if __name__ == "__main__":
    main()
