"""Where an enrollment stands still, since when, and what that is called."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from enrollment.protocol.funnel.facts import Facts
from enrollment.protocol.funnel.rules import RULES, Rule
from enrollment.protocol.funnel.steps import StepKind

HELD = "certificate_held"


class Kind(StrEnum):
    """A refusal or failure, a silence, or a wait for somebody here."""

    FAILED = "failed"
    SILENT = "silent"
    WAITING = "waiting"


@dataclass(frozen=True)
class Diagnosis:
    """`step` is the one that failed or did not come. `since`: when it failed, or silence began."""

    kind: Kind
    code: str
    step: StepKind
    since: datetime | None = None
    silence: timedelta | None = None
    fail_info: int | None = None


def diagnose(facts: Facts, *, now: datetime) -> Diagnosis | None:
    """Return what is wrong, the surest first; None while everything may still be well."""
    return (
        _find_departure(facts)
        or _find_wait(facts)
        or _find_refusal(facts)
        or _find_failed_item(facts)
        or _find_silence(facts, now=now)
    )


def find_deadline(facts: Facts) -> datetime | None:
    """Return when silence will begin to mean something; None where nothing more is expected."""
    rule, since = find_rule(facts), facts.silent_since
    return since + rule.silence if rule and since else None


def find_rule(facts: Facts) -> Rule | None:
    """Return the rule for what should come next, or None."""
    latest = facts.latest
    if latest is None or facts.is_managed or facts.awaits_approval:
        return None
    return next((rule for rule in RULES if rule.after == latest.kind and rule.when(facts)), None)


def _find_departure(facts: Facts) -> Diagnosis | None:
    if not facts.device_code:
        return None
    return Diagnosis(Kind.FAILED, facts.device_code, StepKind.ITEMS_APPLIED)


def _find_wait(facts: Facts) -> Diagnosis | None:
    if not facts.awaits_approval:
        return None
    return Diagnosis(Kind.WAITING, "approval_pending", StepKind.PROFILE_DOWNLOADED)


def _find_refusal(facts: Facts) -> Diagnosis | None:
    step = facts.refused
    if step is None:
        return _find_old_failure(facts)
    kind = Kind.WAITING if step.code == HELD else Kind.FAILED
    return Diagnosis(kind, step.code, step.kind, since=step.last_at, fail_info=step.fail_info)


def _find_old_failure(facts: Facts) -> Diagnosis | None:
    if not facts.failure_code:
        return None
    latest = facts.latest
    step = latest.kind if latest else StepKind.PKI_OPERATION
    return Diagnosis(Kind.FAILED, facts.failure_code, step)


def _find_failed_item(facts: Facts) -> Diagnosis | None:
    if not facts.items_failed or facts.items_pending:
        return None
    return Diagnosis(Kind.FAILED, "policy_item_failed", StepKind.ITEMS_APPLIED)


def _find_silence(facts: Facts, *, now: datetime) -> Diagnosis | None:
    rule, since = find_rule(facts), facts.silent_since
    if rule is None or since is None or now < since + rule.silence:
        return None
    return Diagnosis(Kind.SILENT, rule.code, rule.step, since=since, silence=rule.silence)
