"""Refused messages of devices in the enrollment log: the first ones each, then fewer and fewer.

Whoever can reach the server can send them, as many as they like and without end; so the log grows
by the first ones of each sender, and by an entry each time that they have become twice as many.
"""

from typing import Any

from enrollment.models import LogEntry
from enrollment.services.log import write_entry
from organization.services.client_address import name_site
from organization.services.rate_limit import count_try

FIRST, SECONDS = 20, 600
DAY = 24 * 3600
LONGEST = 300  # of a message, so that what is added to it has room


def write_refused_message(
    code: str,
    *,
    message: str,
    session_id: str,
    device_id: str,
    remote_address: str | None,
    detail: dict[str, Any],
) -> LogEntry | None:
    """Count the message, and write the entry unless the sender has had too many; see write_entry.

    A sender is a session or a device where one is known, and so is not hidden behind strangers of
    the same address; else the address, or the site of an IPv6 one.
    """
    sender = session_id or device_id or name_site(remote_address)
    count = count_try(f"refused-message:{sender}", seconds=SECONDS)
    if not _is_told(count):
        return None
    if count >= FIRST:
        minutes = SECONDS // 60
        message = _add_number(message, count=count, period=f"{minutes} minutes")
        detail = detail | {"count": count, "minutes": minutes}
    return write_entry(
        code,
        message=message,
        session_id=session_id,
        device_id=device_id,
        remote_address=remote_address,
        detail=detail,
    )


def write_refused_poll(
    code: str, *, message: str, detail: dict[str, Any], **whose: Any
) -> LogEntry | None:
    """Do the same for a SCEP client that asks what has become of its request (`held_request`).

    Its own key asks. Some go on for ever, once a minute and whatever they hear, so it is a day's
    that are counted. `whose`: what write_entry takes besides.
    """
    count = count_try(f"refused-poll:{detail['held_request']}", seconds=DAY)
    if not _is_told(count):
        return None
    if count >= FIRST:
        message = _add_number(message, count=count, period="a day")
        # No `count`: that is for addresses that knock in vain.
        detail = detail | {"polls": count}
    return write_entry(code, message=message, detail=detail, **whose)


def _add_number(message: str, *, count: int, period: str) -> str:
    so_many = f"that makes {count} within {period}, the next entry is at {2 * count}"
    return f"{message[:LONGEST]}; {so_many}"


def _is_told(count: int) -> bool:
    """The first ones, and each that makes them twice as many."""
    doublings, rest = divmod(count, FIRST)
    return count <= FIRST or (not rest and not doublings & (doublings - 1))
