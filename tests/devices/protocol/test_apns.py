"""APNs' answers, sorted by what they ask for next."""

from datetime import UTC, datetime

import pytest

from devices.protocol.apns import PushRequest, Verdict, decode_answer


def test_a_push_names_the_token_in_hexadecimal_and_is_kept_for_sleeping_devices() -> None:
    request = PushRequest("com.apple.mgmt.x", b"\x00\xff", "M", expires_at=1_767_225_600)
    assert request.path == "/3/device/00ff"
    assert request.body == b'{"mdm": "M"}'
    assert request.headers == {
        "apns-topic": "com.apple.mgmt.x",
        "apns-push-type": "mdm",
        "apns-priority": "10",
        "apns-expiration": "1767225600",
    }


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"", Verdict.DELIVERED),
        (410, b'{"reason":"Unregistered","timestamp":1}', Verdict.DEVICE_GONE),
        (400, b'{"reason":"BadDeviceToken"}', Verdict.UNUSABLE),
        (400, b'{"reason":"DeviceTokenNotForTopic"}', Verdict.UNUSABLE),
        (403, b'{"reason":"BadCertificate"}', Verdict.CERTIFICATE_BAD),
        (403, b"", Verdict.CERTIFICATE_BAD),
        (400, b'{"reason":"BadTopic"}', Verdict.CERTIFICATE_BAD),
        (429, b'{"reason":"TooManyRequests"}', Verdict.TRY_LATER),
        (500, b"", Verdict.TRY_LATER),
        (503, b'{"reason":"ServiceUnavailable"}', Verdict.TRY_LATER),
        (400, b'{"reason":"PayloadEmpty"}', Verdict.REFUSED),
        (400, b'{"reason":"IdleTimeout"}', Verdict.TRY_LATER),
        (421, b'{"reason":"Misdirected"}', Verdict.TRY_LATER),
        (520, b"<html>", Verdict.TRY_LATER),
        (400, b"", Verdict.TRY_LATER),
        (418, b"[1]", Verdict.TRY_LATER),
        (400, b"\xff", Verdict.TRY_LATER),
        (0, b"", Verdict.TRY_LATER),
    ],
)
def test_an_answer_is_sorted(status: int, body: bytes, verdict: Verdict) -> None:
    answer = decode_answer(status, body)
    assert (answer.verdict, answer.status) == (verdict, status)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("", 0), ("soon", 0), ("²", 0), ("9" * 30, 86400), ("9" * 5000, 86400)],
)
def test_retry_after_is_taken_in_seconds_and_bounded(text: str, seconds: int) -> None:
    assert decode_answer(429, b"", retry_after=text).retry_after == seconds


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        ("1767225600500", datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("true", None),
        ('"soon"', None),
        ("1e400", None),
        ("9" * 40, None),
        ("null", None),
    ],
)
def test_a_dead_token_is_dead_since_its_timestamp(timestamp: str, moment: datetime | None) -> None:
    body = b'{"reason":"Unregistered","timestamp":%s}' % timestamp.encode()
    answer = decode_answer(410, body)
    assert (answer.verdict, answer.gone_at) == (Verdict.DEVICE_GONE, moment)
