"""Each silence has its time and its name, each refusal stays until something makes it good."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enrollment.protocol.funnel.advice import CHECKS, FAIL_INFOS, STEP_TITLES, advise_on
from enrollment.protocol.funnel.diagnosis import Diagnosis, Kind, diagnose, find_deadline
from enrollment.protocol.funnel.facts import Facts, Step, Way
from enrollment.protocol.funnel.rules import RULES, get_silence
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.funnel.timeline import RowState, build_timeline
from enrollment.protocol.funnel.words import PARTS, WORDS, find_words
from enrollment.protocol.log_codes import LOG_CODES

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
K = StepKind
# The order of a usual enrollment; each a second after the one before.
WAY: list[StepKind] = [kind for kind in K if kind != K.INSTALLATION and "service" not in kind]


def build(until: StepKind, **facts: Any) -> Facts:
    taken = WAY[: WAY.index(until) + 1]
    steps = [Step(kind, T0 + SECOND * n, T0 + SECOND * n) for n, kind in enumerate(taken)]
    return Facts(steps=tuple(steps), **facts)


@pytest.mark.parametrize(
    ("until", "facts", "minutes", "code", "step"),
    [
        (K.PAGE_OPENED, {}, 2, "profile_not_downloaded", K.PROFILE_DOWNLOADED),
        (K.PROFILE_DOWNLOADED, {}, 8, "enrollment_silent", K.INSTALLATION),
        (K.PROFILE_DOWNLOADED, {"is_own_root": True}, 8, "root_ca_not_trusted", K.INSTALLATION),
        (
            K.PROFILE_DOWNLOADED,
            {"way": Way.EXTERNAL, "scep_trouble": "scep_server_unreachable"},
            8,
            "certificate_not_issued",
            K.PKI_OPERATION,
        ),
        (K.GET_CA_CAPS, {}, 1, "certificate_not_requested", K.PKI_OPERATION),
        (K.GET_CA_CERT, {}, 1, "certificate_not_requested", K.PKI_OPERATION),
        (K.PKI_OPERATION, {}, 1, "authenticate_missing", K.AUTHENTICATE),
        (K.AUTHENTICATE, {}, 1, "token_update_missing", K.TOKEN_UPDATE),
        (K.TOKEN_UPDATE, {}, 1, "first_command_missing", K.FIRST_COMMAND),
        (K.TOKEN_UPDATE, {"push_error": "BadTopic"}, 1, "push_failed", K.FIRST_COMMAND),
        (K.FIRST_COMMAND, {"items_pending": 2}, 10, "items_delayed", K.ITEMS_APPLIED),
    ],
)
def test_silence_has_a_name_from_its_time_on(
    until: StepKind, facts: dict[str, Any], minutes: int, code: str, step: StepKind
) -> None:
    known = build(until, **facts)
    assert known.latest is not None
    since = known.latest.last_at
    deadline = since + MINUTE * minutes
    assert find_deadline(known) == deadline
    assert diagnose(known, now=deadline - SECOND) is None
    found = diagnose(known, now=deadline)
    assert found == Diagnosis(Kind.SILENT, code, step, since=since, silence=MINUTE * minutes)
    assert get_silence(until) <= MINUTE * minutes


@pytest.mark.parametrize(
    "facts",
    [
        build(K.ITEMS_APPLIED),
        build(K.FIRST_COMMAND),
        build(K.TOKEN_UPDATE, is_managed=True),
        Facts(),
    ],
    ids=["applied", "no items", "managed", "nothing known"],
)
def test_nothing_is_wrong_when_nothing_more_is_expected(facts: Facts) -> None:
    assert diagnose(facts, now=T0 + timedelta(days=9)) is None
    assert find_deadline(facts) is None


def add(facts: Facts, *steps: Step) -> Facts:
    known = {step.kind: step for step in (*facts.steps, *steps)}
    return Facts(steps=tuple(known.values()))


def take(kind: StepKind, *, at: int, code: str = "", fail_info: int | None = None) -> Step:
    moment = T0 + SECOND * at
    return Step(kind, moment, moment, code=code, fail_info=fail_info)


def test_a_refusal_is_told_at_once_and_until_something_makes_it_good() -> None:
    begun = build(K.GET_CA_CAPS)
    refused = add(begun, take(K.PKI_OPERATION, at=10, code="scep_request_rejected", fail_info=0))
    now = T0 + SECOND * 10
    found = diagnose(refused, now=now)
    assert found is not None
    assert (found.kind, found.step, found.fail_info) == (Kind.FAILED, K.PKI_OPERATION, 0)
    assert diagnose(add(refused, take(K.GET_CA_CERT, at=20)), now=now) == found
    for better in (K.PKI_OPERATION, K.AUTHENTICATE, K.PROFILE_DOWNLOADED):
        assert diagnose(add(refused, take(better, at=20)), now=now) is None


def test_the_furthest_refusal_is_told_when_there_are_two() -> None:
    facts = add(
        build(K.GET_CA_CERT),
        take(K.PKI_OPERATION, at=10, code="scep_challenge_invalid"),
        take(K.AUTHENTICATE, at=9, code="signature_invalid"),
    )
    found = diagnose(facts, now=T0)
    assert found is not None
    assert found.code == "signature_invalid"


@pytest.mark.parametrize(
    ("steps", "way", "code", "step"),
    [
        ([], Way.SCEP, "certificate_not_requested", K.PKI_OPERATION),
        ([K.PKI_OPERATION], Way.SCEP, "profile_service_missing", K.PROFILE_SERVICE_3),
        ([K.PKI_OPERATION, K.PROFILE_SERVICE_3], Way.SCEP, "certificate_not_requested", None),
        ([K.PKI_OPERATION, K.PROFILE_SERVICE_3], Way.PACKED, "authenticate_missing", None),
        ([K.PROFILE_SERVICE_3, K.PKI_OPERATION], Way.SCEP, "authenticate_missing", None),
    ],
)
def test_silence_in_the_profile_service_names_the_phase_that_is_missing(
    steps: list[StepKind], way: Way, code: str, step: StepKind | None
) -> None:
    taken = [*WAY[:2], K.PROFILE_SERVICE_2, *steps]
    known = tuple(take(kind, at=place) for place, kind in enumerate(taken))
    found = diagnose(Facts(steps=known, way=way), now=T0 + timedelta(minutes=5))
    assert found is not None
    assert (found.kind, found.code) == (Kind.SILENT, code)
    assert step in (None, found.step)


def test_waiting_at_the_page_is_neither_silence_nor_failure() -> None:
    facts = build(K.PAGE_OPENED, awaits_approval=True)
    found = diagnose(facts, now=T0 + timedelta(days=1))
    assert found is not None
    assert (found.kind, found.code) == (Kind.WAITING, "approval_pending")
    assert find_deadline(facts) is None
    rows = {row.kind: row.state for row in build_timeline(facts, diagnosis=found)}
    assert rows[K.PROFILE_DOWNLOADED] == RowState.WAITING
    assert RowState.MISSING not in rows.values()


def test_silence_is_counted_from_the_approval_when_the_page_waited_for_one() -> None:
    approved_at = T0 + timedelta(hours=3)
    facts = build(K.PAGE_OPENED, approved_at=approved_at)
    assert find_deadline(facts) == approved_at + 2 * MINUTE
    assert diagnose(facts, now=approved_at + MINUTE) is None
    found = diagnose(facts, now=approved_at + 2 * MINUTE)
    assert found is not None
    assert (found.code, found.since) == ("profile_not_downloaded", approved_at)


def test_waiting_for_approval_is_no_failure() -> None:
    facts = add(build(K.GET_CA_CERT), take(K.PKI_OPERATION, at=10, code="certificate_held"))
    found = diagnose(facts, now=T0 + timedelta(hours=1))
    assert found is not None
    assert found.kind == Kind.WAITING


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(device_code="device_checked_out"), "device_checked_out"),
        (Facts(failure_code="scep_challenge_invalid"), "scep_challenge_invalid"),
        (build(K.FIRST_COMMAND, items_failed=1), "policy_item_failed"),
    ],
)
def test_what_the_rows_say_is_told_whatever_the_time(facts: Facts, code: str) -> None:
    found = diagnose(facts, now=T0)
    assert found is not None
    assert (found.kind, found.code) == (Kind.FAILED, code)


def test_an_item_that_failed_is_told_after_those_that_are_on_their_way() -> None:
    assert diagnose(build(K.FIRST_COMMAND, items_failed=1, items_pending=1), now=T0) is None


def test_every_code_has_words_for_the_person_and_advice_for_the_administrator() -> None:
    codes = {rule.code for rule in RULES} | set(CHECKS)
    assert codes - set(WORDS) == set()
    assert set(WORDS) - set(LOG_CODES) == set()
    assert set(K) == set(PARTS) == set(STEP_TITLES)
    for code in codes - {"certificate_held"}:
        entry = LOG_CODES[code]
        assert entry.cause
        assert entry.resolution


@pytest.mark.parametrize("fail_info", list(FAIL_INFOS))
def test_each_fail_info_has_a_cause_and_a_fix_of_its_own(fail_info: int) -> None:
    found = Diagnosis(Kind.FAILED, "scep_request_rejected", K.PKI_OPERATION, fail_info=fail_info)
    advice = advise_on(found)
    others = [FAIL_INFOS[each] for each in FAIL_INFOS if each != fail_info]
    assert advice.cause not in {other.cause for other in others}
    assert FAIL_INFOS[fail_info].title in advice.title
    assert find_words(found).sentence
