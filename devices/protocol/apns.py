"""Apple's push service: the request that wakes a device, and what the answers mean.

Source: Apple, "Sending notification requests to APNs"; for MDM the body is
`{"mdm": PushMagic}` and the topic the push certificate's UID.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

ACCEPTED = 200
GONE = 410
DEAD_TOKENS = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
LATER = frozenset({429, 500, 502, 503, 504})
CERTIFICATE_REASONS = frozenset(
    {"BadCertificate", "BadCertificateEnvironment", "Forbidden", "TopicDisallowed", "BadTopic"}
)


class Verdict(Enum):
    """What an answer asks for next."""

    DELIVERED = "delivered"
    DEVICE_GONE = "device gone"
    UNUSABLE = "token unusable"
    TRY_LATER = "try later"
    CERTIFICATE_BAD = "certificate bad"
    REFUSED = "refused"


@dataclass(frozen=True)
class PushAnswer:
    """`reason` is Apple's word for a failure; `retry_after` is in seconds, 0 when not given."""

    verdict: Verdict
    reason: str = ""
    retry_after: int = 0


def build_path(push_token: bytes) -> str:
    """Return the path of a device: its token in hexadecimal."""
    return f"/3/device/{push_token.hex()}"


def build_headers(topic: str, *, expires_at: datetime) -> dict[str, str]:
    """`expires_at`: until then APNs keeps the push for a device that is offline."""
    return {
        "apns-topic": topic,
        "apns-push-type": "mdm",
        "apns-priority": "10",
        "apns-expiration": str(int(expires_at.timestamp())),
    }


def build_body(push_magic: str) -> bytes:
    """Return the JSON that the device compares with the PushMagic it has sent."""
    return json.dumps({"mdm": push_magic}).encode()


def decode_answer(status: int, body: bytes, *, retry_after: str = "") -> PushAnswer:
    """Sort an answer by status and reason; an unreadable body has no reason."""
    reason = _decode_reason(body)
    if status == ACCEPTED:
        return PushAnswer(Verdict.DELIVERED)
    if status == GONE:
        return PushAnswer(Verdict.DEVICE_GONE, reason or "Unregistered")
    if status in LATER:
        seconds = int(retry_after) if retry_after.isdigit() else 0
        return PushAnswer(Verdict.TRY_LATER, reason or str(status), min(seconds, 86_400))
    if reason in DEAD_TOKENS:
        return PushAnswer(Verdict.UNUSABLE, reason)
    if status == 403 or reason in CERTIFICATE_REASONS:
        return PushAnswer(Verdict.CERTIFICATE_BAD, reason or str(status))
    return PushAnswer(Verdict.REFUSED, reason or str(status))


def _decode_reason(body: bytes) -> str:
    try:
        reason = json.loads(body).get("reason", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return reason[:100] if isinstance(reason, str) else ""
