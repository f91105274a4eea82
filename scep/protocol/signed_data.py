"""CMS SignedData as devices send it (RFC 5652 section 5): read BER, prove one signature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from scep.errors import AlgorithmRefused, SignatureInvalid
from scep.protocol import der
from scep.protocol.algorithms import (
    ECDSA_SIGNATURES,
    RSA_SIGNATURES,
    get_digest,
    name_algorithm,
)
from scep.protocol.ber import read_any_lengths
from scep.protocol.certificates import decode_certificate
from scep.protocol.der import Unfamiliar
from scep.protocol.direct import DATA as DATA
from scep.protocol.direct import SIGNED_DATA, SIGNER_VERSIONS, VERSIONS, read_signed_data
from scep.protocol.names import NOT_PRINTABLE, is_not_printable, is_same_name

CONTENT_TYPE_ATTRIBUTE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST_ATTRIBUTE = "1.2.840.113549.1.9.4"
SIGNING_TIME_ATTRIBUTE = "1.2.840.113549.1.9.5"
DER_SET = b"\x31"
ReadCertificate = Callable[[bytes], x509.Certificate]


@dataclass(frozen=True)
class Signature:
    """One signer's part of a SignedData, not yet verified.

    `attributes`: signed attributes by OID, each value a whole DER element; None where there are
    none. `content`: the bytes inside, None where detached. `certificate`: the signer's, as it came.
    """

    content: bytes | None
    certificate: bytes
    signer: x509.Certificate
    attributes: Mapping[str, tuple[bytes, ...]] | None
    digest_oid: str
    algorithm_oid: str
    signature: bytes
    signed_bytes: bytes | None


def decode_signature(
    data: bytes, *, read_signer: ReadCertificate = decode_certificate
) -> Signature:
    """Read DER or BER SignedData with exactly one signer; raises SignatureInvalid or MALFORMED.

    `read_signer` reads the signer's certificate; raises ValueError.
    """
    try:
        return decode_familiar_signature(data, read_signer=read_signer)
    except Unfamiliar:
        return decode_any_signature(data, read_signer=read_signer)


def decode_familiar_signature(
    data: bytes, *, read_signer: ReadCertificate = decode_certificate
) -> Signature:
    """Read the shape that devices really send, at a fifth of the cost; raises Unfamiliar."""
    found = read_signed_data(data)
    return Signature(
        content=found.content,
        certificate=found.certificate,
        signer=_decode_signer(found.certificate, read=read_signer),
        attributes=found.attributes,
        digest_oid=found.digest_oid,
        algorithm_oid=found.algorithm_oid,
        signature=found.signature,
        signed_bytes=found.signed_bytes,
    )


def decode_any_signature(
    data: bytes, *, read_signer: ReadCertificate = decode_certificate
) -> Signature:
    """Read any SignedData with asn1crypto; raises SignatureInvalid or MALFORMED."""
    return read_any_lengths(data, partial(_read_signed_data, read_signer=read_signer))


def _read_signed_data(data: bytes, *, read_signer: ReadCertificate) -> Signature:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].dotted != SIGNED_DATA:
        raise SignatureInvalid("this is no CMS SignedData")
    signed = info["content"]
    encapsulated = signed["encap_content_info"]
    if encapsulated["content_type"].dotted != DATA:
        raise SignatureInvalid("the signed content is not of the type data")
    if len(signed["signer_infos"]) != 1:
        raise SignatureInvalid("there must be exactly one signer")
    signer_info = signed["signer_infos"][0]
    if int(signed["version"]) not in VERSIONS or int(signer_info["version"]) not in SIGNER_VERSIONS:
        raise SignatureInvalid("the signature is of a version that CMS does not have")
    attributes = signer_info["signed_attrs"]
    is_signed_by_attributes = not isinstance(attributes, core.Void)
    certificate = _find_certificate(signed["certificates"], sid=signer_info["sid"])
    return Signature(
        content=_read_content(encapsulated["content"]),
        certificate=certificate,
        signer=_decode_signer(certificate, read=read_signer),
        attributes=_read_attributes(attributes) if is_signed_by_attributes else None,
        digest_oid=signer_info["digest_algorithm"]["algorithm"].dotted,
        algorithm_oid=signer_info["signature_algorithm"]["algorithm"].dotted,
        signature=bytes(signer_info["signature"]),
        signed_bytes=_retag(attributes.contents) if is_signed_by_attributes else None,
    )


def verify_signature(
    signature: Signature, *, content: bytes, allow_sha1: bool
) -> hashes.HashAlgorithm:
    """Prove that the signer signed `content`; return the digest that was used.

    With signed attributes the contentType and messageDigest attributes are checked and the
    signature is over the attributes; without them it is over the content itself.
    Raises SignatureInvalid, or AlgorithmRefused for a digest or key that is not accepted.
    """
    digest = get_digest(signature.digest_oid, allow_sha1=allow_sha1)
    if signature.attributes is None:
        if _is_one_set(content):
            # Else the signature over somebody's signed attributes would pass as one over content.
            raise SignatureInvalid("a SET of attributes is not signed content")
        signed_bytes = content
    else:
        _verify_attributes(signature.attributes, content=content, digest=digest)
        signed_bytes = signature.signed_bytes or b""
    verify_bytes(
        signed_bytes,
        signature=signature.signature,
        signer=signature.signer,
        algorithm_oid=signature.algorithm_oid,
        digest=digest,
    )
    return digest


def verify_bytes(
    signed_bytes: bytes,
    *,
    signature: bytes,
    signer: x509.Certificate,
    algorithm_oid: str,
    digest: hashes.HashAlgorithm,
) -> None:
    """Prove that the signer's key signed these bytes; raises SignatureInvalid, AlgorithmRefused."""
    key = signer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            _check_algorithm(algorithm_oid, accepted=RSA_SIGNATURES, digest=digest)
            key.verify(signature, signed_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            _check_algorithm(algorithm_oid, accepted=ECDSA_SIGNATURES, digest=digest)
            key.verify(signature, signed_bytes, ec.ECDSA(digest))
        else:
            raise AlgorithmRefused("the signer's key is neither RSA nor EC")
    except InvalidSignature as error:
        raise SignatureInvalid("the signature does not fit the content") from error


def _read_content(content: core.Asn1Value) -> bytes | None:
    return None if isinstance(content, core.Void) else bytes(content)


def _read_attributes(attributes: cms.CMSAttributes) -> dict[str, tuple[bytes, ...]]:
    found: dict[str, tuple[bytes, ...]] = {}
    for attribute in attributes:
        oid = attribute["type"].dotted
        if oid in found:
            raise SignatureInvalid(f"the attribute {oid} stands twice")
        found[oid] = tuple(value.dump() for value in attribute["values"])
    return found


def _retag(contents: bytes) -> bytes:
    """Return the attributes as the SET OF that is signed ([0] on the wire, RFC 5652 5.4)."""
    return core.SetOf(contents=contents, spec=core.Any).dump()


def _find_certificate(certificates: core.Asn1Value, *, sid: cms.SignerIdentifier) -> bytes:
    if isinstance(certificates, core.Void):
        raise SignatureInvalid("the signer's certificate is missing")
    found = {
        choice.chosen.dump()
        for choice in certificates
        if choice.name == "certificate" and _is_named(choice.chosen, sid=sid)
    }
    if len(found) != 1:
        raise SignatureInvalid("the signer's certificate is missing or not the only one")
    return bytes(found.pop())


def _decode_signer(certificate: bytes, *, read: ReadCertificate) -> x509.Certificate:
    try:
        return read(certificate)
    except ValueError as error:
        if is_not_printable(error):
            raise SignatureInvalid(f"the signer's certificate has {NOT_PRINTABLE}") from error
        raise


def _is_named(certificate: cms.Certificate, *, sid: cms.SignerIdentifier) -> bool:
    if sid.name == "subject_key_identifier":
        return bool(certificate.key_identifier == sid.chosen.native)
    named = sid.chosen
    if certificate.serial_number != named["serial_number"].native:
        return False
    return is_same_name(certificate.issuer, named["issuer"])


def _is_one_set(content: bytes) -> bool:
    if content[:1] != DER_SET:
        return False
    try:
        core.SetOf.load(content, strict=True, spec=core.Any)
    except ValueError:
        return False
    return True


def _verify_attributes(
    attributes: Mapping[str, tuple[bytes, ...]], *, content: bytes, digest: hashes.HashAlgorithm
) -> None:
    hasher = hashes.Hash(digest)
    hasher.update(content)
    expected = der.encode(der.OCTET_STRING, hasher.finalize())
    if attributes.get(CONTENT_TYPE_ATTRIBUTE) != (der.encode_oid(DATA),):
        raise SignatureInvalid("the contentType attribute is missing or wrong")
    if attributes.get(MESSAGE_DIGEST_ATTRIBUTE) != (expected,):
        raise SignatureInvalid("the messageDigest attribute is missing or wrong")


def _check_algorithm(
    oid: str, *, accepted: Mapping[str, str | None], digest: hashes.HashAlgorithm
) -> None:
    if oid not in accepted or accepted[oid] not in (None, digest.name):
        raise AlgorithmRefused(f"the signature algorithm {name_algorithm(oid)} is not accepted")
