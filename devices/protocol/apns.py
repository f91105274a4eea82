"""Apple's push service: the request that wakes a device, and what the answers mean.

Source: Apple, "Sending notification requests to APNs" and "Handling notification responses
from APNs"; for MDM the body is `{"mdm": PushMagic}` and the topic the push certificate's UID.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

ACCEPTED = 200
GONE = 410
TOO_MANY = 429
SHUTDOWN = "Shutdown"
DEAD_TOKENS = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
LATER_REASONS = frozenset({"IdleTimeout", "TooManyRequests", SHUTDOWN})
MISDIRECTED = 421
CERTIFICATE_REASONS = frozenset(
    {"BadCertificate", "BadCertificateEnvironment", "Forbidden", "TopicDisallowed", "BadTopic"}
)
LONGEST_RETRY_AFTER = 86_400


class Verdict(Enum):
    """What an answer asks for next."""

    DELIVERED = "delivered"
    DEVICE_GONE = "device gone"
    UNUSABLE = "token unusable"
    TRY_LATER = "try later"
    CERTIFICATE_BAD = "certificate bad"
    REFUSED = "refused"


def word_push_error(stored: str) -> str:
    """Return a row's push_error as people read it: beside enrollment tokens, whose token it is."""
    return f"push {stored}" if stored.startswith(Verdict.UNUSABLE.value) else stored


@dataclass(frozen=True)
class PushRequest:
    """One push; `expires_at` in Unix seconds: until then APNs keeps it for an offline device."""

    topic: str
    token: bytes = field(repr=False)
    magic: str = field(repr=False)
    expires_at: int

    @property
    def path(self) -> str:
        return f"/3/device/{self.token.hex()}"

    @property
    def headers(self) -> dict[str, str]:
        return {
            "apns-topic": self.topic,
            "apns-push-type": "mdm",
            "apns-priority": "10",
            "apns-expiration": str(self.expires_at),
        }

    @property
    def body(self) -> bytes:
        """The JSON that the device compares with the PushMagic it has sent."""
        return json.dumps({"mdm": self.magic}).encode()


@dataclass(frozen=True)
class PushAnswer:
    """`reason` is Apple's word for a failure; `retry_after` is in seconds, 0 when not given.

    `status` is 0 where none came. `gone_at`: since when the token of a 410 is known to be dead.
    """

    verdict: Verdict
    reason: str = ""
    retry_after: int = 0
    status: int = 0
    gone_at: datetime | None = None


def decode_answer(status: int, body: bytes, *, retry_after: str = "") -> PushAnswer:
    """Sort an answer by status and reason; an unreadable body has no reason."""
    content = _decode_content(body)
    found = content.get("reason", "")
    reason = found[:100] if isinstance(found, str) else ""
    if status == ACCEPTED:
        return PushAnswer(Verdict.DELIVERED, status=status)
    if status == GONE:
        gone_at = _decode_timestamp(content.get("timestamp"))
        return PushAnswer(Verdict.DEVICE_GONE, reason or "Unregistered", 0, status, gone_at)
    if reason in DEAD_TOKENS:
        return PushAnswer(Verdict.UNUSABLE, reason, status=status)
    if status == 403 or reason in CERTIFICATE_REASONS:
        return PushAnswer(Verdict.CERTIFICATE_BAD, reason or str(status), status=status)
    if _passes(status, reason=reason):
        seconds = _decode_seconds(retry_after)
        return PushAnswer(Verdict.TRY_LATER, reason or str(status), seconds, status)
    return PushAnswer(Verdict.REFUSED, reason, status=status)


def _passes(status: int, *, reason: str) -> bool:
    """Whether the trouble is not the request's own.

    APNs names what is wrong with a request. Where it does not, or something between here and
    there has answered, nothing is known of the request.
    """
    return (
        not reason or reason in LATER_REASONS or status in (TOO_MANY, MISDIRECTED) or status >= 500
    )


def _decode_seconds(retry_after: str) -> int:
    if not retry_after.isdecimal():
        return 0
    return min(int(retry_after[:20]), LONGEST_RETRY_AFTER)


def _decode_content(body: bytes) -> dict[str, object]:
    try:
        content = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _decode_timestamp(value: object) -> datetime | None:
    """Milliseconds since 1970, as APNs gives them; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
