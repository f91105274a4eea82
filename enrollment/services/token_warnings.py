"""What administrators should know before people do: tokens that will soon enroll nobody."""

from datetime import datetime

from django.db import transaction

from enrollment.models import EnrollmentToken
from enrollment.selectors import EXPIRING, RUNNING_OUT, find_token_warnings, list_untold_tokens
from enrollment.services.log import write_entry

NOTED_IN = {EXPIRING: "expiry_warned_at", RUNNING_OUT: "quota_warned_at"}
BATCH = 500


def report_ending_tokens(*, now: datetime) -> int:
    """Log each token once before it expires and once before it is used up; return how many.

    The conditional UPDATE is what makes it once, however many sweeps run at a time.
    """
    return sum(
        _report(token, code=code, now=now)
        for token in list_untold_tokens(now=now)[:BATCH]
        for code in find_token_warnings(token, now=now)
        if getattr(token, NOTED_IN[code]) is None
    )


@transaction.atomic
def _report(token: EnrollmentToken, *, code: str, now: datetime) -> bool:
    field = NOTED_IN[code]
    rows = EnrollmentToken.objects.filter(pk=token.pk, **{f"{field}__isnull": True})
    if not rows.update(**{field: now}):
        return False
    write_entry(code, token=token, message=describe_warning(token, code=code))
    return True


def describe_warning(token: EnrollmentToken, *, code: str) -> str:
    """Return the warning as a sentence for the log."""
    if code == EXPIRING and token.expires_at is not None:
        return f"token “{token.name}”: expires on {token.expires_at:%-d %b %Y, %H:%M} UTC"
    left = token.max_uses - token.use_count
    return f"token “{token.name}”: {left} of {token.max_uses} uses left"
