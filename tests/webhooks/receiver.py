"""Somebody else's server, which verifies what it gets by itself."""

import base64
import hashlib
import hmac
import json
import threading
import time
from typing import Any

from tests.scep.external.tls_server import Asked, Reply

TOLERANCE = 300  # seconds


class Receiver:
    """`statuses`: what to answer, one after the other; then `status`."""

    def __init__(self) -> None:
        self.url = ""
        self.begin()

    def begin(self) -> None:
        self.asked: list[Asked] = []
        self.statuses: list[int] = []
        self.status = 204
        self.seconds = 0.0
        self.headers: dict[str, str] = {}
        self.came = threading.Event()

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        # Before the sleep: whoever gave up waiting is by then in another test.
        reply = Reply(self.statuses.pop(0) if self.statuses else self.status, headers=self.headers)
        self.came.set()
        time.sleep(self.seconds)
        return reply

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(asked.body) for asked in self.asked]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


def verify(asked: Asked, *, secret: str) -> dict[str, Any]:
    """Return the event; fails unless one signature is the secret's, and of these minutes."""
    event_id, timestamp = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    assert abs(time.time() - int(timestamp)) < TOLERANCE
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{event_id}.{timestamp}.".encode() + asked.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" in asked.headers["webhook-signature"].split(" ")
    event: dict[str, Any] = json.loads(asked.body)
    assert event["id"] == event_id
    return event
