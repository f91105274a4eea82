"""APNs' answers, sorted by what they ask for next."""

from datetime import UTC, datetime

import pytest

from devices.protocol.apns import Verdict, build_body, build_headers, build_path, decode_answer


def test_a_push_names_the_token_in_hexadecimal_and_is_kept_for_sleeping_devices() -> None:
    assert build_path(b"\x00\xff") == "/3/device/00ff"
    assert build_body("M") == b'{"mdm": "M"}'
    headers = build_headers("com.apple.mgmt.x", expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert headers["apns-push-type"] == "mdm"
    assert headers["apns-topic"] == "com.apple.mgmt.x"
    assert headers["apns-expiration"] == "1767225600"


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
        (418, b"[1]", Verdict.REFUSED),
        (400, b"\xff", Verdict.REFUSED),
    ],
)
def test_an_answer_is_sorted(status: int, body: bytes, verdict: Verdict) -> None:
    assert decode_answer(status, body).verdict == verdict


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("", 0), ("soon", 0), ("9" * 30, 86400)])
def test_retry_after_is_taken_in_seconds_and_bounded(text: str, seconds: int) -> None:
    assert decode_answer(429, b"", retry_after=text).retry_after == seconds
