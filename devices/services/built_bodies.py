"""Commands that cannot be given now, such as one whose body would be made too often.

Making it costs a key, a certificate, a challenge or a token. A device that says NotNow gets the
command anew in its next session, with a body of its own. A locked one does so a few times an hour;
one that does nothing else would have a certificate each time.
"""

from datetime import datetime, timedelta

from devices.models import Command, CommandState
from organization.errors import RateLimited
from organization.services.rate_limit import check_rate

MOST, SECONDS = 20, 3600
# No key opens the body: somebody has to give this server another one.
UNREADABLE_WAIT = timedelta(hours=1)


def put_back_if_built_often(command: Command, *, now: datetime) -> bool:
    """Count a hand-out; past MOST of the hour the command is left for the next one, and True."""
    try:
        check_rate(f"built-body:{command.uuid}", limit=MOST, seconds=SECONDS)
    except RateLimited as limited:
        put_back(command, now=now, wait=timedelta(seconds=limited.retry_after))
        return True
    return False


def put_back(command: Command, *, now: datetime, wait: timedelta = UNREADABLE_WAIT) -> None:
    """Offer a command that was taken, and cannot be given now, not before `wait` is over."""
    rows = Command.objects.filter(pk=command.pk, state=CommandState.SENT)
    rows.update(not_before=now + wait, updated_at=now)
