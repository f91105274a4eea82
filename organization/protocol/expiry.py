"""How long a token or an API key is valid, as a person or a script writes it."""

import re
from datetime import UTC, datetime, timedelta

UNITS = {"h": "hours", "d": "days"}
DURATION = re.compile(r"([1-9][0-9]{0,4})([hd])")


def decode_expiry(text: str, *, now: datetime) -> datetime | None:
    """Read `24h`, `7d`, `never` (None) or an ISO 8601 moment (UTC where it names no zone).

    Raises ValueError for anything else and for what is not in the future.
    """
    if text == "never":
        return None
    if match := DURATION.fullmatch(text):
        return now + timedelta(**{UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("an expiration is like 24h, 7d, never or 2027-01-31T12:00Z") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= now:
        raise ValueError("the expiration is not in the future")
    return moment
