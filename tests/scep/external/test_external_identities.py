"""Identity certificates of external CAs: whose are believed, and what is written down of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.utils import timezone

from devices.models import Group
from scep.errors import IdentityNotTrusted, IdentityRevoked, ProfileInvalid
from scep.models import IssuedCertificate, ScepProfile
from scep.services.external_identities import identify
from scep.services.issuance import revoke_certificate
from scep.services.profiles import create_scep_profile, update_scep_profile
from tests.devices.mdm_device import Identity, MdmDevice
from tests.devices.mdm_device import make_identity as make_own
from tests.scep.external.scep_server import (
    Holder,
    build_name,
    make_authority,
    make_identity,
    start,
)
from tests.scep.reply import run_openssl

pytestmark = pytest.mark.django_db
BUILTIN: Any = {"server_type": "builtin", "challenge_type": "dynamic"}


@pytest.fixture(scope="session")
def other() -> Holder:
    return make_authority("Another CA")


@pytest.fixture(scope="session")
def impostor() -> Holder:
    """A CA of the same name with another key."""
    return make_authority("External CA")


def ask(holder: Holder, *, now: datetime | None = None) -> IssuedCertificate:
    return identify(holder.certificate, now=now or timezone.now())


def test_certificate_is_recorded_when_first_seen(external: ScepProfile, authority: Holder) -> None:
    holder = make_identity(authority, subject=build_name("ses_x"))
    row = ask(holder)
    assert (row.status, row.subject, row.scep_profile) == ("issued", "CN=ses_x", external)
    assert row.issuer.fingerprint == authority.fingerprint
    assert row.serial == f"{holder.certificate.serial_number:x}"
    assert row.fingerprint == holder.certificate.fingerprint(hashes.SHA256()).hex()
    assert row.not_after == holder.certificate.not_valid_after_utc
    assert ask(holder) == row
    assert IssuedCertificate.objects.count() == 1


def test_own_certificate_is_known_as_before(external: ScepProfile) -> None:
    own = make_own(now=timezone.now())
    assert identify(own.certificate, now=timezone.now()) == own.row


def test_certificate_of_an_untrusted_ca_is_refused(
    external: ScepProfile, other: Holder, impostor: Holder
) -> None:
    for holder in (make_identity(other), make_identity(impostor), other, impostor):
        with pytest.raises(IdentityNotTrusted):
            ask(holder)
    assert not IssuedCertificate.objects.exists()


def test_certificate_below_an_unlisted_intermediate_is_refused(
    external: ScepProfile, authority: Holder
) -> None:
    intermediate = make_authority("Intermediate", issuer=authority)
    for holder in (make_identity(intermediate), intermediate):
        with pytest.raises(IdentityNotTrusted):
            ask(holder)


@pytest.mark.parametrize(
    "usages",
    [(ExtendedKeyUsageOID.SERVER_AUTH,), (ExtendedKeyUsageOID.CODE_SIGNING,)],
    ids=["server", "code"],
)
def test_certificate_for_something_else_is_refused(
    external: ScepProfile, authority: Holder, usages: tuple[x509.ObjectIdentifier, ...]
) -> None:
    with pytest.raises(IdentityNotTrusted, match="client authentication"):
        ask(make_identity(authority, usages=usages))


def test_certificate_is_believed_when_its_usage_is_open(
    external: ScepProfile, authority: Holder
) -> None:
    for usages in (None, (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)):
        assert ask(make_identity(authority, usages=usages)).status == "issued"


def test_certificate_that_may_not_sign_is_refused(external: ScepProfile, authority: Holder) -> None:
    key = make_identity(authority).key
    usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    certificate = (
        start(build_name("x"), key.public_key(), issuer=authority)
        .add_extension(usage, critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    with pytest.raises(IdentityNotTrusted, match="may not sign"):
        ask(Holder(key, certificate))


@pytest.mark.parametrize(
    ("arguments", "is_strong"),
    [
        (("genrsa", "512"), False),
        (("genrsa", "1024"), False),
        (("genrsa", "3072"), True),
        (("ecparam", "-name", "secp224r1", "-genkey", "-noout"), False),
        (("ecparam", "-name", "secp384r1", "-genkey", "-noout"), True),
    ],
    ids=str,
)
def test_certificate_is_believed_when_its_key_is_strong(
    external: ScepProfile, authority: Holder, arguments: tuple[str, ...], is_strong: bool
) -> None:
    """Who can compute the key would be the device."""
    key: Any = load_pem_private_key(run_openssl(*arguments), None)
    holder = make_identity(authority, public_key=key.public_key())
    if is_strong:
        assert ask(holder).status == "issued"
        return
    with pytest.raises(IdentityNotTrusted, match="key"):
        ask(holder)


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_certificate_with_a_weak_signature_is_refused(
    external: ScepProfile, authority: Holder, digest: str, tmp_path: Path
) -> None:
    ca, ca_key, csr = (tmp_path / name for name in ("ca.pem", "ca.key", "csr.pem"))
    ca.write_text(authority.pem)
    pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ca_key.write_bytes(authority.key.private_bytes(*pem))
    holder = make_identity(authority)
    request = x509.CertificateSigningRequestBuilder().subject_name(build_name("old"))
    csr.write_bytes(request.sign(holder.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    signed = run_openssl(
        "x509", "-req", "-in", str(csr), "-CA", str(ca), "-CAkey", str(ca_key), f"-{digest}",
        "-set_serial", "77", "-days", "9",
    )  # fmt: skip
    with pytest.raises(IdentityNotTrusted):
        ask(Holder(holder.key, x509.load_pem_x509_certificate(signed)))
    assert not IssuedCertificate.objects.exists()


@pytest.mark.parametrize(
    ("days", "cause"), [((-30, -1), "has expired"), ((1, 30), "not valid yet")]
)
def test_certificate_out_of_time_is_refused(
    external: ScepProfile, authority: Holder, days: tuple[float, float], cause: str
) -> None:
    with pytest.raises(IdentityNotTrusted, match=cause):
        ask(make_identity(authority, days=days))


def test_known_certificate_is_refused_when_its_time_is_over(
    external: ScepProfile, authority: Holder
) -> None:
    holder = make_identity(authority, days=(-1, 2))
    ask(holder)
    with pytest.raises(IdentityNotTrusted, match="has expired"):
        ask(holder, now=datetime.now(UTC) + timedelta(days=3))


def test_known_certificate_is_refused_when_revoked_here(
    external: ScepProfile, authority: Holder
) -> None:
    holder = make_identity(authority)
    revoke_certificate(ask(holder), reason="key_compromise", now=timezone.now(), actor="tests")
    with pytest.raises(IdentityRevoked):
        ask(holder)


def test_known_certificate_is_refused_when_its_ca_is_trusted_no_more(
    external: ScepProfile, authority: Holder, other: Holder
) -> None:
    holder = make_identity(authority)
    ask(holder)
    update_scep_profile(external, actor="tests", trusted_ca_pem=other.pem)
    for each in (holder, make_identity(authority)):
        with pytest.raises(IdentityNotTrusted):
            ask(each)


def test_two_certificates_of_one_serial_number_are_not_both_believed(
    external: ScepProfile, authority: Holder
) -> None:
    key = make_identity(authority).key
    twins = [start(build_name(name), key.public_key(), issuer=authority) for name in ("one", "two")]
    first, second = [
        Holder(key, self_numbered(builder).sign(authority.key, hashes.SHA256()))
        for builder in twins
    ]
    ask(first)
    with pytest.raises(IdentityNotTrusted, match="serial number"):
        ask(second)
    assert ask(first).subject == "CN=one"


def self_numbered(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    builder._serial_number = 4711
    return builder


@pytest.fixture
def make_device(settings: Any, bootstrapped: None) -> Any:
    settings.MDM_ADMISSION = "tests.devices.admission.admit"
    group, _ = Group.objects.get_or_create(name="Engineering")

    def make(holder: Holder) -> MdmDevice:
        return MdmDevice(Identity(holder.key, holder.certificate), group=group)

    return make


def test_device_speaks_with_an_external_identity_when_its_ca_is_trusted(
    external: ScepProfile, authority: Holder, make_device: Any
) -> None:
    device = make_device(make_identity(authority)).enroll()
    assert device.connect().status_code == 200
    assert device.row.status in {"enrolled", "managed"}


def test_device_is_refused_when_its_ca_is_not_trusted(
    external: ScepProfile, other: Holder, make_device: Any
) -> None:
    assert make_device(make_identity(other)).authenticate().status_code == 403


def test_device_is_refused_when_its_signature_is_anothers(
    external: ScepProfile, authority: Holder, make_device: Any
) -> None:
    honest, thief = make_identity(authority), make_identity(authority)
    device = make_device(Holder(thief.key, honest.certificate))
    assert device.authenticate().status_code == 403
    assert not IssuedCertificate.objects.exists()


def test_device_is_refused_when_another_certificate_of_the_ca_speaks_for_it(
    external: ScepProfile, authority: Holder, make_device: Any
) -> None:
    device = make_device(make_identity(authority)).enroll()
    thief = make_identity(authority)
    device.identity = Identity(thief.key, thief.certificate)
    assert device.connect().status_code == 403
    assert device.token_update().status_code == 403


def test_profile_stays_external_while_devices_have_identities_of_its_ca(
    external: ScepProfile, authority: Holder
) -> None:
    """A profile of the built-in CA trusts no other, and they would be refused at once."""
    row = ask(make_identity(authority))
    with pytest.raises(ProfileInvalid, match="would be refused at once"):
        update_scep_profile(external, actor="tests", **BUILTIN)
    external.refresh_from_db()
    assert (external.server_type, external.trusted_cas.count()) == ("external", 1)
    revoke_certificate(row, reason="cessation_of_operation", now=timezone.now())
    update_scep_profile(external, actor="tests", **BUILTIN)
    external.refresh_from_db()
    assert (external.server_type, external.trusted_cas.count()) == ("builtin", 0)


def test_trust_of_one_ca_may_be_shared_by_profiles(
    external: ScepProfile, values: dict[str, Any], authority: Holder
) -> None:
    second = create_scep_profile(actor="tests", **(values | {"name": "Second"}))
    row = ask(make_identity(authority))
    assert set(row.issuer.trusting_profiles.all()) == {external, second}
