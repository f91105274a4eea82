"""An imported CA that may certify certain names only: no others are issued, people are told."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from django.test import Client
from django.utils import timezone

from enrollment.models import LogEntry
from enrollment.services.token_texts import build_token_text
from organization.models import Administrator, Organization
from scep.errors import AuthorityInvalid
from scep.models import CertificateAuthority, IssuedCertificate, ScepProfile, ServicePurpose
from scep.selectors import get_certificate, get_service_identity, list_chain
from scep.services.authority_import import import_authority
from scep.services.permitted_names import list_authority_warnings, list_profile_warnings
from scep.services.profiles import update_scep_profile
from scep.services.rotation import activate_authority
from tests.rest.conftest import add_token
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.corporate_ca import CorporateCa, make_corporation
from tests.scep.device import Device, make_key
from tests.scep.reply import decrypt_certificates, read_reply, run_openssl, write_pem

pytestmark = pytest.mark.django_db
FORBIDDEN = "certificate_names_forbidden"


def permit(*names: x509.GeneralName) -> CorporateCa:
    return make_corporation(critical=(x509.NameConstraints(names, None),))


def import_ca(ca: CorporateCa) -> CertificateAuthority:
    return import_authority(ca.bundle, actor="admin@example.com", now=timezone.now())


def activate(row: CertificateAuthority) -> CertificateAuthority:
    return activate_authority(row, actor="admin@example.com", now=timezone.now())


def enroll(profile: ScepProfile, device: Device, authority: CertificateAuthority) -> Any:
    profile.refresh_from_db()
    ra = get_service_identity(ServicePurpose.SCEP_RA, issuer=authority).certificate
    answer = Client().post(
        f"/scep/{profile.public_id}?operation=PKIOperation",
        data=device.build_request(ra=ra, challenge=STATIC_CHALLENGE),
        content_type="application/x-pki-message",
    )
    chain = [ra, *(get_certificate(each) for each in list_chain(authority))]
    return read_reply(answer.content, chain=chain)


def organize(*parts: str) -> x509.DirectoryName:
    return x509.DirectoryName(
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, part) for part in parts])
    )


def test_certificate_is_issued_when_its_names_are_permitted_and_else_refused_and_logged(
    static_profile: ScepProfile, tmp_path: Path
) -> None:
    row = activate(import_ca(permit(x509.DNSName("example.com"))))
    update_scep_profile(
        static_profile, actor="a", subject_alternative_names=["dns=phone.example.com"]
    )
    device = Device()
    reply = enroll(static_profile, device, row)
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    issuing, policy, root = (get_certificate(each) for each in list_chain(row))
    run_openssl(
        "verify", "-x509_strict", "-purpose", "sslclient",
        "-CAfile", write_pem(tmp_path, "root.pem", root),
        "-untrusted", write_pem(tmp_path, "between.pem", issuing, policy),
        write_pem(tmp_path, "leaf.pem", leaf),
    )  # fmt: skip

    update_scep_profile(static_profile, actor="a", subject_alternative_names=["dns=a.other.org"])
    before = IssuedCertificate.objects.count()
    assert enroll(static_profile, Device(key=make_key(1)), row).status == "2"
    assert IssuedCertificate.objects.count() == before
    entry = LogEntry.objects.get(code=FORBIDDEN)
    assert "a.other.org" in entry.message
    assert "Device CA" in entry.message


def test_constraints_of_a_ca_further_up_count_as_well(static_profile: ScepProfile) -> None:
    constraints = x509.NameConstraints(None, [x509.DNSName("example.com")])
    policy = CorporateCa("Policy CA", parent=CorporateCa("Root"), critical=(constraints,))
    row = activate(import_ca(CorporateCa("Device CA", parent=policy)))
    update_scep_profile(static_profile, actor="a", subject=["CN=phone.example.com"])
    assert enroll(static_profile, Device(), row).status == "2"
    assert LogEntry.objects.filter(code=FORBIDDEN).count() == 1


def test_administrators_are_told_before_such_a_ca_takes_over(
    static_profile: ScepProfile, client: Client
) -> None:
    update_scep_profile(
        static_profile,
        actor="a",
        subject_alternative_names=["dns={serial}.example.com", "email={owner}", "upn={owner}"],
    )
    row = import_ca(permit(x509.DNSName("example.com"), x509.RFC822Name("example.com")))
    (warning,) = list_authority_warnings(row, now=timezone.now())
    assert "email={owner}" in warning
    client.force_login(Administrator.objects.create(email="a@example.com", role="administrator"))
    page = client.get(f"/console/system/certificates/authorities/{row.public_id}")
    assert "“email={owner}” of the SCEP profile Static" in page.content.decode()
    assert list_profile_warnings(static_profile) == []
    url = f"/console/enrollment/scep/{static_profile.public_id}"
    before = client.get(url).content.decode()
    activate(row)
    for text in (before, client.get(url).content.decode()):
        assert text.count("“email={owner}” of the SCEP profile Static") == 1
    static_profile.refresh_from_db()
    update_scep_profile(static_profile, actor="a", subject_alternative_names=[])
    assert (
        list_profile_warnings(static_profile)
        == list_authority_warnings(row, now=timezone.now())
        == []
    )
    update_scep_profile(static_profile, actor="a", subject=["CN={serial}.other.org"])
    (warning,) = list_profile_warnings(static_profile)
    assert "CN={serial}.other.org" in warning


def test_ca_that_may_certify_other_organizations_only_is_not_imported(
    static_profile: ScepProfile,
) -> None:
    with pytest.raises(AuthorityInvalid, match="which this server needs for itself"):
        import_ca(permit(organize("Somebody else")))
    own = Organization.objects.get().name
    row = activate(import_ca(permit(organize(own))))
    assert list_authority_warnings(row, now=timezone.now()) == []
    assert enroll(static_profile, Device(), row).status == "0"
    update_scep_profile(static_profile, actor="a", subject=["CN={session}"])
    assert len(list_profile_warnings(static_profile)) == 1
    assert enroll(static_profile, Device(key=make_key(1)), row).status == "2"


def test_download_without_scep_says_why_when_its_identity_would_verify_nowhere(
    static_profile: ScepProfile, client: Client
) -> None:
    from devices.services.groups import create_group

    own = Organization.objects.get().name
    activate(import_ca(permit(organize(own))))
    Organization.objects.update(name="Renamed since")
    text = build_token_text(add_token(create_group("Crew", actor="a")))
    answer = client.get("/enroll/profile", {"token": text}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (503, FORBIDDEN)
    assert LogEntry.objects.filter(code=FORBIDDEN).exists()
