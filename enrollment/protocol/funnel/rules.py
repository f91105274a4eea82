"""What silence means: after which step, for how long, and what the log calls it. One table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from enrollment.protocol.funnel.facts import Facts, Way
from enrollment.protocol.funnel.steps import StepKind

# iOS drops a downloaded profile that nobody has installed for 8 minutes.
INSTALLING = timedelta(minutes=8)
# What follows by itself follows within seconds; making a key takes old devices half a minute.
MOMENT = timedelta(seconds=60)


def _always(facts: Facts) -> bool:
    return True


def _is_unidentified(facts: Facts) -> bool:
    """The certificate that was issued last is that of the Profile Service's third phase."""
    has_begun = facts.find(StepKind.PROFILE_SERVICE_2) is not None
    return has_begun and facts.find(StepKind.PROFILE_SERVICE_3) is None


@dataclass(frozen=True)
class Rule:
    """After `after`, `silence` long nothing: `step` is missing, and `code` is what it is called.

    Of those for the same step the first whose `when` holds is meant.
    """

    after: StepKind
    silence: timedelta
    code: str
    step: StepKind
    when: Callable[[Facts], bool] = _always


RULES = (
    Rule(
        StepKind.PAGE_OPENED,
        timedelta(minutes=2),
        "profile_not_downloaded",
        StepKind.PROFILE_DOWNLOADED,
    ),
    Rule(
        StepKind.PROFILE_DOWNLOADED,
        INSTALLING,
        "certificate_not_issued",
        StepKind.PKI_OPERATION,
        when=lambda facts: facts.way == Way.EXTERNAL and bool(facts.scep_trouble),
    ),
    Rule(
        StepKind.PROFILE_DOWNLOADED,
        INSTALLING,
        "root_ca_not_trusted",
        StepKind.INSTALLATION,
        when=lambda facts: facts.is_own_root,
    ),
    Rule(StepKind.PROFILE_DOWNLOADED, INSTALLING, "enrollment_silent", StepKind.INSTALLATION),
    Rule(StepKind.PROFILE_SERVICE_2, MOMENT, "certificate_not_requested", StepKind.PKI_OPERATION),
    Rule(StepKind.GET_CA_CAPS, MOMENT, "certificate_not_requested", StepKind.PKI_OPERATION),
    Rule(StepKind.GET_CA_CERT, MOMENT, "certificate_not_requested", StepKind.PKI_OPERATION),
    Rule(
        StepKind.PKI_OPERATION,
        MOMENT,
        "profile_service_missing",
        StepKind.PROFILE_SERVICE_3,
        when=_is_unidentified,
    ),
    Rule(StepKind.PKI_OPERATION, MOMENT, "authenticate_missing", StepKind.AUTHENTICATE),
    Rule(
        StepKind.PROFILE_SERVICE_3,
        MOMENT,
        "certificate_not_requested",
        StepKind.PKI_OPERATION,
        when=lambda facts: facts.way == Way.SCEP,
    ),
    Rule(StepKind.PROFILE_SERVICE_3, MOMENT, "authenticate_missing", StepKind.AUTHENTICATE),
    Rule(StepKind.AUTHENTICATE, MOMENT, "token_update_missing", StepKind.TOKEN_UPDATE),
    Rule(
        StepKind.TOKEN_UPDATE,
        MOMENT,
        "push_failed",
        StepKind.FIRST_COMMAND,
        when=lambda facts: bool(facts.push_error),
    ),
    Rule(StepKind.TOKEN_UPDATE, MOMENT, "first_command_missing", StepKind.FIRST_COMMAND),
    Rule(
        StepKind.FIRST_COMMAND,
        timedelta(minutes=10),
        "items_delayed",
        StepKind.ITEMS_APPLIED,
        when=lambda facts: facts.items_pending > 0,
    ),
)


def get_silence(after: StepKind) -> timedelta:
    """Return how soon after a step silence can mean something, whatever else is known."""
    return min((rule.silence for rule in RULES if rule.after == after), default=MOMENT)
