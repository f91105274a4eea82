"""CMS SignedData as Apple's devices write it, and as an attacker would.

Source: RFC 5652 section 5; headers captured from devices for the BER form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import algos, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from . import encoding

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"


@dataclass(frozen=True)
class Attribute:
    """A signed attribute: its OID and its values, each already DER."""

    oid: str
    values: tuple[bytes, ...]

    def dump(self) -> bytes:
        return encoding.encode_definite(
            encoding.SEQUENCE,
            core.ObjectIdentifier(self.oid).dump(),
            encoding.encode_set_of(encoding.SET, self.values),
        )


@dataclass(frozen=True)
class Signer:
    """Who signs and how; the last three fields are for malformed messages.

    attributes=None signs the content itself, as captured devices do.
    """

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    digest: str = "sha256"
    attributes: tuple[Attribute, ...] | None = ()
    signature_algorithm: str = "rsassa_pkcs1v15"
    message_digest: bytes | None = None
    omit: tuple[str, ...] = ()
    corrupt_signature: bool = False


def digest_bytes(content: bytes, *, digest: str) -> bytes:
    """The hash of content by the name of its algorithm ("sha256", "sha1", …)."""
    hasher = hashes.Hash(HASHES[digest]())
    hasher.update(content)
    return hasher.finalize()


def to_der(certificate: x509.Certificate) -> bytes:
    """The certificate's DER bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def build_signed_attributes(content: bytes, *, signer: Signer) -> list[bytes]:
    """contentType, messageDigest, signingTime and the signer's own, each DER."""
    message_digest = signer.message_digest
    if message_digest is None:
        message_digest = digest_bytes(content, digest=signer.digest)
    standard = (
        Attribute(CONTENT_TYPE, (core.ObjectIdentifier(DATA).dump(),)),
        Attribute(MESSAGE_DIGEST, (core.OctetString(message_digest).dump(),)),
        Attribute(SIGNING_TIME, (core.UTCTime(datetime.now(UTC)).dump(),)),
    )
    chosen = [*standard, *(signer.attributes or ())]
    return [a.dump() for a in chosen if a.oid not in signer.omit]


def build_signer_info(content: bytes, *, signer: Signer) -> bytes:
    """One SignerInfo, version 1, naming its certificate by issuer and serial."""
    signed, attributes = content, b""
    if signer.attributes is not None:
        members = build_signed_attributes(content, signer=signer)
        signed = encoding.encode_set_of(encoding.SET, members)
        attributes = encoding.encode_set_of(encoding.CONTEXT_0, members)
    algorithm = HASHES[signer.digest]()
    signature = signer.key.sign(signed, padding.PKCS1v15(), algorithm)
    if signer.corrupt_signature:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return encoding.encode_definite(
        encoding.SEQUENCE,
        encoding.INTEGER_1,
        build_issuer_and_serial(signer.certificate),
        encode_digest_algorithm(signer.digest),
        attributes,
        algos.SignedDigestAlgorithm({"algorithm": signer.signature_algorithm}).dump(),
        encoding.encode_definite(encoding.OCTET_STRING, signature),
    )


def build_issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """IssuerAndSerialNumber, DER."""
    return encoding.encode_definite(
        encoding.SEQUENCE,
        certificate.issuer.public_bytes(),
        core.Integer(certificate.serial_number).dump(),
    )


def encode_digest_algorithm(digest: str) -> bytes:
    """AlgorithmIdentifier with the NULL parameters that devices send."""
    identifier = core.ObjectIdentifier(algos.DigestAlgorithmId(digest).dotted).dump()
    return encoding.encode_definite(encoding.SEQUENCE, identifier, encoding.NULL)


def build_signed_data(
    content: bytes,
    *,
    signers: Sequence[Signer],
    certificates: Sequence[x509.Certificate],
    detached: bool = False,
    ber: bool = False,
) -> bytes:
    """A ContentInfo holding SignedData over content, which stays out when detached."""
    embedded = b""
    if not detached:
        octets = encoding.encode_octets(content, ber=ber)
        embedded = encoding.encode_value(encoding.CONTEXT_0, octets, ber=ber)
    data = core.ObjectIdentifier(DATA).dump()
    digests = {encode_digest_algorithm(signer.digest) for signer in signers}
    infos = [build_signer_info(content, signer=signer) for signer in signers]
    signed_data = encoding.encode_value(
        encoding.SEQUENCE,
        encoding.INTEGER_1,
        encoding.encode_set_of(encoding.SET, digests),
        encoding.encode_value(encoding.SEQUENCE, data, embedded, ber=ber),
        encoding.encode_set_of(encoding.CONTEXT_0, map(to_der, certificates)),
        encoding.encode_set_of(encoding.SET, infos),
        ber=ber,
    )
    return wrap_content_info(SIGNED_DATA, signed_data, ber=ber)


def wrap_content_info(oid: str, body: bytes, *, ber: bool) -> bytes:
    """ContentInfo around an already encoded body."""
    explicit = encoding.encode_value(encoding.CONTEXT_0, body, ber=ber)
    identifier = core.ObjectIdentifier(oid).dump()
    return encoding.encode_value(encoding.SEQUENCE, identifier, explicit, ber=ber)


def sign_detached(
    body: bytes,
    *,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    attributes: bool = True,
    digest: str = "sha256",
    ber: bool = False,
    signers: int = 1,
    chain: Sequence[x509.Certificate] = (),
    embed_content: bool = False,
    include_certificate: bool = True,
    message_digest: bytes | None = None,
    corrupt_signature: bool = False,
) -> bytes:
    """The CMS that base64 turns into an Mdm-Signature header; raw bytes here.

    attributes=False signs the body itself. signers=0 or 2, embed_content,
    include_certificate=False, message_digest (put in place of the true one) and
    corrupt_signature make the variants that a server must refuse.
    """
    signer = Signer(
        key=key,
        certificate=certificate,
        digest=digest,
        attributes=() if attributes else None,
        message_digest=message_digest,
        corrupt_signature=corrupt_signature,
    )
    return build_signed_data(
        body,
        signers=[signer] * signers,
        certificates=[*([certificate] if include_certificate else []), *chain],
        detached=not embed_content,
        ber=ber,
    )
