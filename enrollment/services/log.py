"""The enrollment log: one entry for each step and each refusal, never with a secret in it."""

import re
from collections.abc import Mapping
from typing import Any

from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry, LogLevel
from enrollment.protocol.log_codes import get_log_code
from enrollment.signals import trouble_logged
from organization.models import Given, PreparedSelect, insert_row

# A JWT, wherever it stands; and what neither a terminal nor PostgreSQL takes.
TOKEN_START = "eyJ"  # noqa: S105 - how every token begins
TOKEN_TEXT = re.compile(TOKEN_START + r"[A-Za-z0-9_.-]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_MESSAGE = 500
MAX_DEPTH = 4
SESSION_BY_ID = PreparedSelect(
    lambda: EnrollmentSession.objects.select_related("token").filter(public_id=Given("session_id"))
)
TOKEN_BY_ID = PreparedSelect(lambda: EnrollmentToken.objects.filter(jti=Given("token_id")))


def write_entry(
    code: str,
    *,
    message: str = "",
    session: EnrollmentSession | None = None,
    token: EnrollmentToken | None = None,
    session_id: str = "",
    token_id: str = "",
    device_id: str = "",
    remote_address: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> LogEntry:
    """Write an entry of the catalogue's level; session and token give each other and the device.

    `session_id` and `token_id` (a jti) are for callers that hold no row; unknown ones stay text
    or are left out. `message` defaults to the code's title.
    """
    entry = get_log_code(code)
    session_id = _clean(session_id)[:32]  # it may come from a URL; PostgreSQL takes no NUL
    session = session or _find_session(session_id)
    token = token or (session.token if session else _find_token(token_id))
    row = LogEntry(
        level=entry.level,
        code=code,
        message=_clean(message or entry.title)[:MAX_MESSAGE],
        session_id=session.public_id if session else session_id,
        token=token,
        device_id=device_id or (session.device_id if session else ""),
        remote_address=remote_address or (session.remote_address if session else None),
        detail=_clean_detail(detail or {}, depth=0),
    )
    insert_row(row)
    if row.level != LogLevel.INFO:
        trouble_logged.send(LogEntry, entry=row)
    return row


def _find_session(session_id: str) -> EnrollmentSession | None:
    if not session_id:
        return None
    return SESSION_BY_ID.first(session_id=session_id)


def _find_token(token_id: str) -> EnrollmentToken | None:
    return TOKEN_BY_ID.first(token_id=token_id) if token_id else None


def _clean(text: str) -> str:
    if text.isprintable() and TOKEN_START not in text:
        return text
    return CONTROL.sub(" ", TOKEN_TEXT.sub("[token]", text))


def _clean_detail(value: Any, *, depth: int) -> Any:
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {
            _clean(str(name))[:80]: _clean_detail(member, depth=depth + 1)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple) and depth < MAX_DEPTH:
        return [_clean_detail(member, depth=depth + 1) for member in value[:50]]
    if value is None or isinstance(value, bool | int):
        return value
    return _clean(str(value))[:MAX_MESSAGE]
