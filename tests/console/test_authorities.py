"""System › Certificates › Authorities: the life of the CAs by hand; keys leave only encrypted."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from guardmdm.tls import ensure_certificate
from organization.models import AuditEntry
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityState,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import (
    find_next_ca,
    get_certificate,
    get_issuing_ca,
    get_service_identity,
)
from scep.services.authorities import ensure_single_authority
from scep.services.rotation import activate_authority, prepare_authority
from tests.console.conftest import World
from tests.console.test_tokens import age_sign_in
from tests.scep.external.scep_server import make_authority

pytestmark = pytest.mark.django_db

LIST = "/console/system/certificates/authorities/"
PASSWORD = "a password of some length"


def test_the_list_names_every_ca_and_certificate_of_this_server(
    world: World, auditor: Client
) -> None:
    page = auditor.get(LIST).content.decode()
    for row in CertificateAuthority.objects.all():
        assert row.name in page
    for purpose in (ServicePurpose.SCEP_RA, ServicePurpose.PROFILE_SIGNING):
        assert str(purpose.label) in page
    assert "Activate…" not in page


def test_what_expires_soon_stands_out_with_the_days_left(world: World, auditor: Client) -> None:
    CertificateAuthority.objects.filter(pk=get_issuing_ca().pk).update(
        not_after=timezone.now() + timedelta(days=45, hours=1)
    )
    assert "45 days left" in auditor.get(LIST).content.decode()


def test_a_ca_has_a_page_with_its_numbers_and_addresses(world: World, auditor: Client) -> None:
    authority = get_issuing_ca()
    page = auditor.get(f"{LIST}{authority.public_id}").content.decode()
    assert bytes.fromhex(authority.fingerprint).hex(":").upper() in page
    assert f"/pki/crl/{authority.public_id}.crl" in page
    assert "BEGIN CERTIFICATE" in page
    assert "ECDSA P-256" in page
    assert "PRIVATE KEY" not in page
    assert "Export with key…" not in page


def test_the_next_ca_is_prepared_and_activated(bootstrapped: None, administrator: Client) -> None:
    old = get_issuing_ca()
    at = (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    answer = administrator.post(f"{LIST}prepare", {"key_type": "rsa_2048", "activates_at": at})
    authority = find_next_ca()
    assert authority is not None
    assert answer["Location"] == f"{LIST}{authority.public_id}"
    assert authority.activates_at is not None
    page = administrator.get(LIST).content.decode()
    assert "takes over on" in page
    assert f"{LIST}prepare" not in page
    administrator.post(f"{LIST}{authority.public_id}/activate")
    assert get_issuing_ca() == authority
    old.refresh_from_db()
    assert old.state == CertificateAuthorityState.RETIRED
    assert ScepProfile.objects.get(name="Default").issuing_ca == authority
    actions = AuditEntry.objects.filter(actor="administrator@example.org")
    assert {"authority.prepare", "authority.activate"} <= set(
        actions.values_list("action", flat=True)
    )


def test_a_second_next_ca_is_refused(world: World, administrator: Client) -> None:
    answer = administrator.post(f"{LIST}prepare", {"key_type": "ec_p256"})
    assert "There is a next CA already" in answer.content.decode()


def test_a_moment_in_the_past_is_refused(bootstrapped: None, administrator: Client) -> None:
    data = {"key_type": "ec_p256", "activates_at": "2020-01-01T00:00"}
    assert "must lie ahead" in administrator.post(f"{LIST}prepare", data).content.decode()
    assert find_next_ca() is None


def test_the_next_ca_can_be_cancelled(world: World, administrator: Client) -> None:
    administrator.post(f"{LIST}{world.next_ca.public_id}/cancel")
    assert find_next_ca() is None


def test_the_active_ca_is_neither_activated_nor_cancelled(
    world: World, administrator: Client
) -> None:
    active = get_issuing_ca()
    for action in ("activate", "cancel"):
        page = administrator.post(f"{LIST}{active.public_id}/{action}", follow=True)
        assert "is not the next CA" in page.content.decode()
    assert get_issuing_ca() == active


@pytest.mark.parametrize("name", ["activate", "cancel"])
def test_opening_a_question_changes_nothing(name: str, world: World, administrator: Client) -> None:
    administrator.get(f"{LIST}{world.next_ca.public_id}/{name}")
    assert find_next_ca() == world.next_ca


def build_bundle(*, password: str = "") -> bytes:
    holder = make_authority()
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return serialize_key_and_certificates(b"ca", holder.key, holder.certificate, None, encryption)


def test_an_own_ca_is_imported(bootstrapped: None, administrator: Client) -> None:
    upload = SimpleUploadedFile("ca.p12", build_bundle(password=PASSWORD))
    administrator.post(f"{LIST}import", {"bundle": upload, "password": PASSWORD})
    authority = find_next_ca()
    assert authority is not None
    assert authority.is_imported
    assert "imported" in administrator.get(LIST).content.decode()


def test_an_import_with_the_wrong_password_is_refused(
    bootstrapped: None, administrator: Client
) -> None:
    upload = SimpleUploadedFile("ca.p12", build_bundle(password=PASSWORD))
    answer = administrator.post(f"{LIST}import", {"bundle": upload, "password": "another"})
    assert answer.context["form"].non_field_errors()
    assert PASSWORD not in answer.content.decode()
    assert find_next_ca() is None


def test_a_key_in_a_file_of_its_own_is_read(bootstrapped: None, administrator: Client) -> None:
    holder = make_authority()
    key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {
        "bundle": SimpleUploadedFile("ca.pem", holder.pem.encode()),
        "key": SimpleUploadedFile("key.pem", key),
    }
    administrator.post(f"{LIST}import", files)
    authority = find_next_ca()
    assert authority is not None
    assert get_certificate(authority) == holder.certificate


class TestEnd:
    def test_a_retired_ca_is_revoked_when_its_name_is_typed(
        self, bootstrapped: None, administrator: Client, auditor: Client
    ) -> None:
        old, now = get_issuing_ca(), timezone.now()
        url = f"{LIST}{old.public_id}"
        assert f"{url}/revoke" not in administrator.get(url).content.decode()
        next_ca = prepare_authority(key_type="ec_p256", activates_at=None, actor="t", now=now)
        activate_authority(next_ca, actor="t", now=now)
        assert f"{url}/revoke" in administrator.get(url).content.decode()
        assert f"{url}/revoke" not in auditor.get(url).content.decode()
        assert "which happens within" not in administrator.get(f"{url}/revoke").content.decode()
        ServiceCertificate.objects.filter(issuer=old, is_active=True).update(
            purpose=ServicePurpose.TLS_SERVER
        )
        assert "which happens within" in administrator.get(f"{url}/revoke").content.decode()
        values = {"reason": "key_compromise", "confirmation": "something"}
        page = administrator.post(f"{url}/revoke", values).content.decode()
        assert "That is not its name." in page
        old.refresh_from_db()
        assert old.revoked_at is None
        values["confirmation"] = old.name
        page = administrator.post(f"{url}/revoke", values, follow=True).content.decode()
        assert "Its devices are being renewed" in page
        assert f"{url}/revoke" not in page
        old.refresh_from_db()
        assert old.revocation_reason == "key_compromise"
        assert ">Revoked<" in administrator.get(LIST).content.decode()

    def test_the_active_ca_is_not_revoked(self, bootstrapped: None, administrator: Client) -> None:
        row = get_issuing_ca()
        values = {"reason": "key_compromise", "confirmation": row.name}
        page = administrator.post(f"{LIST}{row.public_id}/revoke", values).content.decode()
        assert "is in use" in page
        row.refresh_from_db()
        assert row.revoked_at is None

    def test_the_scep_ca_gives_way_to_a_new_one(
        self, bootstrapped: None, administrator: Client
    ) -> None:
        row = ensure_single_authority(now=timezone.now())
        url = f"{LIST}{row.public_id}/rotate"
        assert url in administrator.get(f"{LIST}{row.public_id}").content.decode()
        administrator.get(url)
        assert ensure_single_authority(now=timezone.now()) == row
        administrator.post(url)
        assert ensure_single_authority(now=timezone.now()) != row
        assert "does not issue any more" in administrator.post(url, follow=True).content.decode()


class TestExport:
    def test_the_file_opens_with_the_password_and_holds_key_and_chain(
        self, bootstrapped: None, administrator: Client
    ) -> None:
        authority = get_issuing_ca()
        data = {"password": PASSWORD, "again": PASSWORD}
        answer = administrator.post(f"{LIST}{authority.public_id}/export", data)
        assert answer["Content-Type"] == "application/x-pkcs12"
        assert answer["Cache-Control"] == "no-store"
        opened = pkcs12.load_pkcs12(answer.content, PASSWORD.encode())
        assert opened.key is not None
        assert opened.cert is not None
        assert opened.cert.certificate == get_certificate(authority)
        assert len(opened.additional_certs) == 1
        assert AuditEntry.objects.filter(action="authority.export").count() == 1

    @pytest.mark.parametrize(
        ("password", "again"), [("short", "short"), (PASSWORD, "other"), ("", "")]
    )
    def test_nothing_leaves_when_the_password_is_weak_or_mistyped(
        self, password: str, again: str, bootstrapped: None, administrator: Client
    ) -> None:
        url = f"{LIST}{get_issuing_ca().public_id}/export"
        answer = administrator.post(url, {"password": password, "again": again})
        assert answer["Content-Type"].startswith("text/html")
        assert not AuditEntry.objects.filter(action="authority.export").exists()

    def test_a_forgotten_screen_exports_nothing(
        self, bootstrapped: None, administrator: Client
    ) -> None:
        age_sign_in(administrator)
        url = f"{LIST}{get_issuing_ca().public_id}/export"
        for answer in (
            administrator.get(url),
            administrator.post(url, {"password": PASSWORD, "again": PASSWORD}),
        ):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/accounts/reauthenticate/")
        assert not AuditEntry.objects.filter(action="authority.export").exists()


def test_the_ra_is_rotated_and_the_old_one_kept(bootstrapped: None, administrator: Client) -> None:
    rows = ServiceCertificate.objects.filter(purpose=ServicePurpose.SCEP_RA)
    old = rows.get()
    administrator.get(f"{LIST}services/scep_ra/rotate")
    assert rows.count() == 1
    page = administrator.post(f"{LIST}services/scep_ra/rotate", follow=True).content.decode()
    old.refresh_from_db()
    assert (rows.count(), old.is_active) == (2, False)
    assert "Kept for what it signed" in page


@pytest.mark.parametrize("purpose", ["tls_server", "ocsp_signing", "nothing"])
def test_what_rotates_by_itself_has_no_button(
    purpose: str, bootstrapped: None, administrator: Client
) -> None:
    assert administrator.post(f"{LIST}services/{purpose}/rotate").status_code == 404


class TestRevokingOwnCertificates:
    def url(self, row: ServiceCertificate) -> str:
        return f"{LIST}services/{row.public_id}/revoke"

    def test_an_old_one_is_revoked_when_its_serial_is_typed(
        self, world: World, administrator: Client
    ) -> None:
        row, url = world.retired_ra, self.url(world.retired_ra)
        assert url in administrator.get(LIST).content.decode()
        values = {"reason": "key_compromise", "confirmation": row.serial[-8:].upper()}
        page = administrator.post(url, values, follow=True).content.decode()
        row.refresh_from_db()
        assert row.revocation_reason == "key_compromise"
        assert "The certificate is revoked." in page
        assert url not in page
        entry = AuditEntry.objects.get(action="service_certificate.revoke")
        assert entry.subject_id == row.public_id
        assert administrator.get(url).status_code == 404

    @pytest.mark.parametrize("typed", ["", "yes", "00000000"])
    def test_nothing_is_revoked_when_something_else_is_typed(
        self, typed: str, world: World, administrator: Client
    ) -> None:
        values = {"reason": "superseded", "confirmation": typed}
        assert administrator.post(self.url(world.retired_ra), values).status_code == 200
        world.retired_ra.refresh_from_db()
        assert world.retired_ra.revoked_at is None

    def test_one_that_is_needed_is_to_be_rotated_first(
        self, bootstrapped: None, administrator: Client
    ) -> None:
        row = ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA)
        assert self.url(row) not in administrator.get(LIST).content.decode()
        values = {"reason": "superseded", "confirmation": row.serial[-8:]}
        assert "rotate it first" in administrator.post(self.url(row), values).content.decode()
        row.refresh_from_db()
        assert row.revoked_at is None

    def test_that_of_a_ca_that_does_not_issue_is_revoked_and_never_rotated(
        self, bootstrapped: None, administrator: Client
    ) -> None:
        """Rotating gives the CA that issues a new one, and leaves the others'."""
        old = ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA)
        now = timezone.now()
        next_ca = prepare_authority(key_type="ec_p256", activates_at=None, actor="t", now=now)
        activate_authority(next_ca, actor="t", now=now)
        ahead = prepare_authority(key_type="ec_p256", activates_at=None, actor="t", now=now)
        page = administrator.get(LIST).content.decode()
        assert page.count(f"{LIST}services/scep_ra/rotate") == 2  # the link, and htmx's
        for row in (old, ServiceCertificate.objects.get(issuer=ahead)):
            assert self.url(row) in page
            values = {"reason": "key_compromise", "confirmation": row.serial[-8:]}
            administrator.post(self.url(row), values)
            row.refresh_from_db()
            assert row.revocation_reason == "key_compromise"
        activate_authority(ahead, actor="t", now=now)
        assert get_service_identity(ServicePurpose.SCEP_RA, issuer=ahead).row.revoked_at is None  # type: ignore[union-attr]

    def test_a_tls_certificate_in_use_warns_and_is_replaced(
        self, bootstrapped: None, administrator: Client, settings: Any, tmp_path: Path
    ) -> None:
        settings.DATA_DIR = tmp_path
        assert ensure_certificate(now=timezone.now())
        row = ServiceCertificate.objects.get(purpose=ServicePurpose.TLS_SERVER)
        assert (
            "It is in use: this server shows it"
            in administrator.get(self.url(row)).content.decode()
        )
        administrator.post(self.url(row), {"reason": "superseded", "confirmation": row.serial[-8:]})
        assert ensure_certificate(now=timezone.now())
        assert not ensure_certificate(now=timezone.now())


def test_the_list_costs_the_same_queries_however_long(
    world: World, auditor: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        CertificateAuthority.objects.create(
            role="issuing", state="retired", name=f"Old {number}", certificate=b"",
            fingerprint=f"{number:064}", parent=get_issuing_ca().parent,
            not_after=timezone.now(),
        )  # fmt: skip
    with django_assert_max_num_queries(9):
        auditor.get(LIST)
