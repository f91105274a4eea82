"""Many requests that wait, decided in one step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from scep.errors import RequestDecided, RequestOver
from scep.models import HeldRequest, HeldRequestState
from scep.services.held_requests import approve_request, reject_request

MOST_AT_ONCE = 1000
"""As many as wait for one SCEP profile; each decision takes some milliseconds."""
ACTS = {
    HeldRequestState.APPROVED: approve_request,
    HeldRequestState.REJECTED: reject_request,
}


@dataclass
class Decisions:
    """How many were decided, and the others: public id and why not."""

    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def decide_requests(
    public_ids: Iterable[str], *, state: HeldRequestState, actor: str, now: datetime
) -> Decisions:
    """Approve or reject each on its own, audited; one that cannot be decided holds up no other.

    The first MOST_AT_ONCE are looked at, the oldest first; unknown ones are left out.
    """
    decisions, act = Decisions(), ACTS[state]
    chosen = HeldRequest.objects.filter(public_id__in=list(public_ids)[:MOST_AT_ONCE])
    rows = chosen.select_related("scep_profile").order_by("pk")
    for row in rows:
        try:
            act(row, actor=actor, now=now)
        except (RequestDecided, RequestOver) as refusal:
            decisions.refused.append((row.public_id, str(refusal)))
        else:
            decisions.done += 1
    return decisions
