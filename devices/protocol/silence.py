"""When a device's silence says that it has probably left: facts in, a verdict with its reason out.

A CheckOut often never comes: the device was erased, or had no network when its profile was
removed. All that is left then is that nobody answers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Whatever else is known: a device that is switched on is heard of at each push, and a month is a
# long holiday.
SILENT_AFTER = timedelta(days=30)
# APNs keeps a push for a week for a device that is switched off, so a week of pushes outlasts
# flights, weekends and repairs; five, so that a lost one, or two, prove nothing.
IGNORED_PUSHES, IGNORED_FOR = 5, timedelta(days=7)
# A token that APNs does not know can be a device being restored, which sends another within
# the hour; a day is generous.
TOKEN_DEAD_FOR = timedelta(days=1)
SHORTEST = min(SILENT_AFTER, IGNORED_FOR, TOKEN_DEAD_FOR)


@dataclass(frozen=True)
class Silence:
    """What is known of a device that is not heard of.

    `accepted`: pushes since `heard_at` that APNs took and the device did not answer, the first of
    them at `pushed_since`. `dead_token`: APNs' word for a token that it does not know, or not any
    more; "" for a living one.
    """

    heard_at: datetime
    accepted: int = 0
    pushed_since: datetime | None = None
    dead_token: str = ""


def find_departure(silence: Silence, *, now: datetime) -> str:
    """Return why the device has probably left, in plain words, or ""."""
    heard_on = f"{silence.heard_at:%-d %b %Y}"
    if silence.dead_token and silence.heard_at <= now - TOKEN_DEAD_FOR:
        return (
            f"Probably removed on {heard_on}: not heard of since, and Apple does not know its push"
            f" token any more ({silence.dead_token}). It may also be being restored."
        )
    if _ignores_pushes(silence, now=now):
        return (
            f"Probably removed on {heard_on}: Apple has taken {silence.accepted} pushes since, and"
            " none was answered. It may also be switched off."
        )
    if silence.heard_at < now - SILENT_AFTER:
        # Without pushes the silence may be this server's own: no certificate for them, no network.
        unasked = "" if silence.accepted else ", in which Apple took no push to it from this server"
        return f"Not heard of for {SILENT_AFTER.days} days{unasked}."
    return ""


def _ignores_pushes(silence: Silence, *, now: datetime) -> bool:
    since = silence.pushed_since
    return (
        silence.accepted >= IGNORED_PUSHES
        and since is not None
        and silence.heard_at <= since <= now - IGNORED_FOR
    )
