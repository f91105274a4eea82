"""The whole way of a session as rows: what was taken, where it stands still, what is to come."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from enrollment.protocol.funnel.diagnosis import Diagnosis, Kind
from enrollment.protocol.funnel.facts import ORDER, Facts, Step, Way
from enrollment.protocol.funnel.steps import SCEP_STEPS, StepKind

SELDOM = (StepKind.PROFILE_SERVICE_2, StepKind.PROFILE_SERVICE_3, StepKind.INSTALLATION)


class RowState(StrEnum):
    """DONE: taken; REFUSED: tried in vain; MISSING: it should have come; AHEAD: it may come.

    WAITING: an administrator has to decide first.
    """

    DONE = "done"
    REFUSED = "refused"
    WAITING = "waiting"
    MISSING = "missing"
    AHEAD = "ahead"


@dataclass(frozen=True)
class TimelineRow:
    """`step` is None where nothing was recorded; `gap` is the time since the row above began."""

    kind: StepKind
    state: RowState
    step: Step | None = None
    gap: timedelta | None = None


def build_timeline(facts: Facts, *, diagnosis: Diagnosis | None) -> list[TimelineRow]:
    """Return the steps that were taken as they began, then those that are missing or to come."""
    taken = sorted(facts.steps, key=lambda step: (step.first_at, ORDER[step.kind]))
    rows: list[TimelineRow] = []
    for before, step in zip([None, *taken], taken, strict=False):
        gap = step.first_at - before.first_at if before else None
        rows.append(TimelineRow(step.kind, _get_state(step, diagnosis), step, gap))
    return rows + [
        TimelineRow(kind, _get_absent_state(kind, diagnosis))
        for kind in _list_following(facts, diagnosis=diagnosis)
    ]


def _get_state(step: Step, diagnosis: Diagnosis | None) -> RowState:
    if not step.code:
        return RowState.DONE
    is_waiting = diagnosis and diagnosis.step == step.kind and diagnosis.kind == Kind.WAITING
    return RowState.WAITING if is_waiting else RowState.REFUSED


def _get_absent_state(kind: StepKind, diagnosis: Diagnosis | None) -> RowState:
    if diagnosis is None or diagnosis.step != kind:
        return RowState.AHEAD
    return RowState.WAITING if diagnosis.kind == Kind.WAITING else RowState.MISSING


def _is_missing(kind: StepKind, diagnosis: Diagnosis | None) -> bool:
    return diagnosis is not None and diagnosis.step == kind


def _list_following(facts: Facts, *, diagnosis: Diagnosis | None) -> list[StepKind]:
    """Return what was not taken and lies behind what was, as far as this session needs it."""
    known = {step.kind for step in facts.steps}
    furthest = max((ORDER[kind] for kind in known), default=-1)
    return [
        kind
        for kind in StepKind
        if kind not in known
        and (ORDER[kind] > furthest or _is_missing(kind, diagnosis))
        and (_is_missing(kind, diagnosis) or _is_needed(kind, facts))
    ]


def _is_needed(kind: StepKind, facts: Facts) -> bool:
    if kind in SELDOM:
        return False
    if kind in SCEP_STEPS:
        return facts.way == Way.SCEP
    return not (kind == StepKind.ITEMS_APPLIED and facts.is_managed)
