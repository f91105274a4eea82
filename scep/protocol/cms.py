"""CMS for everybody else: attached signatures for profiles, detached ones for device messages."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from scep.errors import SignatureInvalid
from scep.protocol import der
from scep.protocol.algorithms import DIGESTS
from scep.protocol.certificates import encode_certificate
from scep.protocol.direct import (
    DATA,
    RSA_ENCRYPTION,
    SIGNED_DATA,
    read_issuer_and_serial,
)
from scep.protocol.reading import refusing
from scep.protocol.recurring import find_proved_signer, remember_signature
from scep.protocol.signed_data import (
    CONTENT_TYPE_ATTRIBUTE,
    MESSAGE_DIGEST_ATTRIBUTE,
    decode_signature,
    verify_signature,
)

MAX_SIGNATURE_BYTES = 64 * 1024
Trust = TypeVar("Trust")
VERSION_1 = der.encode_integer(1)
DATA_TYPE = der.encode_oid(DATA)
DIGEST_ALGORITHMS = {digest.name: der.encode_algorithm(oid) for oid, digest in DIGESTS.items()}
# Bare rsaEncryption: some SCEP clients take nothing else here.
SIGNATURE_ALGORITHM = der.encode_algorithm(RSA_ENCRYPTION)
PKCS1 = padding.PKCS1v15()


def verify_detached(signature: bytes, *, content: bytes, allow_sha1: bool) -> x509.Certificate:
    """Return the certificate whose key signed `content`; its chain is NOT checked.

    `signature`: CMS SignedData, DER or BER, without content, with or without signed attributes.
    Raises SignatureInvalid.
    """
    if len(signature) > MAX_SIGNATURE_BYTES:
        raise SignatureInvalid("the signature is too large")
    signer = find_proved_signer(signature, content=content)
    if signer is not None:
        return signer
    with refusing(SignatureInvalid, "the signature cannot be read"):
        decoded = decode_signature(signature)
        if decoded.content is not None:
            raise SignatureInvalid("a detached signature must not hold content")
        algorithm = verify_signature(decoded, content=content, allow_sha1=allow_sha1)
    remember_signature(signature, proved=decoded, algorithm=algorithm)
    return decoded.signer


def verify_attached(
    data: bytes, *, allow_sha1: bool, trust: Callable[[x509.Certificate], Trust]
) -> tuple[bytes, Trust]:
    """Return the content, and what `trust` says of the certificate whose key signed it.

    `data`: CMS SignedData, DER or BER, around its content. `trust` is asked first, and raises
    where nobody whom it trusts has issued the certificate: so no stranger's key is calculated
    with. Raises SignatureInvalid.
    """
    with refusing(SignatureInvalid, "the signed message cannot be read"):
        decoded = decode_signature(data)
        content = decoded.content
    if content is None:
        raise SignatureInvalid("the signature holds no content")
    trusted = trust(decoded.signer)
    with refusing(SignatureInvalid, "the signature cannot be read"):
        verify_signature(decoded, content=content, allow_sha1=allow_sha1)
    return content, trusted


def sign_attached(
    content: bytes,
    *,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    chain: Sequence[x509.Certificate] = (),
    attributes: Mapping[str, core.Asn1Value | bytes] | None = None,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """Return DER SignedData around `content` (RFC 5652 section 5), SHA-256 unless told.

    `chain`: further certificates to send along. `attributes`: further signed attributes by OID,
    each value an element of asn1crypto's or as DER.
    """
    digest = digest or hashes.SHA256()
    members = _build_attributes(content, extra=attributes or {}, digest=digest)
    signature = key.sign(der.encode_set_of(der.SET, members), PKCS1, digest)
    digest_algorithm = DIGEST_ALGORITHMS[digest.name]
    signer = der.encode(
        der.SEQUENCE,
        VERSION_1,
        encode_issuer_and_serial(certificate),
        digest_algorithm,
        der.encode_set_of(der.CONTEXT_0, members),
        SIGNATURE_ALGORITHM,
        der.encode(der.OCTET_STRING, signature),
    )
    return _build_signed_data(
        der.encode(der.CONTEXT_0, der.encode(der.OCTET_STRING, content)),
        digest_algorithm=digest_algorithm,
        certificates=[encode_certificate(each) for each in (certificate, *chain)],
        signer=signer,
    )


def build_degenerate(certificates: Sequence[bytes]) -> bytes:
    """Return DER SignedData that only carries certificates, DER (RFC 8894 section 3.4)."""
    return _build_signed_data(b"", digest_algorithm=b"", certificates=certificates, signer=b"")


def encode_issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """Return how CMS names this certificate: IssuerAndSerialNumber, DER."""
    return read_issuer_and_serial(encode_certificate(certificate))


def _build_attributes(
    content: bytes,
    *,
    extra: Mapping[str, core.Asn1Value | bytes],
    digest: hashes.HashAlgorithm,
) -> list[bytes]:
    hasher = hashes.Hash(digest)
    hasher.update(content)
    values: dict[str, core.Asn1Value | bytes] = {
        CONTENT_TYPE_ATTRIBUTE: DATA_TYPE,
        MESSAGE_DIGEST_ATTRIBUTE: der.encode(der.OCTET_STRING, hasher.finalize()),
        **extra,
    }
    return [
        der.encode(
            der.SEQUENCE,
            der.encode_oid(oid),
            der.encode(der.SET, value if isinstance(value, bytes) else value.dump()),
        )
        for oid, value in values.items()
    ]


def _build_signed_data(
    content: bytes,
    *,
    digest_algorithm: bytes,
    certificates: Sequence[bytes],
    signer: bytes,
) -> bytes:
    """Return a whole ContentInfo; what is empty is left out."""
    signed = der.encode(
        der.SEQUENCE,
        VERSION_1,
        der.encode(der.SET, digest_algorithm),
        der.encode(der.SEQUENCE, DATA_TYPE, content),
        der.encode_set_of(der.CONTEXT_0, [*certificates]),
        der.encode(der.SET, signer),
    )
    return encode_content_info(SIGNED_DATA, signed)


def encode_content_info(content_type: str, content: bytes) -> bytes:
    """Return `content`, a whole element, as CMS of this type (RFC 5652 section 3)."""
    return der.encode(
        der.SEQUENCE, der.encode_oid(content_type), der.encode(der.CONTEXT_0, content)
    )
