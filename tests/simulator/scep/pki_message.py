"""SCEP pkiMessages that a device sends, and the malformed ones a server must refuse.

Source: RFC 8894 section 3.
"""

import hashlib
import os
from collections.abc import Sequence

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..cms import Attribute, Signer, build_envelope, build_signed_data
from ..cms.encoding import SEQUENCE, encode_definite

MESSAGE_TYPE = "2.16.840.1.113733.1.9.2"
PKI_STATUS = "2.16.840.1.113733.1.9.3"
FAIL_INFO = "2.16.840.1.113733.1.9.4"
SENDER_NONCE = "2.16.840.1.113733.1.9.5"
RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6"
TRANSACTION_ID = "2.16.840.1.113733.1.9.7"

CERT_REP = "3"
RENEWAL_REQ = "17"
PKCS_REQ = "19"
CERT_POLL = "20"
NONCE_BYTES = 16


def derive_transaction_id(key: rsa.RSAPrivateKey) -> str:
    """SHA-256 of the public key in hex: a retry with the same key is the same id."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def printable(oid: str, *texts: str) -> Attribute:
    """A PrintableString attribute; several texts make an illegal multi-value one."""
    return Attribute(oid, tuple(core.PrintableString(t).dump() for t in texts))


def octets(oid: str, *values: bytes) -> Attribute:
    """An OCTET STRING attribute."""
    return Attribute(oid, tuple(core.OctetString(v).dump() for v in values))


def build_pki_message(
    csr: bytes,
    *,
    recipient: x509.Certificate,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    message_type: str | Sequence[str] = PKCS_REQ,
    transaction_id: str | None = None,
    nonce: bytes | None = None,
    digest: str = "sha256",
    cipher: str = "aes128",
    ber: bool = False,
    signers: int = 1,
    key_transport: str = "pkcs1v15",
    signature_algorithm: str = "rsassa_pkcs1v15",
    envelope: bytes | None = None,
    message_digest: bytes | None = None,
    corrupt_signature: bool = False,
    omit: Sequence[str] = (),
    extra_attributes: Sequence[Attribute] = (),
    certificates: Sequence[x509.Certificate] | None = None,
) -> bytes:
    """A PKCSReq (or another type) for `csr`, encrypted to `recipient`.

    key and certificate sign. Without transaction_id it is derived from the key;
    without nonce 16 random bytes are used. envelope replaces the encrypted part;
    omit lists attribute OIDs to leave out; several message types make one attribute
    with several values; certificates replaces what is embedded.
    """
    content = envelope or build_envelope(
        csr, recipient=recipient, cipher=cipher, ber=ber, key_transport=key_transport
    )
    types = [message_type] if isinstance(message_type, str) else message_type
    attributes = (
        printable(MESSAGE_TYPE, *types),
        printable(TRANSACTION_ID, transaction_id or derive_transaction_id(key)),
        octets(SENDER_NONCE, os.urandom(NONCE_BYTES) if nonce is None else nonce),
        *extra_attributes,
    )
    signer = Signer(
        key=key,
        certificate=certificate,
        digest=digest,
        attributes=attributes,
        signature_algorithm=signature_algorithm,
        message_digest=message_digest,
        omit=tuple(omit),
        corrupt_signature=corrupt_signature,
    )
    embedded = [certificate] if certificates is None else certificates
    return build_signed_data(content, signers=[signer] * signers, certificates=embedded, ber=ber)


def build_issuer_and_subject(*, issuer: x509.Name, subject: x509.Name) -> bytes:
    """The body of a CertPoll (RFC 8894 section 3.3.3)."""
    return encode_definite(SEQUENCE, issuer.public_bytes(), subject.public_bytes())
