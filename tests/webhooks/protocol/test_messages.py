"""Messages as the Standard Webhooks specification has them, and how long a failed one waits."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from webhooks.protocol.attempts import MOST_ATTEMPTS, Outcome, get_pause
from webhooks.protocol.messages import (
    build_body,
    build_headers,
    decode_secret,
    encode_secret,
)

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


def test_signature_is_that_of_the_specifications_own_example() -> None:
    headers = build_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"


def test_each_secret_signs_when_there_are_two() -> None:
    keys = [b"a" * 32, b"b" * 32]
    headers = build_headers("evt_1", timestamp=1, body=b"{}", secrets=map(encode_secret, keys))
    expected = [
        "v1," + base64.b64encode(hmac.new(key, b"evt_1.1.{}", hashlib.sha256).digest()).decode()
        for key in keys
    ]
    assert headers["webhook-signature"].split() == expected


def test_secret_is_refused_when_it_is_none() -> None:
    with pytest.raises(ValueError, match="secret"):
        decode_secret("whsec_é!")


def test_body_is_ascii_json_with_the_time_in_utc() -> None:
    data = {"name": "Zoë\x00\n", "nothing": None}
    body = build_body("evt_1", event_type="device.enrolled", created_at=NOON, data=data)
    assert body.isascii()
    assert json.loads(body) == {
        "id": "evt_1",
        "type": "device.enrolled",
        "created_at": "2026-05-04T12:00:00.123Z",
        "data": data,
    }


def test_token_is_left_out_of_any_text_when_a_device_repeats_it() -> None:
    data = {"error": "GET /enroll?token=eyJhbGciOi.eyJzdWIi.c2ln failed", "list": ["eyJ0"]}
    body = build_body("evt_1", event_type="log.error", created_at=NOON, data=data)
    assert "eyJ" not in body
    assert json.loads(body)["data"]["error"] == "GET /enroll?token=[token] failed"


@pytest.mark.parametrize(
    ("status", "is_delivered", "is_down"),
    [(200, True, False), (204, True, False), (299, True, False), (400, False, False),
     (404, False, False), (408, False, True), (410, False, False), (429, False, True),
     (500, False, True), (599, False, True), (None, False, True)],
)  # fmt: skip
def test_outcome_tells_a_refused_message_from_a_receiver_that_is_down(
    status: int | None, is_delivered: bool, is_down: bool
) -> None:
    outcome = Outcome(status, error="" if status else "it did not answer")
    assert (outcome.is_delivered, outcome.is_down) == (is_delivered, is_down)
    assert bool(outcome.describe()) is not is_delivered


def test_pauses_grow_when_attempts_fail() -> None:
    pauses = [get_pause(attempts) for attempts in range(1, MOST_ATTEMPTS + 2)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=12))
