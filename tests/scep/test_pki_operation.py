"""PKIOperation over HTTP: who gets a certificate, and what is in it."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.utils import timezone

from organization.selectors import get_organization
from organization.services.enrollment_stop import resume_enrollments, stop_enrollments
from scep.models import CertificateStatus, ChallengePurpose, IssuedCertificate, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_csr, make_key
from tests.scep.reply import decrypt_certificates, run_openssl, write_pem

pytestmark = pytest.mark.django_db
SESSION = "ses_" + "a" * 20


def get_certificate(reply: Any, *, device: Device) -> x509.Certificate:
    assert (reply.message_type, reply.status) == ("3", "0")
    certificates = decrypt_certificates(reply, key=device.key, certificate=device.certificate)
    assert len(certificates) == 1  # any other certificate would be sorted before it
    return certificates[0]


def test_certificate_is_issued_when_the_static_challenge_is_right(
    static_profile: ScepProfile, ra: Any, ask: Any, chain: list[x509.Certificate], tmp_path: Any
) -> None:
    device = Device(name=SESSION)
    reply = ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    certificate = get_certificate(reply, device=device)
    assert certificate.public_key() == device.key.public_key()
    assert reply.transaction_id == device.transaction_id
    root = write_pem(tmp_path, "root.pem", chain[2])
    issuing = write_pem(tmp_path, "issuing.pem", chain[1])
    leaf = write_pem(tmp_path, "leaf.pem", certificate)
    run_openssl(
        "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", issuing,
        leaf,
    )  # fmt: skip
    row = IssuedCertificate.objects.get(transaction_id=device.transaction_id)
    assert (row.status, row.session_id) == (CertificateStatus.ISSUED, SESSION)


def test_first_certificate_is_refused_and_a_renewal_issued_when_enrollments_are_stopped(
    dynamic_profile: ScepProfile, ra: Any, ask: Any, refusals: list[dict[str, Any]]
) -> None:
    def request(challenge: str) -> Any:
        device = Device()
        return device, ask(dynamic_profile, device.build_request(ra=ra, challenge=challenge))

    now = timezone.now()
    first = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=now)
    device = request(first)[0]
    issued = IssuedCertificate.objects.get(transaction_id=device.transaction_id)
    stop_enrollments(get_organization(), actor="a")
    other = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=now)
    assert request(other)[1].status == "2"
    assert [refusal["code"] for refusal in refusals] == ["enrollment_stopped"]
    purpose = ChallengePurpose.RENEWAL
    renewal = create_dynamic_challenge(
        dynamic_profile, session_id=SESSION, now=now, purpose=purpose, renews=issued
    )
    assert request(renewal)[1].status == "0"
    resume_enrollments(get_organization(), actor="a")
    assert request(other)[1].status == "0"  # it was not used up


def test_leaf_says_what_the_server_decided_when_it_is_issued(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    device = Device(name="the president")
    reply = ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    leaf = get_certificate(reply, device=device)
    (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value != "the president"
    assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Example Org"
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.key_encipherment
    assert not usage.key_cert_sign
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_before_utc < timezone.now() - timedelta(minutes=9)
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert timedelta(days=365) <= lifetime <= timedelta(days=366)
    assert leaf.serial_number.bit_length() > 64


def test_session_is_the_challenges_when_it_is_dynamic(
    dynamic_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    challenge = create_dynamic_challenge(dynamic_profile, session_id=SESSION, now=timezone.now())
    device = Device(name="ses_" + "b" * 20)
    reply = ask(dynamic_profile, device.build_request(ra=ra, challenge=challenge))
    leaf = get_certificate(reply, device=device)
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == SESSION
    assert IssuedCertificate.objects.get(transaction_id=device.transaction_id).session_id == SESSION


@pytest.mark.parametrize("cipher", ["aes128_cbc", "aes192_cbc", "aes256_cbc"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_answer_uses_the_requests_algorithms_when_they_are_strong(
    static_profile: ScepProfile, ra: Any, ask: Any, cipher: str, digest: str
) -> None:
    from asn1crypto import cms

    device = Device()
    message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE, cipher=cipher, digest=digest)
    reply = ask(static_profile, message)
    get_certificate(reply, device=device)
    content = cms.ContentInfo.load(reply.enveloped)["content"]["encrypted_content_info"]
    assert content["content_encryption_algorithm"]["algorithm"].native == cipher


def test_request_is_taken_by_get_when_base64_is_written_as_macos_does(
    static_profile: ScepProfile, ra: Any, client: Any, chain: list[x509.Certificate]
) -> None:
    import base64

    from tests.scep.reply import read_reply

    # Until the text has both of the characters that form decoding would spoil.
    text = ""
    while not ("+" in text and "/" in text):
        device = Device()
        message = device.build_request(ra=ra, challenge=STATIC_CHALLENGE)
        text = base64.b64encode(message).decode()
    path = f"/scep/{static_profile.public_id}"
    for written in (text, text.rstrip("="), text.replace("+", "%20"), text.replace("+", "%2B")):
        response = client.get(path, QUERY_STRING=f"operation=PKIOperation&message={written}")
        assert response.status_code == 200
        reply = read_reply(response.content, chain=chain)
        get_certificate(reply, device=device)
    assert IssuedCertificate.objects.filter(transaction_id=device.transaction_id).count() == 1


def test_key_of_4096_bits_is_accepted_when_the_profile_asks_for_2048(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    device = Device(key=make_key(bits=4096))
    reply = ask(static_profile, device.build_request(ra=ra, challenge=STATIC_CHALLENGE))
    get_certificate(reply, device=device)


def test_san_is_left_out_when_it_repeats_the_common_name(
    static_profile: ScepProfile, ra: Any, ask: Any
) -> None:
    device = Device(name="mac-7.example.com")
    names = x509.SubjectAlternativeName([x509.DNSName("mac-7.example.com")])
    csr = make_csr(
        device.key, challenge=STATIC_CHALLENGE, names=[device.name], extensions=[(names, False)]
    )
    leaf = get_certificate(ask(static_profile, device.build_request(ra=ra, csr=csr)), device=device)
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
