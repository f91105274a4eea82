"""System › Certificates › Issued: found, filtered, exported, revoked; fast among very many."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Enrollment
from enrollment.models import EnrollmentSession
from organization.models import AuditEntry
from scep.models import CertificateStatus, IssuedCertificate
from scep.protocol.names import describe_name
from scep.protocol.subject_template import RELATIVE_NAMES
from scep.selectors import get_issuing_ca, get_root_ca
from tests.console.conftest import World, create_certificate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

LIST = "/console/system/certificates/"


def list_shown(client: Client, **query: str) -> list[str]:
    """Return the serial numbers on the page, from the top."""
    return [row.serial for row in client.get(LIST, query).context["page"].object_list]


@pytest.fixture
def others(world: World) -> list[IssuedCertificate]:
    return [create_certificate(subject=f"CN=other {number}") for number in range(5)]


@pytest.mark.parametrize(
    "text",
    [
        "SERIAL0001", "corey’s iphone", "corey’s barnett", "ses_1",
        "AB000001", "ab:00:00:01", "00AB000001", "00:00:00:01:CD:CD",
    ],
)  # fmt: skip
def test_a_certificate_is_found_when_number_subject_or_device_matches(
    text: str, world: World, others: list[IssuedCertificate], auditor: Client
) -> None:
    assert list_shown(auditor, q=text) == [world.certificate.serial]


@pytest.mark.parametrize(
    "text", ["Acme, Inc", "acme, inc.", '"the" acme', "a<b>", "a+b", "CN=1,O=Acme", "c\\d"]
)
def test_a_certificate_is_found_when_its_name_has_characters_that_are_escaped(
    text: str, others: list[IssuedCertificate], auditor: Client
) -> None:
    parts = {'Acme, Inc.; "the"': "O", "1": "CN", "a+b": "OU", "a<b>": "OU", "c\\d": "OU"}
    name = x509.Name(
        [x509.NameAttribute(RELATIVE_NAMES[kind], text) for text, kind in parts.items()]
    )
    row = create_certificate(subject=describe_name(name))
    assert list_shown(auditor, q=text) == [row.serial]


@pytest.mark.parametrize("column", ["public_id", "session_id", "token_id", "fingerprint"])
def test_a_certificate_is_found_when_an_id_is_pasted(
    column: str, world: World, others: list[IssuedCertificate], auditor: Client
) -> None:
    row = create_certificate(session_id="ses_pasted", token_id="3f0a-jti")
    assert list_shown(auditor, q=f" {getattr(row, column)} ") == [row.serial]


def test_a_certificate_is_found_and_shown_with_its_token_when_its_session_alone_knows_it(
    world: World, others: list[IssuedCertificate], auditor: Client
) -> None:
    """As with dynamic and static challenges, and below a token that was made from another."""
    child = world.invitation.token
    session = EnrollmentSession.objects.create(token=child, expires_at=timezone.now())
    rows = [
        create_certificate(session_id=session.public_id),
        create_certificate(session_id=world.session.public_id),
        create_certificate(token_id=world.token.jti),
        create_certificate(token_id="gone"),
    ]
    assert list_shown(auditor, q=child.jti) == [rows[0].serial]
    assert world.token == world.session.token == child.parent
    found = list_shown(auditor, q=world.token.jti)
    assert {*found} >= {row.serial for row in rows[:3]}
    assert rows[3].serial not in found
    shown = {row.pk: row.token for row in auditor.get(LIST).context["page"].object_list}
    assert [shown[row.pk] for row in rows] == [child, world.token, world.token, None]
    assert world.token.name in auditor.get(LIST, {"q": rows[1].serial}).content.decode()
    page = auditor.get(f"{LIST}issued/{rows[1].public_id}").content.decode()
    assert f"?q={world.token.jti}" in page
    exported = {row["id"]: row for row in read_csv(auditor)}
    line = exported[rows[1].public_id]
    assert (line["token"], line["token_id"]) == (world.token.name, world.token.jti)
    assert line["session"] == world.session.public_id
    assert exported[rows[3].public_id]["token"] == ""


@pytest.mark.parametrize("text", ["nothing", "corey’s zebra", "%", "_", "zz"])
def test_nothing_is_found_when_nothing_matches(
    text: str, world: World, others: list[IssuedCertificate], auditor: Client
) -> None:
    assert list_shown(auditor, q=text) == ([] if text != "_" else [world.certificate.serial])


def test_filters_tell_valid_expired_and_revoked_apart(world: World, auditor: Client) -> None:
    now = timezone.now()
    expired = create_certificate(not_after=now - timedelta(days=1))
    revoked = create_certificate(status=CertificateStatus.REVOKED, revoked_at=now)
    intended = create_certificate(
        status=CertificateStatus.INTENDED, certificate=None, fingerprint=None
    )
    assert list_shown(auditor, status="issued") == [world.certificate.serial]
    assert list_shown(auditor, status="expired") == [expired.serial]
    assert list_shown(auditor, status="revoked") == [revoked.serial]
    assert list_shown(auditor, status="intended") == [intended.serial]


def test_expiring_soon_is_listed_with_the_first_to_expire_on_top(
    world: World, auditor: Client
) -> None:
    now = timezone.now()
    later = create_certificate(not_after=now + timedelta(days=80))
    soon = create_certificate(not_after=now + timedelta(days=20))
    create_certificate(not_after=now - timedelta(days=1))
    create_certificate(not_after=now + timedelta(days=5), status=CertificateStatus.REVOKED)
    assert list_shown(auditor, expires="30") == [soon.serial]
    assert list_shown(auditor, expires="90") == [soon.serial, later.serial]


def test_filters_narrow_by_profile_and_to_those_without(
    world: World, others: list[IssuedCertificate], auditor: Client
) -> None:
    assert list_shown(auditor, scep_profile=world.scep_profile.public_id) == [
        world.certificate.serial
    ]
    assert len(list_shown(auditor, scep_profile="null")) == len(others)


def test_a_row_names_its_device_profile_numbers_and_state(world: World, auditor: Client) -> None:
    page = auditor.get(LIST).content.decode()
    for text in ("Corey’s iPhone", "SERIAL0001", "Corp", world.certificate.serial, "00:00:00:01"):
        assert text in page
    assert "CN=ses_1, O=Example Corp" in page


def test_the_list_costs_the_same_queries_however_long(
    world: World, auditor: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(60):
        create_certificate(world.device)
    with django_assert_max_num_queries(9):
        auditor.get(LIST)


def test_the_list_counts_no_further_than_it_shows(
    world: World, others: list[IssuedCertificate], auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organization.console.lists.DEPTH", 3)
    monkeypatch.setattr("organization.console.lists.PAGE_SIZE", 2)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = auditor.get(LIST).content.decode()
    assert "1–2 of more than 3" in page
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)
    assert len(list_shown(auditor, page="99")) == 1


def read_csv(client: Client, **query: str) -> list[dict[str, str]]:
    answer = client.get(f"{LIST}export.csv", query)
    assert answer["Content-Disposition"] == 'attachment; filename="certificates.csv"'
    assert answer.streaming
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_csv_holds_what_the_filters_show(
    world: World, others: list[IssuedCertificate], auditor: Client
) -> None:
    assert len(read_csv(auditor)) == 6
    (row,) = read_csv(auditor, scep_profile=world.scep_profile.public_id)
    assert row["serial"] == world.certificate.serial
    assert row["sha256_fingerprint"] == world.certificate.fingerprint
    assert (row["device"], row["scep_profile"]) == ("Corey’s iPhone", "Corp")


@pytest.mark.parametrize("subject", ["=HYPERLINK(1)", "+1", "@SUM(A1)", "-1"])
def test_a_formula_in_the_csv_is_text(subject: str, world: World, auditor: Client) -> None:
    row = create_certificate(subject=subject)
    found = {line["id"]: line["subject"] for line in read_csv(auditor)}
    assert found[row.public_id] == f"'{subject}"


def test_the_page_tells_what_the_certificate_says(world: World, auditor: Client) -> None:
    page = auditor.get(f"{LIST}issued/{world.certificate.public_id}").content.decode()
    assert "BEGIN CERTIFICATE" in page
    assert "Corey’s iPhone" in page
    assert get_issuing_ca().name in page
    assert get_root_ca().name in page


def test_the_page_leads_to_what_it_renewed_and_what_renewed_it(
    world: World, auditor: Client
) -> None:
    renewal = create_certificate(world.device, renews=world.certificate)
    old, new = (f"{LIST}issued/{row.public_id}" for row in (world.certificate, renewal))
    assert new in auditor.get(old).content.decode()
    assert old in auditor.get(new).content.decode()


def test_the_pem_brings_the_whole_chain_and_the_der_the_certificate(
    world: World, auditor: Client
) -> None:
    base = f"{LIST}issued/{world.certificate.public_id}/certificate"
    chain = x509.load_pem_x509_certificates(auditor.get(f"{base}.pem").content)
    below = [bytes(row.certificate) for row in (get_issuing_ca(), get_root_ca())]
    assert [each.public_bytes(Encoding.DER) for each in chain[1:]] == below
    assert auditor.get(f"{base}.cer").content == bytes(world.certificate.certificate or b"")


def test_a_certificate_that_is_being_issued_has_a_page_and_no_download(
    world: World, operator: Client
) -> None:
    row = create_certificate(status=CertificateStatus.INTENDED, certificate=None, fingerprint=None)
    assert operator.get(f"{LIST}issued/{row.public_id}").status_code == 200
    assert operator.get(f"{LIST}issued/{row.public_id}/certificate.pem").status_code == 404


def test_revoking_takes_a_reason_and_is_audited(world: World, operator: Client) -> None:
    url = f"{LIST}issued/{world.certificate.public_id}"
    page = operator.post(f"{url}/revoke", {"reason": "key_compromise"}, follow=True)
    assert "The certificate is revoked." in page.content.decode()
    assert "UTC: The key may be in other hands" in page.content.decode()
    world.certificate.refresh_from_db()
    assert world.certificate.status == CertificateStatus.REVOKED
    assert world.certificate.revocation_reason == "key_compromise"
    entry = AuditEntry.objects.get(action="certificate.revoke")
    assert (entry.actor, entry.subject_id) == (
        "operator@example.org", world.certificate.public_id,
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["", "dislike", "ca_compromise"])
def test_nothing_is_revoked_when_the_reason_is_none(
    reason: str, world: World, operator: Client
) -> None:
    url = f"{LIST}issued/{world.certificate.public_id}/revoke"
    answer = operator.post(url, {"reason": reason})
    assert answer.status_code == 200
    world.certificate.refresh_from_db()
    assert world.certificate.status == CertificateStatus.ISSUED


def test_a_certificate_that_nobody_got_is_told_as_that(world: World, auditor: Client) -> None:
    moment = timezone.now()
    row = create_certificate(
        status=CertificateStatus.REVOKED, fingerprint=None, certificate=None, revoked_at=moment
    )
    for url in (LIST, f"{LIST}issued/{row.public_id}"):
        page = auditor.get(url).content.decode()
        assert "Never handed out" in page, url
        assert "Whoever has it is refused" not in page


def test_opening_the_revoke_dialog_revokes_nothing(world: World, operator: Client) -> None:
    url = f"{LIST}issued/{world.certificate.public_id}/revoke"
    assert "Not Managed" in operator.get(url, headers={"HX-Request": "true"}).content.decode()
    world.certificate.refresh_from_db()
    assert world.certificate.status == CertificateStatus.ISSUED


def test_hostile_names_stay_text(world: World, operator: Client) -> None:
    hostile = "CN=<img src=x onerror=alert(1)>\"'{{ 7|add:7 }}"
    row = create_certificate(world.device, subject=hostile)
    world.device.name = hostile
    world.device.save()
    for url in (LIST, f"{LIST}issued/{row.public_id}", f"{LIST}issued/{row.public_id}/revoke"):
        page = operator.get(url).content.decode()
        assert "&lt;img src=x" in page, url
        assert "<img src=x" not in page, url


def test_days_and_moments_are_written_in_one_way(world: World, auditor: Client) -> None:
    row = create_certificate(
        not_after=datetime(2099, 11, 3, 22, 5, tzinfo=UTC),
        revoked_at=datetime(2026, 9, 3, 22, 5, tzinfo=UTC),
        status=CertificateStatus.REVOKED,
    )
    listed = auditor.get(LIST, {"q": row.serial}).content.decode()
    page = auditor.get(f"{LIST}issued/{row.public_id}").content.decode()
    assert "3 Nov 2099" in listed
    assert "3 Nov 2099" in page
    assert "3 Sep 2026, 22:05" in page


def test_a_certificate_is_expired_on_its_devices_page_too_when_its_time_is_over(
    world: World, auditor: Client
) -> None:
    """There it was “Issued”, a month after its end."""
    Enrollment.objects.filter(pk=world.enrollment.pk).update(
        certificate_sha256=world.certificate.fingerprint
    )
    url = f"/console/devices/{world.device.public_id}"
    assert ">Issued</span>" in auditor.get(url).content.decode()
    past = timezone.now() - timedelta(days=30)
    IssuedCertificate.objects.filter(pk=world.certificate.pk).update(not_after=past)
    page = auditor.get(url).content.decode()
    assert ">Issued</span>" not in page
    assert ">Expired</span>" in page
