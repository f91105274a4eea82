"""Checks CMS SignedData as a device does, with asn1crypto as the reader.

Source: RFC 5652 section 5.4 to 5.6.
"""

from dataclasses import dataclass
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ..errors import CmsInvalid
from . import sign

READ_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError)


@dataclass(frozen=True)
class VerifiedContent:
    """What a good signature proves: this content came from this certificate's key."""

    content: bytes
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]
    attributes: dict[str, tuple[Any, ...]]


def verify_signed_data(blob: bytes, *, content: bytes | None = None) -> VerifiedContent:
    """Checks the one signature of a SignedData, attached or over `content`.

    The chain is not looked at. Raises CmsInvalid with the reason.
    """
    try:
        return _verify(blob, content)
    except READ_ERRORS as error:
        raise CmsInvalid(f"the CMS cannot be read: {error}") from error


def _verify(blob: bytes, detached: bytes | None) -> VerifiedContent:
    signed_data = decode_signed_data(blob)
    content = _find_content(signed_data, detached)
    infos = signed_data["signer_infos"]
    if len(infos) != 1:
        raise CmsInvalid(f"{len(infos)} signers where one is expected")
    certificates = decode_certificates(signed_data)
    signer = _find_signer(infos[0], certificates)
    attributes = _decode_attributes(infos[0])
    _verify_signer_info(infos[0], content=content, signer=signer, found=attributes)
    return VerifiedContent(content, signer, certificates, attributes)


def decode_signed_data(blob: bytes) -> cms.SignedData:
    """The SignedData inside a ContentInfo; raises CmsInvalid for any other type."""
    try:
        info = cms.ContentInfo.load(blob, strict=True)
        if info["content_type"].native != "signed_data":
            raise CmsInvalid(f"the CMS is {info['content_type'].native}, not signed")
        return info["content"]
    except READ_ERRORS as error:
        raise CmsInvalid(f"the CMS cannot be read: {error}") from error


def decode_certificates(signed_data: cms.SignedData) -> tuple[x509.Certificate, ...]:
    """Every certificate that the SignedData carries, in its order."""
    return tuple(
        x509.load_der_x509_certificate(choice.chosen.dump())
        for choice in signed_data["certificates"]
    )


def _find_content(signed_data: cms.SignedData, detached: bytes | None) -> bytes:
    embedded: bytes | None = signed_data["encap_content_info"]["content"].native
    if (embedded is None) == (detached is None):
        raise CmsInvalid("content must be embedded or given, and not both")
    return detached if embedded is None else embedded  # type: ignore[return-value]


def _find_signer(
    info: cms.SignerInfo, certificates: tuple[x509.Certificate, ...]
) -> x509.Certificate:
    sid = info["sid"]
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            wanted = sid.chosen.dump()
            if sign.build_issuer_and_serial(certificate) == wanted:
                return certificate
        elif _subject_key_id(certificate) == sid.chosen.native:
            return certificate
    raise CmsInvalid("the signer's certificate is not in the CMS")


def _subject_key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return extension.value.digest


def _decode_attributes(info: cms.SignerInfo) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for attribute in info["signed_attrs"]:
        oid = attribute["type"].dotted
        if oid in found:
            raise CmsInvalid(f"signed attribute {oid} appears twice")
        found[oid] = tuple(value.native for value in attribute["values"])
    return found


def _verify_signer_info(
    info: cms.SignerInfo,
    *,
    content: bytes,
    signer: x509.Certificate,
    found: dict[str, tuple[Any, ...]],
) -> None:
    digest = info["digest_algorithm"]["algorithm"].native
    if digest not in sign.HASHES or digest == "md5":
        raise CmsInvalid(f"digest algorithm {digest} is not accepted")
    signed = content
    if found:
        if found.get(sign.MESSAGE_DIGEST) != (sign.digest_bytes(content, digest=digest),):
            raise CmsInvalid("messageDigest is not the digest of the content")
        signed = _retag_attributes(info)
    _verify_signature(info["signature"].native, signed, signer=signer, digest=digest)


def _retag_attributes(info: cms.SignerInfo) -> bytes:
    """The attributes as an explicit SET; iOS refuses one that is not in DER order."""
    raw: bytes = info["signed_attrs"].dump()
    ordered = sorted(attribute.dump() for attribute in info["signed_attrs"])
    if b"".join(ordered) != info["signed_attrs"].contents:
        raise CmsInvalid("the signed attributes are not in DER order")
    return b"\x31" + raw[1:]


def _verify_signature(
    signature: bytes, signed: bytes, *, signer: x509.Certificate, digest: str
) -> None:
    key, algorithm = signer.public_key(), sign.HASHES[digest]()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            raise CmsInvalid("the signer's key is neither RSA nor EC")
    except InvalidSignature as error:
        raise CmsInvalid("the signature does not hold") from error
