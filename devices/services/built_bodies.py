"""How often a body may be made that costs a key, a certificate, a challenge or a token.

A device that says NotNow gets the command anew in its next session, with a body of its own. A
locked one does so a few times an hour; one that does nothing else would have a certificate each
time.
"""

from datetime import datetime, timedelta

from devices.models import Command, CommandState
from organization.errors import RateLimited
from organization.services.rate_limit import check_rate

MOST, SECONDS = 20, 3600


def put_back_if_built_often(command: Command, *, now: datetime) -> bool:
    """Count a hand-out; past MOST of the hour the command is left for the next one, and True."""
    try:
        check_rate(f"built-body:{command.uuid}", limit=MOST, seconds=SECONDS)
    except RateLimited as limited:
        not_before = now + timedelta(seconds=limited.retry_after)
        rows = Command.objects.filter(pk=command.pk, state=CommandState.SENT)
        rows.update(not_before=not_before, updated_at=now)
        return True
    return False
