"""One message: its body, its headers, its signature (Standard Webhooks 1.0)."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins
# How every JWT begins; in JSON it ends at the latest with its text.
TOKEN_TEXT = re.compile(r"eyJ[A-Za-z0-9_.-]*")


def encode_secret(key: bytes) -> str:
    """Return the key as receivers' libraries take it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def decode_secret(secret: str) -> bytes:
    """Return the key within; raises ValueError where it is none."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise ValueError("this is no secret of a webhook") from error


def build_body(
    event_id: str, *, event_type: str, created_at: datetime, data: Mapping[str, Any]
) -> str:
    """Return the message as JSON in ASCII; what looks like a token in any text is left out."""
    moment = created_at.astimezone(UTC).isoformat(timespec="milliseconds")
    event = {
        "id": event_id,
        "type": event_type,
        "created_at": moment.replace("+00:00", "Z"),
        "data": data,
    }
    return TOKEN_TEXT.sub("[token]", json.dumps(event, separators=(",", ":")))


def build_headers(
    event_id: str, *, timestamp: int, body: bytes, secrets: Iterable[str]
) -> dict[str, str]:
    """Return what tells a receiver that the message is ours, and not an old one sent again.

    `timestamp`: Unix seconds of this attempt. One signature for each secret, the newest first.
    """
    signatures = [_sign(event_id, timestamp, body, key=decode_secret(each)) for each in secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _sign(event_id: str, timestamp: int, body: bytes, *, key: bytes) -> str:
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
