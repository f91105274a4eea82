"""SCEP from the other side: a PKCSReq made and its CertRep read, to try a server as a device does.

RFC 8894 sections 3.1 to 3.3; AES-128 and SHA-256, which every server of today takes.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

from scep.errors import FailInfo, RequestRejected
from scep.protocol.algorithms import get_cipher
from scep.protocol.certificates import decode_certificate
from scep.protocol.cms import sign_attached
from scep.protocol.envelopes import build_envelope, decode_envelope, open_envelope
from scep.protocol.messages import (
    CERT_REP,
    FAIL_INFO,
    MESSAGE_TYPE,
    NONCE_BYTES,
    PKI_STATUS,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    SUCCESS,
    TRANSACTION_ID,
)
from scep.protocol.reading import refusing
from scep.protocol.signed_data import Signature, decode_signature, verify_signature

PKCS_REQ = "19"
AES_128_CBC = "2.16.840.1.101.3.4.1.2"
FAILURE = "2"
TRANSACTION_BYTES = 32
SELF_SIGNED_LIFETIME = timedelta(days=1)


@dataclass(frozen=True)
class Applicant:
    """A key that asks for a certificate, and the throw-away certificate that signs for it."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    transaction_id: str
    nonce: bytes


def build_applicant(key: rsa.RSAPrivateKey, *, common_name: str, now: datetime) -> Applicant:
    """Return an applicant with a transactionID and a nonce of its own."""
    name = _build_name(common_name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SELF_SIGNED_LIFETIME)
        .not_valid_after(now + SELF_SIGNED_LIFETIME)
        .sign(key, hashes.SHA256())
    )
    transaction_id = os.urandom(TRANSACTION_BYTES).hex()
    return Applicant(key, certificate, transaction_id, os.urandom(NONCE_BYTES))


def find_recipient(certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the RSA certificate that requests are encrypted to; raises RequestRejected.

    Where there is one alone, devices encrypt to it whatever its key usage says: the CA of
    micromdm's server, for one, lacks keyEncipherment (RFC 8894 section 2.1.2 asks for it).
    """
    is_alone = len(certificates) == 1
    able = [each for each in certificates if _can_decipher(each, is_alone=is_alone)]
    if not able:
        raise RequestRejected("no RSA certificate of GetCACert may decipher")
    return next((each for each in able if not _is_authority(each)), able[0])


def build_request(applicant: Applicant, *, recipient: x509.Certificate, challenge: str) -> bytes:
    """Return a PKCSReq, DER."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(applicant.certificate.subject)
        .add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
        .sign(applicant.key, hashes.SHA256())
    )
    cipher = get_cipher(AES_128_CBC, allow_legacy=False)
    return sign_attached(
        build_envelope(request.public_bytes(Encoding.DER), recipient=recipient, cipher=cipher),
        certificate=applicant.certificate,
        key=applicant.key,
        attributes={
            MESSAGE_TYPE: core.PrintableString(PKCS_REQ),
            TRANSACTION_ID: core.PrintableString(applicant.transaction_id),
            SENDER_NONCE: core.OctetString(applicant.nonce),
        },
    )


def decode_reply(
    data: bytes, *, applicant: Applicant, authorities: Sequence[x509.Certificate]
) -> x509.Certificate:
    """Return the certificate of a CertRep; `authorities` are GetCACert's certificates.

    Raises RequestRejected with the failInfo's name where the server refused, and for every reply
    that proves nothing.
    """
    with refusing(RequestRejected, "the server's answer is no CertRep"):
        signature = decode_signature(data)
        content = signature.content or b""
        verify_signature(signature, content=content, allow_sha1=False)
        if signature.signer not in authorities:
            raise RequestRejected("the answer is signed by a stranger to GetCACert")
        _verify_reply(signature, applicant=applicant)
        envelope = decode_envelope(content, recipient=applicant.certificate, allow_legacy=False)
        issued = _decode_issued(open_envelope(envelope, key=applicant.key))
    if issued.public_key() != applicant.key.public_key():
        raise RequestRejected("the certificate in the answer is for another key")
    return issued


def _verify_reply(signature: Signature, *, applicant: Applicant) -> None:
    attributes = signature.attributes or {}
    expected = {
        MESSAGE_TYPE: core.PrintableString(CERT_REP),
        TRANSACTION_ID: core.PrintableString(applicant.transaction_id),
        RECIPIENT_NONCE: core.OctetString(applicant.nonce),
    }
    for oid, value in expected.items():
        if attributes.get(oid) != (value.dump(),):
            raise RequestRejected("the answer belongs to another request")
    status = _read_text(attributes, PKI_STATUS)
    if status == FAILURE:
        reason = FailInfo(int(_read_text(attributes, FAIL_INFO)))
        raise RequestRejected(f"the server refused the request (failInfo {reason.name})")
    if status != SUCCESS:
        raise RequestRejected(f"the server answered with the pkiStatus {status[:10]!r}")


def _read_text(attributes: Mapping[str, tuple[bytes, ...]], oid: str) -> str:
    (value,) = attributes.get(oid, ())
    return str(core.PrintableString.load(value, strict=True).native)


def _decode_issued(degenerate: bytes) -> x509.Certificate:
    found = cms.ContentInfo.load(degenerate, strict=True)["content"]["certificates"]
    if len(found) != 1:
        raise RequestRejected("the answer does not hold exactly one certificate")
    return decode_certificate(found[0].chosen.dump())


def _build_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _can_decipher(certificate: x509.Certificate, *, is_alone: bool) -> bool:
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        return False
    if is_alone:
        return True
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_encipherment


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return extension.value.ca
