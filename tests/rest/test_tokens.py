"""Enrollment tokens by program: made, read, shown as QR, revoked; their text never in a list."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from enrollment.errors import TokenRefused
from enrollment.models import EnrollmentToken, LogEntry
from enrollment.services.token_texts import verify_token
from organization.models import AuditEntry
from scep.models import ScepProfile
from tests.rest.conftest import Program, Sample
from tests.rest.operations import LISTS, OPERATIONS, build_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]

TOKENS = "enrollment/tokens"
# What is asked for one by one, by those who may hand it out.
SINGLE_LINKS = ("enrollment/tokens/{token}", "enrollment/invitations/{invitation}")


def _create(program: Program, sample: Sample, **values: Any) -> Any:
    body = {"name": "Sales phones", "group": sample.group.public_id, **values}
    answer = program.post(TOKENS, body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def _get_text(row: Any) -> str:
    text: str = row["url"].partition("token=")[2]
    return text


def test_url_enrolls_into_the_group_when_token_is_created(
    operator: Program, sample: Sample
) -> None:
    row = _create(operator, sample, scep_profile=sample.scep_profile.public_id, max_uses=3)
    verified = verify_token(_get_text(row), now=timezone.now())
    assert verified.token.jti == row["jti"]
    assert verified.token.group == sample.group
    assert verified.token.scep_profile == sample.scep_profile
    assert (row["state"], row["uses"], row["max_uses"]) == ("active", 0, 3)
    assert row["created_by"] == "key:operator program"
    assert operator.get(f"{TOKENS}/{row['jti']}").json() == row


@pytest.mark.parametrize(("values", "level"), [({}, "full"), ({"rights": "byod"}, "byod")])
def test_token_has_the_rights_asked_for_when_created(
    values: dict[str, str], level: str, operator: Program, sample: Sample
) -> None:
    row = _create(operator, sample, **values)
    assert row["rights"] == EnrollmentToken.objects.get(jti=row["jti"]).rights == level


def test_rights_are_refused_when_there_is_no_such_level(operator: Program, sample: Sample) -> None:
    body = {"name": "x", "group": sample.group.public_id, "rights": "root"}
    assert set(operator.post(TOKENS, body).json()["errors"]) == {"rights"}


@pytest.mark.parametrize("value", [True, False])
def test_token_identifies_devices_first_when_asked_so(
    value: bool, operator: Program, sample: Sample
) -> None:
    row = _create(operator, sample, profile_service=value)
    token = EnrollmentToken.objects.get(jti=row["jti"])
    assert row["profile_service"] is token.profile_service is value


def test_token_lets_in_the_devices_on_its_list_when_it_has_one(
    operator: Program, sample: Sample
) -> None:
    row = _create(operator, sample, allowed_serials=["c02xyz", "DMPX"])
    assert (row["allowed_serials"], row["allowed_serial_count"]) == (["C02XYZ", "DMPX"], 2)
    assert _create(operator, sample)["allowed_serials"] == []
    body = {"name": "x", "group": sample.group.public_id, "allowed_serials": ["no serial"]}
    assert operator.post(TOKENS, body).status_code == 400


def test_identifying_first_is_refused_when_no_ca_of_ours_could_issue(
    operator: Program, sample: Sample
) -> None:
    ScepProfile.objects.update(server_type="external")
    body = {"name": "x", "group": sample.group.public_id, "profile_service": True}
    answer = operator.post(TOKENS, body)
    assert answer.status_code == 400
    assert "built-in CA" in answer.json()["detail"]


def test_creation_is_audited_when_token_is_created(operator: Program, sample: Sample) -> None:
    row = _create(operator, sample)
    entry = AuditEntry.objects.get(action="token.create", subject_id=row["jti"])
    assert entry.actor == "key:operator program"


@pytest.mark.parametrize(("expires_at", "days"), [(None, 7), ("24h", 1), ("7d", 7), ("30d", 30)])
def test_expiry_is_counted_from_now_when_given_as_a_time(
    expires_at: str | None, days: int, operator: Program, sample: Sample
) -> None:
    values = {"expires_at": expires_at} if expires_at else {}
    moment = parse_datetime(_create(operator, sample, **values)["expires_at"])
    assert moment is not None
    assert abs(moment - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_expiry_is_that_moment_when_given_in_iso(operator: Program, sample: Sample) -> None:
    row = _create(operator, sample, expires_at="2098-06-01T12:00:00+02:00")
    assert parse_datetime(row["expires_at"]) == datetime(2098, 6, 1, 10, tzinfo=UTC)


def test_token_never_expires_when_asked_for_by_name_only(operator: Program, sample: Sample) -> None:
    assert _create(operator, sample, expires_at="never")["expires_at"] is None
    body = {"name": "x", "group": sample.group.public_id, "expires_at": None}
    assert operator.post(TOKENS, body).status_code == 400


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "1h", "tomorrow", "", 5, True])
def test_expiry_is_refused_when_past_or_unreadable(
    moment: Any, operator: Program, sample: Sample
) -> None:
    body = {"name": "x", "group": sample.group.public_id, "expires_at": moment}
    answer = operator.post(TOKENS, body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"expires_at"}


def test_token_is_refused_when_a_field_is_misspelt(operator: Program, sample: Sample) -> None:
    before = EnrollmentToken.objects.count()
    body = {"name": "x", "group": sample.group.public_id, "hold_for_aproval": True}
    answer = operator.post(TOKENS, body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"hold_for_aproval": ["is not a field of this request"]}
    assert EnrollmentToken.objects.count() == before


def test_expiry_says_what_it_may_be_when_unreadable(operator: Program, sample: Sample) -> None:
    body = {"name": "x", "group": sample.group.public_id, "expires_at": "3h"}
    assert "24h, 7d, 30d, never" in operator.post(TOKENS, body).json()["detail"]


def test_name_is_refused_when_the_service_says_so(operator: Program, sample: Sample) -> None:
    answer = operator.post(TOKENS, {"name": "two\nlines", "group": sample.group.public_id})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_revoked_token_enrolls_nobody_when_revoked_by_program(
    operator: Program, sample: Sample
) -> None:
    row = _create(operator, sample)
    revoked = operator.post(f"{TOKENS}/{row['jti']}/revoke").json()
    assert (revoked["state"], revoked["revoked_by"]) == ("revoked", "key:operator program")
    with pytest.raises(TokenRefused):
        verify_token(_get_text(row), now=timezone.now())
    again = operator.post(f"{TOKENS}/{row['jti']}/revoke")
    assert again.json()["revoked_at"] == revoked["revoked_at"]


def test_url_is_hidden_when_the_key_may_only_read(auditor: Program, sample: Sample) -> None:
    answer = auditor.get(f"{TOKENS}/{sample.token.jti}")
    assert answer.json()["url"] is None
    assert "eyJhbGci" not in answer.content.decode()


def test_short_link_leads_to_the_url_when_operator_asks(
    operator: Program, auditor: Program, sample: Sample, client: Client
) -> None:
    path = f"{TOKENS}/{sample.token.jti}"
    row = operator.get(path).json()
    assert client.get(urlsplit(row["short_url"]).path)["Location"] == row["url"]
    assert auditor.get(path).json()["short_url"] is None
    full, short = (operator.get(f"{path}/{name}.svg") for name in ("qr", "short-qr"))
    assert len(short.content) < len(full.content) / 5


def test_qr_codes_are_images_when_operator_asks(operator: Program, sample: Sample) -> None:
    svg = operator.get(f"{TOKENS}/{sample.token.jti}/qr.svg")
    assert svg["Content-Type"] == "image/svg+xml"
    assert svg.content.startswith(b"<svg")
    png = operator.get(f"{TOKENS}/{sample.token.jti}/qr.png")
    assert png["Content-Type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    assert png["Cache-Control"] == svg["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "template", [*LISTS, *(n[4:] for n in OPERATIONS if n.startswith("GET") and "qr." not in n)]
)
def test_no_token_text_is_in_an_answer_when_it_is_not_one_token(
    template: str, administrator: Program, sample: Sample
) -> None:
    answer = administrator.get(build_path(template, sample))
    assert ("eyJhbGci" in answer.content.decode()) is (template in SINGLE_LINKS)


def test_no_token_text_is_stored_when_token_is_created(operator: Program, sample: Sample) -> None:
    text = _get_text(_create(operator, sample))
    rows: list[Any] = [*EnrollmentToken.objects.values(), *LogEntry.objects.values()]
    rows += AuditEntry.objects.values()
    assert text not in str(rows)
    assert "eyJhbGci" not in str(rows)


@pytest.mark.parametrize("action", ["keep", "quarantine", "unenroll"])
def test_leaked_token_is_revoked_and_its_devices_dealt_with_by_program(
    action: str, administrator: Program, sample: Sample
) -> None:
    body = {"action": action, "devices": [sample.device.public_id]}
    answer = administrator.post(f"{TOKENS}/{sample.token.jti}/leaked", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["token"]["state"] == "revoked"
    bulk = answer.json()["bulk_command"]
    assert (bulk is None) is (action == "keep")
    if bulk:
        names = {"quarantine": "Assign group", "unenroll": "Unenroll"}
        row = administrator.get(f"bulk-commands/{bulk}").json()
        assert (row["request_type"], row["total"]) == (names[action], 1)


def test_devices_of_another_token_are_refused_and_nothing_is_done(
    administrator: Program, operator: Program, sample: Sample
) -> None:
    jti = _create(operator, sample)["jti"]
    path = f"{TOKENS}/{jti}/leaked"
    body = {"action": "unenroll", "devices": [sample.device.public_id]}
    assert operator.post(path, body).status_code == 403
    answer = administrator.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "leak_invalid")
    assert administrator.get(f"{TOKENS}/{jti}").json()["state"] == "active"


def test_token_warns_when_few_uses_are_left(operator: Program, sample: Sample) -> None:
    row = _create(operator, sample, max_uses=10)
    assert row["warnings"] == []
    EnrollmentToken.objects.filter(jti=row["jti"]).update(use_count=9)
    assert operator.get(f"{TOKENS}/{row['jti']}").json()["warnings"] == ["token_running_out"]
