"""Clients that stall, against a server without a proxy in front."""

import contextlib
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.flows.server import Server, make_token
from tests.simulator.device import SimulatedDevice

pytestmark = pytest.mark.slow

STALLED = 40
HALF_A_HEAD = b"POST /scep HTTP/1.1\r\nHost: localhost\r\nX-Half: "
HALF_A_BODY = b"PUT /mdm/connect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n<plist>"


def _upload_slowly(port: int, *, length: int, seconds: int) -> bytes:
    """Send a body in 20 parts; returns the answer's first line."""
    head = (
        f"PUT /mdm/connect HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode())
        for _ in range(20):
            connection.sendall(b"x" * (length // 20))
            time.sleep(seconds / 20)
        return connection.recv(4096).split(b"\r\n")[0]


def test_a_device_and_a_person_are_served_while_others_stall(
    server: Server, api: httpx.Client, enroll_device: Callable[..., SimulatedDevice]
) -> None:
    token: dict[str, Any] = make_token(api)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        for part in [HALF_A_BODY] * STALLED + [HALF_A_HEAD] * STALLED:
            stalled = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            stalled.sendall(part)
        upload = pool.submit(_upload_slowly, server.port, length=1_000_000, seconds=10)

        for path in ("/accounts/login/", "/healthz", "/readyz"):
            # Less than the others' time: who waited for them would not be answered.
            assert httpx.get(f"{server.base_url}{path}", timeout=8).status_code == 200
        assert enroll_device(token["url"]).is_enrolled

        # Read whole, and then refused for what it is: no device's message.
        assert upload.result() == b"HTTP/1.1 403 Forbidden"


def test_others_are_served_while_some_wait_for_the_database(
    server: Server, api: httpx.Client
) -> None:
    (jwt,) = parse_qs(urlsplit(make_token(api)["url"]).query)["token"]
    database = server.folder / "data" / "guardmdm.sqlite3"

    def begin() -> int:
        """What a person's page does first; it stores a session."""
        url = f"{server.base_url}/enroll/sessions"
        return httpx.post(url, data={"token": jwt}, timeout=30).status_code

    def look() -> int:
        """On a connection of its own, which any of the processes may get."""
        return httpx.get(f"{server.base_url}/healthz", timeout=30).status_code

    with ThreadPoolExecutor(12) as pool, contextlib.closing(sqlite3.connect(database)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        waiting = [pool.submit(begin) for _ in range(3)]
        time.sleep(0.5)
        looks = [pool.submit(look) for _ in range(8)]
        served, _ = wait(looks, timeout=15)  # in less than the others wait for the database
        assert not [each.result() for each in waiting if each.done()]
        holder.rollback()
        assert len(served) == len(looks)
        assert {each.result() for each in looks} == {200}
        assert {each.result() for each in waiting} == {201}
