"""What APNs answers to one request. Source: Apple, Handling notification responses."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

TOKEN_BYTES = 32
TOPIC_PREFIX = "com.apple.mgmt."
PATH = "/3/device/"
MAX_PAYLOAD = 4096
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True)
class Registration:
    """A living token: who is behind it and how to wake it."""

    magic: str
    topic: str
    wake: Callable[[], object]


@dataclass(frozen=True)
class PushRequest:
    """One HTTP/2 request; client_topics are the Subject UIDs of the certificate."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client_topics: frozenset[str]

    @property
    def token(self) -> bytes | None:
        """The 32 bytes named by the path, or None."""
        digits = self.path.removeprefix(PATH)
        if len(digits) != 2 * TOKEN_BYTES or not set(digits) <= HEX_DIGITS:
            return None
        return bytes.fromhex(digits)

    @property
    def topic(self) -> str | None:
        return self.headers.get("apns-topic")

    @property
    def magic(self) -> str | None:
        """The PushMagic of the body, or None where the body is not `{"mdm": …}`."""
        try:
            payload = json.loads(self.body)
        except ValueError:
            return None
        found = payload.get("mdm") if isinstance(payload, dict) else None
        return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Answer:
    """Status and reason; timestamp in milliseconds, with 410 only; retry_after in seconds."""

    status: int
    reason: str | None = None
    timestamp: int | None = None
    retry_after: int | None = None

    def encode(self) -> bytes:
        """The JSON body, empty for a success."""
        if self.reason is None:
            return b""
        body: dict[str, object] = {"reason": self.reason}
        if self.timestamp is not None:
            body["timestamp"] = self.timestamp
        return json.dumps(body).encode()


@dataclass(frozen=True)
class Delivery:
    """One request that the fake APNs got, with its answer; at in Unix seconds."""

    token: bytes | None
    magic: str | None
    topic: str | None
    headers: dict[str, str]
    status: int
    reason: str | None
    apns_id: str
    at: float
    woke: bool


def check_request(request: PushRequest) -> Answer | None:
    """The first thing wrong with the request itself, in Apple's words, or None."""
    for wrong, status, reason in (
        (request.method != "POST", 405, "MethodNotAllowed"),
        (not request.path.startswith(PATH), 404, "BadPath"),
        (len(request.body) > MAX_PAYLOAD, 413, "PayloadTooLarge"),
        (not request.topic, 400, "MissingTopic"),
        (not (request.topic or "").startswith(TOPIC_PREFIX), 400, "BadTopic"),
        (request.topic not in request.client_topics, 403, "BadCertificate"),
        (request.path == PATH, 400, "MissingDeviceToken"),
        (request.token is None, 400, "BadDeviceToken"),
        (not is_uuid(request.headers.get("apns-id")), 400, "BadMessageId"),
        (request.headers.get("apns-push-type") != "mdm", 400, "InvalidPushType"),
        (request.headers.get("apns-priority", "10") not in ("5", "10"), 400, "BadPriority"),
        (
            not request.headers.get("apns-expiration", "0").isdigit(),
            400,
            "BadExpirationDate",
        ),
        (request.magic is None, 400, "PayloadEmpty"),
    ):
        if wrong:
            return Answer(status, reason)
    return None


def check_registration(
    request: PushRequest, *, found: Registration | None, gone_at: float | None
) -> Answer:
    """What becomes of a well-formed request, given what is known of its token."""
    if found is not None:
        if found.topic != request.topic:
            return Answer(400, "DeviceTokenNotForTopic")
        return Answer(200)
    if gone_at is not None:
        return Answer(410, "Unregistered", timestamp=int(gone_at * 1000))
    return Answer(400, "BadDeviceToken")


def is_uuid(text: str | None) -> bool:
    """Whether it may stand in apns-id, which may also be left out."""
    try:
        return text is None or str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def now() -> float:
    """Unix seconds."""
    return time.time()
