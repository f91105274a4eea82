"""Where lost tasks and killed workers may have left something behind: a part of all in each run.

A device that is as it should be costs 50 µs to find that out, so all of 100,000 in each minute
would take five seconds of it (docs/adr/0236).
"""

from datetime import datetime, timedelta

from django.db.models import Q

from devices.models import Command, Enrollment, EnrollmentState
from organization.services.rounds import take_portion
from policies.models import ItemStatus
from policies.selectors import find_stale_enrollments
from policies.services.installs import ITEM_ORIGIN
from policies.services.leftovers import find_with_leftovers

PORTION = 2000
"""Of all enrollments, so 100,000 are gone through in 50 runs."""
# These come in each run: whoever has just enrolled has a person waiting, what is due is due, and
# the task of an answer that has just come is the one that is lost most often.
NEWEST, DUE, ANSWERED = 500, 1000, 1000
JUST_NOW = timedelta(minutes=10)


def find_some_stale(*, now: datetime) -> set[int]:
    """Return live enrollments for which apply_policies has something to do; in rounds, all."""
    portion = take_portion("policies", Enrollment.objects.all(), size=PORTION)
    live = Enrollment.objects.filter(state=EnrollmentState.LIVE)
    among = set(live.filter(portion).order_by().values_list("pk", flat=True))
    newest = list(live.order_by("-pk").values_list("pk", flat=True)[:NEWEST])
    among.update(newest)
    due = ItemStatus.objects.filter(due_at__lte=now).order_by("-due_at")
    among.update(due.values_list("enrollment_id", flat=True)[:DUE])
    answered = Command.objects.filter(
        completed_at__gt=now - JUST_NOW, forgotten_at=None, origin__startswith=ITEM_ORIGIN
    )
    latest = answered.order_by("-completed_at").values_list("enrollment_id", flat=True)
    among.update(latest[:ANSWERED])
    leftover = find_with_leftovers(Q(pk__in=newest), since=now - JUST_NOW)
    return find_stale_enrollments(among, now=now) | leftover
