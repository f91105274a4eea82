"""CMS for everybody else: attached signatures for profiles, detached ones for device messages."""

from collections.abc import Mapping, Sequence

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from scep.errors import SignatureInvalid
from scep.protocol.certificates import encode_certificate
from scep.protocol.reading import refusing
from scep.protocol.signed_data import (
    CONTENT_TYPE_ATTRIBUTE,
    DATA,
    MESSAGE_DIGEST_ATTRIBUTE,
    decode_signature,
    verify_signature,
)

MAX_SIGNATURE_BYTES = 64 * 1024


def verify_detached(signature: bytes, *, content: bytes, allow_sha1: bool) -> x509.Certificate:
    """Return the certificate whose key signed `content`; its chain is NOT checked.

    `signature`: CMS SignedData, DER or BER, without content, with or without signed attributes.
    Raises SignatureInvalid.
    """
    if len(signature) > MAX_SIGNATURE_BYTES:
        raise SignatureInvalid("the signature is too large")
    with refusing(SignatureInvalid, "the signature cannot be read"):
        decoded = decode_signature(signature)
        if decoded.content is not None:
            raise SignatureInvalid("a detached signature must not hold content")
        verify_signature(decoded, content=content, allow_sha1=allow_sha1)
    return decoded.signer


def sign_attached(
    content: bytes,
    *,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    chain: Sequence[x509.Certificate] = (),
    attributes: Mapping[str, core.Asn1Value] | None = None,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """Return DER SignedData around `content` (RFC 5652 section 5), SHA-256 unless told.

    `chain`: further certificates to send along. `attributes`: further signed attributes, by OID.
    """
    digest = digest or hashes.SHA256()
    signed_attributes = _build_attributes(content, extra=attributes or {}, digest=digest)
    signature = key.sign(signed_attributes.dump(), padding.PKCS1v15(), digest)
    digest_algorithm = algos.DigestAlgorithm({"algorithm": digest.name})
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [digest_algorithm],
            "encap_content_info": {"content_type": DATA, "content": content},
            "certificates": _build_certificate_set([certificate, *chain]),
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": {"issuer_and_serial_number": build_issuer_and_serial(certificate)},
                    "digest_algorithm": digest_algorithm,
                    "signed_attrs": signed_attributes,
                    # Bare rsaEncryption: some SCEP clients take nothing else here.
                    "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
                    "signature": signature,
                }
            ],
        }
    )
    return _wrap("signed_data", signed)


def build_degenerate(certificates: Sequence[x509.Certificate]) -> bytes:
    """Return DER SignedData that only carries certificates (RFC 8894 section 3.4)."""
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": DATA},
            "certificates": _build_certificate_set(certificates),
            "signer_infos": [],
        }
    )
    return _wrap("signed_data", signed)


def build_issuer_and_serial(certificate: x509.Certificate) -> cms.IssuerAndSerialNumber:
    """Return how CMS names this certificate."""
    return cms.IssuerAndSerialNumber(
        {
            "issuer": asn1_x509.Name.load(certificate.issuer.public_bytes()),
            "serial_number": certificate.serial_number,
        }
    )


def _build_attributes(
    content: bytes, *, extra: Mapping[str, core.Asn1Value], digest: hashes.HashAlgorithm
) -> cms.CMSAttributes:
    hasher = hashes.Hash(digest)
    hasher.update(content)
    values: dict[str, core.Asn1Value] = {
        CONTENT_TYPE_ATTRIBUTE: cms.ContentType(DATA),
        MESSAGE_DIGEST_ATTRIBUTE: core.OctetString(hasher.finalize()),
        **extra,
    }
    return cms.CMSAttributes(
        [cms.CMSAttribute({"type": oid, "values": [value]}) for oid, value in values.items()]
    )


def _build_certificate_set(certificates: Sequence[x509.Certificate]) -> cms.CertificateSet:
    return cms.CertificateSet(
        [
            cms.CertificateChoices(
                {"certificate": asn1_x509.Certificate.load(encode_certificate(certificate))}
            )
            for certificate in certificates
        ]
    )


def _wrap(content_type: str, content: core.Asn1Value) -> bytes:
    return cms.ContentInfo({"content_type": content_type, "content": content}).dump()
