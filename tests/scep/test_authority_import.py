"""An organization's own issuing CA: imported, announced, activated; openssl follows its chain."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from organization.models import AuditEntry
from organization.services.administrators import create_administrator
from scep.errors import AuthorityInvalid
from scep.models import CertificateAuthority, ScepProfile, ServiceCertificate, ServicePurpose
from scep.selectors import (
    find_next_ca,
    get_certificate,
    get_issuing_ca,
    get_root_ca,
    get_service_identity,
    is_renewal_worthwhile,
    list_chain,
    list_root_cas,
)
from scep.services.authority_import import import_authority
from scep.services.issuance import issue_identity
from scep.services.permitted_names import list_authority_warnings
from scep.services.profile_signing import sign_profile
from scep.services.rotation import activate_authority, cancel_authority, prepare_authority
from tests.console.conftest import PASSWORD, sign_in
from tests.scep.certifying import certify
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.corporate_ca import CorporateCa, make_corporation
from tests.scep.device import Device
from tests.scep.reply import decrypt_certificates, read_reply, run_openssl, write_pem

pytestmark = pytest.mark.django_db


def import_ca(ca: CorporateCa) -> CertificateAuthority:
    return import_authority(ca.bundle, actor="admin@example.com", now=timezone.now())


def activate(row: CertificateAuthority) -> CertificateAuthority:
    return activate_authority(row, actor="admin@example.com", now=timezone.now())


def write_chain(folder: Path, row: CertificateAuthority) -> tuple[str, ...]:
    """Return openssl's options: trust the root alone, and know what is between."""
    issuing, *between, root = [get_certificate(each) for each in list_chain(row)]
    return (
        "-CAfile", write_pem(folder, "root.pem", root),
        "-untrusted", write_pem(folder, "between.pem", issuing, *between),
    )  # fmt: skip


def make_with_openssl(folder: Path) -> bytes:
    """Return a PKCS#12 of an RSA issuing CA below an intermediate, by openssl from end to end."""
    above: tuple[str, ...] = ()
    for number, name in enumerate(("root", "policy", "issuing")):
        run_openssl(
            "req", "-x509", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/O=Corp/CN={name}",
            "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"),
            "-days", "900", *above, "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-addext", f"basicConstraints=critical,CA:TRUE,pathlen:{2 - number}",
        )  # fmt: skip
        above = ("-CA", str(folder / f"{name}.pem"), "-CAkey", str(folder / f"{name}.key"))
    others = (folder / "policy.pem").read_bytes() + (folder / "root.pem").read_bytes()
    (folder / "others.pem").write_bytes(others)
    return run_openssl(
        "pkcs12", "-export", "-inkey", str(folder / "issuing.key"), "-in",
        str(folder / "issuing.pem"), "-certfile", str(folder / "others.pem"),
        "-passout", "pass:secret word",
    )  # fmt: skip


def test_openssl_follows_an_identity_through_the_imported_chain(tmp_path: Path) -> None:
    package = make_with_openssl(tmp_path)
    now = timezone.now()
    row = import_authority(package, password="secret word", actor="a", now=now)
    activate(row)
    _, _, identity = issue_identity(session_id="", token_id="", common_name="phone", now=now)
    leaf = write_pem(tmp_path, "leaf.pem", get_certificate(identity))
    chain = write_chain(tmp_path, row)
    run_openssl("verify", "-x509_strict", "-purpose", "sslclient", *chain, leaf)
    text = run_openssl("x509", "-in", leaf, "-noout", "-text", "-nameopt", "RFC2253").decode()
    assert "Issuer: CN=issuing,O=Corp" in text
    assert f"/pki/crl/{row.public_id}.crl" in text
    ra = get_service_identity(ServicePurpose.SCEP_RA, issuer=row)
    run_openssl("verify", "-x509_strict", *chain, write_pem(tmp_path, "ra.pem", ra.certificate))
    # It ends with its CA and not after it.
    assert ra.certificate.not_valid_after_utc <= row.not_after


def test_no_identity_outlives_the_chain_when_a_ca_above_an_imported_one_ends_first(
    tmp_path: Path,
) -> None:
    policy = CorporateCa("Policy CA", parent=CorporateCa("Corporate Root"), days=100)
    row = import_ca(CorporateCa("Device CA", parent=policy))
    (warning,) = list_authority_warnings(row, now=timezone.now())
    assert f"ends first, on {policy.certificate.not_valid_after_utc:%-d %b %Y}" in warning
    row = activate(row)
    now = timezone.now()
    _, identity = certify(now=now)
    last = int(identity.not_after.timestamp()) - 1
    leaf = write_pem(tmp_path, "leaf.pem", get_certificate(identity))
    run_openssl("verify", "-attime", str(last), *write_chain(tmp_path, row), leaf)
    # Another one would end at the same moment, so nobody is asked to renew it again and again.
    assert not is_renewal_worthwhile(identity, now=now + timedelta(days=90))


def test_administrator_reads_of_it_when_an_imported_ca_ends_soon() -> None:
    """Before it issues, not when the first warning is due."""
    create_administrator("a@example.com", role="administrator", password=PASSWORD)
    client = sign_in("a@example.com")
    row = import_ca(CorporateCa("Device CA", parent=CorporateCa("Corporate Root"), days=29))
    url = f"/console/system/certificates/authorities/{row.public_id}"
    for page in (url, f"{url}/activate"):
        text = client.get(page).content.decode()
        assert f"“Device CA” ends soon, on {row.not_after:%-d %b %Y}" in text
    cancel_authority(row, actor="a")
    row = import_ca(CorporateCa("Device CA", parent=CorporateCa("Corporate Root"), days=365))
    assert list_authority_warnings(row, now=timezone.now()) == []


def test_imported_ca_waits_as_the_next_one() -> None:
    before = get_issuing_ca()
    row = import_ca(make_corporation())
    assert find_next_ca() == row
    assert get_issuing_ca() == before
    issuing, policy, root = list_chain(row)
    assert [each.role for each in (issuing, policy, root)] == ["issuing", "intermediate", "root"]
    assert issuing.private_key
    assert policy.private_key is None
    assert root.private_key is None
    entry = AuditEntry.objects.get(action="authority.import")
    assert (entry.subject_id, entry.actor) == (row.public_id, "admin@example.com")
    assert list_root_cas() == [get_root_ca()]


def test_control_characters_of_a_name_are_not_stored() -> None:
    """PostgreSQL takes no NUL."""
    row = import_ca(make_corporation(name="Device\0 \x1bCA"))
    assert row.name == "Device CA"


def test_devices_trust_both_roots_when_an_imported_ca_issues() -> None:
    own, row = get_root_ca(), import_ca(make_corporation())
    activate(row)
    assert get_root_ca() == own
    assert list_root_cas() == [own, list_chain(row)[-1]]
    # The way back: the imported CA is retired, and its identities live on.
    now = timezone.now()
    activate(prepare_authority(key_type="ec_p256", activates_at=None, actor="a", now=now))
    assert list_root_cas() == [own, list_chain(row)[-1]]
    CertificateAuthority.objects.filter(pk=row.pk).update(not_after=now - timedelta(days=1))
    assert list_root_cas() == [own]


def test_profiles_are_signed_below_our_own_root_when_a_foreign_ca_issues(tmp_path: Path) -> None:
    """A device that enrolled before the import trusts nothing else."""
    activate(import_ca(make_corporation()))
    root = write_pem(tmp_path, "root.pem", get_certificate(get_root_ca()))
    signed = sign_profile(b"<plist/>")
    assert run_openssl("cms", "-verify", "-binary", "-inform", "DER", "-CAfile", root,
                       stdin=signed) == b"<plist/>"  # fmt: skip


def test_device_enrolls_below_an_imported_ca(client: Any, static_profile: ScepProfile) -> None:
    row = activate(import_ca(make_corporation()))
    url = f"/scep/{static_profile.public_id}"
    offered = run_openssl(
        "pkcs7", "-inform", "DER", "-print_certs",
        stdin=client.get(f"{url}?operation=GetCACert").content,
    )  # fmt: skip
    certificates = x509.load_pem_x509_certificates(offered)
    expected = [get_certificate(each) for each in list_chain(row)]
    assert len(certificates) == 4
    assert {*expected} < {*certificates}
    ra = get_service_identity(ServicePurpose.SCEP_RA, issuer=row).certificate
    device = Device()
    answer = client.post(
        f"{url}?operation=PKIOperation",
        data=device.build_request(ra=ra, challenge=STATIC_CHALLENGE),
        content_type="application/x-pki-message",
    )
    reply = read_reply(answer.content, chain=[ra, *expected])
    (leaf,) = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    leaf.verify_directly_issued_by(expected[0])


@pytest.mark.parametrize("key_identifier", [True, False])
def test_identifiers_fit_when_the_imported_ca_has_none(
    key_identifier: bool, tmp_path: Path
) -> None:
    row = activate(import_ca(make_corporation(has_key_identifier=key_identifier)))
    _, _, identity = issue_identity(
        session_id="", token_id="", common_name="phone", now=timezone.now()
    )
    leaf = write_pem(tmp_path, "leaf.pem", get_certificate(identity))
    run_openssl("verify", *write_chain(tmp_path, row), leaf)


def test_nothing_stays_when_an_import_is_cancelled_and_it_may_come_again() -> None:
    corporation = make_corporation()
    authorities, services = CertificateAuthority.objects.count(), ServiceCertificate.objects.count()
    cancel_authority(import_ca(corporation), actor="admin@example.com")
    assert CertificateAuthority.objects.count() == authorities
    assert ServiceCertificate.objects.count() == services
    assert find_next_ca() is None
    assert import_ca(corporation) == find_next_ca()


def test_second_import_shares_the_cas_above() -> None:
    first = make_corporation()
    row = activate(import_ca(first))
    second = import_ca(CorporateCa("Device CA", parent=first.parent))
    assert second.parent == row.parent
    cancel_authority(second, actor="a")
    assert [each.name for each in list_chain(row)][1:] == ["Corporate Policy CA", "Corporate Root"]


def test_import_is_refused_when_another_ca_is_next() -> None:
    prepare_authority(key_type="ec_p256", activates_at=None, actor="a", now=timezone.now())
    with pytest.raises(AuthorityInvalid, match="next CA already"):
        import_ca(make_corporation())


def test_import_is_refused_when_the_ca_is_here_already() -> None:
    corporation = make_corporation()
    activate(import_ca(corporation))
    with pytest.raises(AuthorityInvalid, match="here already"):
        import_ca(corporation)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ca: ca.pem,
        lambda ca: ca.bundle.replace(ca.key_pem, CorporateCa("x").key_pem),
        lambda ca: ca.key_pem + ca.pem,
    ],
    ids=["no key", "wrong key", "no chain"],
)
def test_nothing_is_stored_when_an_import_is_refused(
    spoil: Callable[[CorporateCa], bytes],
) -> None:
    before = CertificateAuthority.objects.count()
    with pytest.raises(AuthorityInvalid):
        import_authority(spoil(make_corporation()), actor="a", now=timezone.now())
    assert CertificateAuthority.objects.count() == before
    assert not AuditEntry.objects.filter(action="authority.import").exists()
