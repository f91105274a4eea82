"""What stands in a certificate, in words for people."""

from dataclasses import dataclass
from typing import Any

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from scep.protocol.names import describe_name

USAGES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "client authentication",
    ExtendedKeyUsageOID.SERVER_AUTH: "server authentication",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP signing",
    ExtendedKeyUsageOID.CODE_SIGNING: "code signing",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "e-mail protection",
}
NIST_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
NAMES: dict[type[x509.GeneralName], str] = {
    x509.DNSName: "DNS",
    x509.RFC822Name: "e-mail",
    x509.UniformResourceIdentifier: "URI",
    x509.IPAddress: "IP",
    x509.OtherName: "other name",
}


@dataclass(frozen=True)
class CertificateDescription:
    """`key` is like "RSA 2048"; names are like "DNS example.com"; addresses are URLs."""

    subject: str
    issuer: str
    key: str
    signature: str
    names: tuple[str, ...]
    usages: tuple[str, ...]
    crl_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    pem: str


def describe_certificate(der: bytes) -> CertificateDescription:
    """Describe a certificate; raises ValueError for bytes that are none."""
    certificate = x509.load_der_x509_certificate(der)
    return CertificateDescription(
        subject=describe_name(certificate.subject),
        issuer=describe_name(certificate.issuer),
        key=_describe_key(certificate.public_key()),
        signature=_describe_signature(certificate),
        names=_list_names(certificate),
        usages=_list_usages(certificate),
        crl_urls=_list_crl_urls(certificate),
        ocsp_urls=_list_ocsp_urls(certificate),
        pem=certificate.public_bytes(Encoding.PEM).decode(),
    )


def _describe_key(key: Any) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {NIST_NAMES.get(key.curve.name, key.curve.name)}"
    return type(key).__name__.removesuffix("PublicKey")


def _describe_signature(certificate: x509.Certificate) -> str:
    digest = certificate.signature_hash_algorithm
    return digest.name.upper() if digest else certificate.signature_algorithm_oid.dotted_string


def _list_names(certificate: x509.Certificate) -> tuple[str, ...]:
    extension = _find(certificate, x509.SubjectAlternativeName)
    return tuple(
        f"{NAMES.get(type(name), type(name).__name__)} {_read_name(name)}" for name in extension
    )


def _read_name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.OtherName):
        return f"{name.type_id.dotted_string}: {_read_other_name(name.value)}"
    return str(name.value)


def _read_other_name(der: bytes) -> str:
    """Return a text as such, and anything else in hexadecimal: a stranger's CA may write it."""
    try:
        value = core.load(der, strict=True)
        return str(value.native) if isinstance(value, core.AbstractString) else der.hex()
    except ValueError:
        return der.hex()


def _list_usages(certificate: x509.Certificate) -> tuple[str, ...]:
    extension = _find(certificate, x509.ExtendedKeyUsage)
    return tuple(USAGES.get(usage, usage.dotted_string) for usage in extension)


def _list_crl_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    points = _find(certificate, x509.CRLDistributionPoints)
    return tuple(str(name.value) for point in points for name in point.full_name or ())


def _list_ocsp_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    entries = _find(certificate, x509.AuthorityInformationAccess)
    return tuple(
        str(entry.access_location.value)
        for entry in entries
        if entry.access_method == AuthorityInformationAccessOID.OCSP
    )


def _find(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):  # a stranger's CA may write nonsense there
        return ()
