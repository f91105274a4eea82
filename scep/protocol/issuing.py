"""The certificates that this server makes: the two CAs, its own services', the devices'.

Every one says what it is for and nothing more (RFC 5280 section 4.2). A device's request gives
the public key only; subject, usage and validity are the caller's, never the request's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from scep.protocol.certificates import PrivateKey, PublicKey

BACKDATED = timedelta(minutes=10)
"""Devices' clocks run late, so certificates are valid from a little earlier."""
MAX_NAME_BYTES = 64
SERIAL_BITS = 128
P256_BITS = 256


@dataclass(frozen=True)
class Links:
    """Where others find out about a CA's certificates: URLs of CRL, OCSP responder, certificate."""

    crl: str
    ocsp: str
    certificate: str


@dataclass(frozen=True)
class Signer:
    """A CA: its certificate, the key that signs, and what it writes into what it signs."""

    certificate: x509.Certificate
    key: PrivateKey
    links: Links


@dataclass(frozen=True)
class Subject:
    """Whom a certificate names; each part is cut to 64 bytes of UTF-8 (X.520 upper bounds)."""

    common_name: str
    organization: str

    def to_name(self) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, cut_text(self.organization)),
                x509.NameAttribute(NameOID.COMMON_NAME, cut_text(self.common_name)),
            ]
        )


def cut_text(text: str, *, size: int = MAX_NAME_BYTES) -> str:
    """Return the longest beginning of `text` that is at most `size` bytes of UTF-8."""
    return text.encode()[:size].decode(errors="ignore")


@dataclass(frozen=True)
class Validity:
    """From `not_before` to `not_after`, whole seconds, UTC."""

    not_before: datetime
    not_after: datetime


def build_validity(
    now: datetime, *, lifetime: timedelta, limit: datetime | None = None
) -> Validity:
    """Return the validity of a certificate made `now`, backdated by ten minutes.

    It ends at `limit` where that comes first: no certificate outlives its issuer's.
    """
    moment = now.replace(microsecond=0)
    end = moment + lifetime
    return Validity(moment - BACKDATED, min(end, limit) if limit else end)


def build_root_certificate(
    key: PrivateKey, *, subject: Subject, serial: int, validity: Validity
) -> x509.Certificate:
    """Return a self-signed CA certificate."""
    name = subject.to_name()
    builder = _start(key.public_key(), name=name, serial=serial, validity=validity)
    builder = _as_authority(builder.issuer_name(name), path_length=1)
    return builder.sign(key, hashes.SHA256())


def build_issuing_certificate(
    key: PublicKey,
    *,
    issuer: Signer,
    subject: Subject,
    serial: int,
    validity: Validity,
    deciphers: bool = False,
) -> x509.Certificate:
    """Return the certificate of a CA that may issue to devices and services only.

    `deciphers`: SCEP clients may encrypt their requests to it, for there is no RA beside it.
    """
    builder = _start(key, name=subject.to_name(), serial=serial, validity=validity)
    builder = _as_authority(builder, path_length=0, deciphers=deciphers)
    return _sign(builder, issuer=issuer)


def build_ra_certificate(
    key: PublicKey, *, issuer: Signer, subject: Subject, serial: int, validity: Validity
) -> x509.Certificate:
    """Return the SCEP registration authority's: it signs answers and decrypts requests."""
    builder = _start(key, name=subject.to_name(), serial=serial, validity=validity)
    builder = _as_end_entity(builder, deciphers=True)
    return _sign(builder, issuer=issuer)


def build_profile_signing_certificate(
    key: PublicKey, *, issuer: Signer, subject: Subject, serial: int, validity: Validity
) -> x509.Certificate:
    """Return the certificate behind signed profiles; usable for S/MIME and code signing."""
    builder = _start(key, name=subject.to_name(), serial=serial, validity=validity)
    builder = _as_end_entity(
        builder,
        deciphers=False,
        usages=[ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CODE_SIGNING],
    )
    return _sign(builder, issuer=issuer)


def build_server_certificate(
    key: PublicKey,
    *,
    issuer: Signer,
    subject: Subject,
    hosts: Sequence[str],
    serial: int,
    validity: Validity,
) -> x509.Certificate:
    """Return a TLS server certificate for `hosts`, names or IP addresses."""
    builder = _start(key, name=subject.to_name(), serial=serial, validity=validity)
    builder = _as_end_entity(builder, deciphers=True, usages=[ExtendedKeyUsageOID.SERVER_AUTH])
    names = x509.SubjectAlternativeName([_build_host_name(host) for host in hosts])
    return _sign(builder.add_extension(names, critical=False), issuer=issuer)


def _build_host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _start(
    key: PublicKey,
    *,
    name: x509.Name,
    serial: int,
    validity: Validity,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _as_authority(
    builder: x509.CertificateBuilder, *, path_length: int, deciphers: bool = False
) -> x509.CertificateBuilder:
    # digitalSignature: macOS wants it in the CA certificates of a SCEP server.
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(build_key_usage(signs_certificates=True, deciphers=deciphers), critical=True)


def _as_end_entity(
    builder: x509.CertificateBuilder,
    *,
    deciphers: bool,
    usages: list[x509.ObjectIdentifier] | None = None,
) -> x509.CertificateBuilder:
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    ).add_extension(build_key_usage(signs_certificates=False, deciphers=deciphers), critical=True)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder


def build_key_usage(*, signs_certificates: bool, deciphers: bool) -> x509.KeyUsage:
    """Return the extension with digitalSignature, and more as told."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=deciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, *, issuer: Signer) -> x509.Certificate:
    builder = builder.issuer_name(issuer.certificate.subject).add_extension(
        build_authority_key_identifier(issuer.certificate), critical=False
    )
    for extension in build_link_extensions(issuer.links):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer.key, get_digest_for(issuer.key))


def build_authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Name the issuer's key as its own certificate does, which imported CAs do in their own ways.

    One without a SubjectKeyIdentifier gets RFC 5280's: SHA-1 of the key (section 4.2.1.2).
    """
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        identifier = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())  # type: ignore[arg-type]
    else:
        identifier = found.value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def get_digest_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """Return the digest to sign with: SHA-384 for P-384 keys (RFC 5758), else SHA-256."""
    is_large = isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > P256_BITS
    return hashes.SHA384() if is_large else hashes.SHA256()


def build_link_extensions(
    links: Links,
) -> tuple[x509.CRLDistributionPoints, x509.AuthorityInformationAccess]:
    """Name the CRL (RFC 5280 section 4.2.1.13), the OCSP responder and the CA's certificate."""
    point = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(links.crl)],
        relative_name=None,
        reasons=None,
        crl_issuer=None,
    )
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, links.ocsp),
            (AuthorityInformationAccessOID.CA_ISSUERS, links.certificate),
        )
    ]
    return x509.CRLDistributionPoints([point]), x509.AuthorityInformationAccess(access)
