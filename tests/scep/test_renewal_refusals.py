"""RenewalReq: all those who get no successor for a certificate (S4)."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.utils import timezone

from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    ChallengePurpose,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import decode_rsa_key
from scep.protocol.identity_certificate import build_identity_certificate
from scep.protocol.issuing import Subject, build_validity
from scep.selectors import get_certificate, get_issuing_ca, get_signer
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import issue_identity, revoke_certificate
from scep.services.pki_operation import handle_pki_operation
from scep.services.profiles import create_scep_profile
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import (
    Device,
    encrypt,
    make_csr,
    make_key,
    make_self_signed,
    sign,
)
from tests.scep.renewing import (
    BAD_ALG,
    BAD_MESSAGE_CHECK,
    BAD_REQUEST,
    BAD_TIME,
    SESSION,
    Certify,
    assert_not_renewed,
    renew,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile(renewable_profile: ScepProfile) -> ScepProfile:
    return renewable_profile


def test_challenge_replaces_no_certificate_when_the_message_is_a_renewal(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S1: a RenewalReq is authorised by a certificate, even where the challenge would do."""
    csr = make_csr(make_key(1), challenge=STATIC_CHALLENGE)
    reply = renew(ask, profile, ra=ra, old=make_self_signed(make_key()), csr=csr)
    assert_not_renewed(reply)
    assert not IssuedCertificate.objects.exists()


def test_certificate_replaces_no_challenge_when_the_message_is_an_enrollment(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S1, S2: a PKCSReq that is signed with a good certificate still needs a challenge."""
    old, _ = enroll(profile)
    device = Device()
    message = device.build_renewal(ra=ra, old=old, old_key=make_key(), message_type="19")
    reply = ask(profile, message)
    assert (reply.status, reply.fail_info) == ("2", BAD_REQUEST)
    assert IssuedCertificate.objects.count() == 1


def test_expired_certificate_is_not_renewed(
    profile: ScepProfile, ra: x509.Certificate, enroll: Certify, chain: Any
) -> None:
    """S4: valid now, not ten minutes ago."""
    from tests.scep.reply import read_reply

    old, row = enroll(profile)
    device = Device(key=make_key(1))
    message = device.build_renewal(ra=ra, old=old, old_key=make_key())
    late = old.not_valid_after_utc + timedelta(seconds=1)
    data = handle_pki_operation(message, scep_profile=profile, now=late)
    assert_not_renewed(read_reply(data, chain=chain), fail_info=BAD_TIME)
    assert row.status == CertificateStatus.ISSUED


def test_revoked_certificate_is_not_renewed_nor_its_successor_handed_out_again(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4; also the very message that has worked before."""
    old, row = enroll(profile)
    message = Device(key=make_key(1)).build_renewal(ra=ra, old=old, old_key=make_key())
    assert ask(profile, message).status == "0"
    revoke_certificate(row, reason="key_compromise", now=timezone.now())
    for again in (message, Device(key=make_key(2)).build_renewal(
        ra=ra, old=old, old_key=make_key()
    )):  # fmt: skip
        reply = ask(profile, again)
        assert (reply.status, reply.fail_info) == ("2", BAD_REQUEST)
    assert IssuedCertificate.objects.filter(renews=row).count() == 1


def test_certificate_of_another_profile_is_not_renewed(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4."""
    old, _ = enroll(profile)
    other = create_scep_profile(name="Other", challenge_type="dynamic", actor="tests")
    ScepProfile.objects.filter(pk=other.pk).update(renewal_days=400)
    assert_not_renewed(renew(ask, other, ra=ra, old=old))


def test_certificate_of_the_profile_service_is_not_renewed(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """Else it would be the way to an identity that no challenge was asked for."""
    old, row = enroll(profile)
    IssuedCertificate.objects.filter(pk=row.pk).update(purpose="profile_service")
    assert_not_renewed(renew(ask, profile, ra=ra, old=old))


def test_identity_without_scep_is_not_renewed_by_scep(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S4: a PKCS#12 identity is of no SCEP profile."""
    from cryptography.hazmat.primitives.serialization import pkcs12

    package, password, row = issue_identity(
        session_id=SESSION, token_id="", common_name=SESSION, now=timezone.now()
    )
    IssuedCertificate.objects.update(not_after=timezone.now() + timedelta(days=9))
    key, _, _ = pkcs12.load_key_and_certificates(package, password.encode())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert_not_renewed(renew(ask, profile, ra=ra, old=get_certificate(row), key=key))


@pytest.mark.parametrize("purpose", [ServicePurpose.SCEP_RA, ServicePurpose.PROFILE_SIGNING])
def test_servers_own_certificate_is_not_renewed(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, purpose: ServicePurpose
) -> None:
    """S4: signed by our CA, but no device's."""
    row = ServiceCertificate.objects.filter(purpose=purpose).latest("id")
    key = decode_rsa_key(bytes(row.private_key or b""))
    assert_not_renewed(renew(ask, profile, ra=ra, old=get_certificate(row), key=key))


def make_certificate(*, name: x509.Name, serial: int = 5) -> x509.Certificate:
    """Return one that our CA has really signed for the key 0, without a row in the table."""
    certificate = build_identity_certificate(
        make_key().public_key(),
        issuer=get_signer(get_issuing_ca()),
        subject=name,
        deciphers=True,
        serial=serial,
        validity=build_validity(timezone.now(), lifetime=timedelta(days=1)),
    )
    return x509.load_der_x509_certificate(certificate)


def test_certificate_is_not_renewed_when_it_is_in_no_row(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4: a chain to our CA, the same names, serial number and key are not enough."""
    old, _ = enroll(profile)
    twin = make_certificate(name=old.subject, serial=old.serial_number)
    assert_not_renewed(renew(ask, profile, ra=ra, old=twin))
    stranger = make_certificate(name=Subject("x", "y").to_name())
    assert_not_renewed(renew(ask, profile, ra=ra, old=stranger))


def imitate(old: x509.Certificate) -> x509.CertificateBuilder:
    """Return the beginning of a certificate that has all of the old one but its extensions."""
    return (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(make_key().public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )


def test_certificate_is_not_renewed_when_it_only_looks_like_ours(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4: names of issuer and subject, serial number and key copied, signed by somebody else."""
    old, _ = enroll(profile)
    client_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    forged = imitate(old).add_extension(client_auth, False).sign(make_key(2), hashes.SHA256())
    assert_not_renewed(renew(ask, profile, ra=ra, old=forged))
    assert_not_renewed(renew(ask, profile, ra=ra, old=make_self_signed(make_key(), name=SESSION)))


USAGES: list[tuple[x509.ExtensionType, ...]] = [
    (),
    (x509.BasicConstraints(ca=False, path_length=None),),
    (
        x509.BasicConstraints(ca=False, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ),
    (
        x509.BasicConstraints(ca=True, path_length=0),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
    ),
]


@pytest.mark.parametrize("extensions", USAGES)
def test_certificate_is_not_renewed_when_it_is_for_no_device(
    extensions: tuple[x509.ExtensionType, ...],
    profile: ScepProfile,
    ra: x509.Certificate,
    ask: Any,
    enroll: Certify,
) -> None:
    """S4: our CA's signature and a row are not enough for a server's certificate or a CA's."""
    old, row = enroll(profile)
    builder = imitate(old)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    other = builder.sign(get_signer(row.issuer).key, hashes.SHA256())
    digest = other.fingerprint(hashes.SHA256()).hex()
    IssuedCertificate.objects.filter(pk=row.pk).update(fingerprint=digest)
    assert_not_renewed(renew(ask, profile, ra=ra, old=other))


def test_certificate_is_not_renewed_when_its_row_was_never_issued(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    old, _ = enroll(profile)
    IssuedCertificate.objects.update(status=CertificateStatus.INTENDED)
    assert_not_renewed(renew(ask, profile, ra=ra, old=old))


def test_certificate_is_not_renewed_when_another_key_signs(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S3: the certificate is public, its key is not."""
    old, _ = enroll(profile)
    reply = renew(ask, profile, ra=ra, old=old, key=make_key(3))
    assert_not_renewed(reply, fail_info=BAD_MESSAGE_CHECK)


def test_external_cas_certificate_is_not_renewed(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S4: a row that another CA's certificate has here is no authority to issue ours."""
    old, row = enroll(profile)
    CertificateAuthority.objects.filter(pk=row.issuer_id).update(role="external")
    assert_not_renewed(renew(ask, profile, ra=ra, old=old))


@pytest.mark.parametrize(
    ("key", "fail_info"),
    [
        (make_key(bits=1024), BAD_ALG),
        (make_key(exponent=3), BAD_ALG),
        (ec.generate_private_key(ec.SECP256R1()), BAD_ALG),
    ],
    ids=["1024 bits", "exponent 3", "EC"],
)
def test_renewal_is_refused_when_the_new_key_is_weak(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify, key: Any, fail_info: str
) -> None:
    """S6."""
    old, _ = enroll(profile)
    reply = renew(ask, profile, ra=ra, old=old, csr=make_csr(key))
    assert_not_renewed(reply, fail_info=fail_info)


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("other.example.com")]),
    ],
)
def test_renewal_is_refused_when_the_request_is_greedy(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify, extension: Any
) -> None:
    """S5."""
    old, _ = enroll(profile)
    csr = make_csr(make_key(1), extensions=[(extension, False)])
    assert_not_renewed(renew(ask, profile, ra=ra, old=old, csr=csr))


def test_renewal_is_refused_when_the_new_key_is_not_proved(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    """S3: the request inside must be signed with its own key, broken bytes look the same (S7)."""
    old, _ = enroll(profile)
    csr = bytearray(make_csr(make_key(1)))
    csr[-1] ^= 1
    for content in (bytes(csr), b"no request", csr[:-40]):
        reply = renew(ask, profile, ra=ra, old=old, csr=bytes(content))
        assert_not_renewed(reply, fail_info=BAD_MESSAGE_CHECK)


def test_renewal_challenge_is_dead_when_the_certificate_is_revoked(
    profile: ScepProfile, ra: x509.Certificate, ask: Any, enroll: Certify
) -> None:
    _, row = enroll(profile)
    challenge = create_dynamic_challenge(
        profile, session_id=SESSION, now=timezone.now(), purpose=ChallengePurpose.RENEWAL,
        renews=row,
    )  # fmt: skip
    revoke_certificate(row, reason="key_compromise", now=timezone.now())
    reply = ask(profile, Device(key=make_key(1)).build_request(ra=ra, challenge=challenge))
    assert_not_renewed(reply)


def test_challenge_of_another_day_is_dead_when_the_profile_has_become_static(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S2: an enrollment challenge fits only a profile with dynamic challenges."""
    challenge = create_dynamic_challenge(profile, session_id=SESSION, now=timezone.now())
    reply = ask(profile, Device().build_request(ra=ra, challenge=challenge))
    assert (reply.status, reply.fail_info) == ("2", BAD_REQUEST)


def test_renewal_is_refused_before_anything_is_decrypted_when_its_signer_is_a_stranger(
    profile: ScepProfile, ra: x509.Certificate, ask: Any
) -> None:
    """S7: strangers' renewals tell nothing of what is inside."""
    stranger = make_self_signed(make_key(1))
    answers = set()
    for enveloped in (
        encrypt(make_csr(make_key(1)), recipients=[ra]),
        encrypt(make_csr(make_key(1)), recipients=[ra], break_key=True),
        encrypt(b"", recipients=[ra]),
    ):
        device = Device()
        from asn1crypto import core

        message = sign(
            enveloped,
            key=make_key(1),
            certificate=stranger,
            attributes=device.get_attributes(message_type=[core.PrintableString("17")]),
        )
        answers.add(ask(profile, message).fail_info)
    assert answers == {BAD_REQUEST}
