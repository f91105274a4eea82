"""Devices' certificates that are written directly are cryptography's own, byte for byte."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from scep.protocol.certificates import PrivateKey
from scep.protocol.der import SEQUENCE, Reader
from scep.protocol.identity_certificate import build_identity_certificate
from scep.protocol.issuing import (
    Links,
    Signer,
    Subject,
    Validity,
    build_root_certificate,
    build_validity,
    get_digest_for,
)
from tests.scep.device import make_key

NOW = datetime(2026, 11, 26, 12, 30, 15, tzinfo=UTC)
LINKS = Links("http://ca.example/crl", "http://ca.example/ocsp", "http://ca.example/ca")
ISSUERS: dict[str, PrivateKey] = {
    "RSA": make_key(3),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
}
SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bücher & Söhne"),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.COMMON_NAME, "ses_0123456789abcdefghij"),
    ]
)
NAMES = (x509.DNSName("c02.example.com"), x509.RFC822Name("ann@example.com"))


def make_issuer(kind: str) -> Signer:
    key = ISSUERS[kind]
    certificate = build_root_certificate(
        key,
        subject=Subject("Issuing CA", "Example"),
        serial=7,
        validity=build_validity(NOW, lifetime=timedelta(days=20_000)),
    )
    return Signer(certificate, key, LINKS)


def build_with_cryptography(
    issuer: Signer,
    *,
    names: tuple[x509.GeneralName, ...],
    deciphers: bool,
    serial: int,
    validity: Validity,
) -> bytes:
    key = make_key().public_key()
    usage = x509.KeyUsage(True, False, deciphers, False, False, False, False, False, False)
    own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(LINKS.crl)], None, None, None)
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, LINKS.ocsp),
            (AuthorityInformationAccessOID.CA_ISSUERS, LINKS.certificate),
        )
    ]
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer.certificate.subject)
        .subject_name(SUBJECT)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
        )
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .add_extension(x509.AuthorityInformationAccess(access), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    digest = hashes.SHA384() if get_digest_for(issuer.key).name == "sha384" else hashes.SHA256()
    return builder.sign(issuer.key, digest).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("kind", ISSUERS)
@pytest.mark.parametrize("deciphers", [True, False])
@pytest.mark.parametrize("names", [(), NAMES])
@pytest.mark.parametrize("serial", [1, 0x80, (1 << 128) - 1])
@pytest.mark.parametrize("days", [1, 365, 9000])
def test_certificate_is_what_cryptography_builds(
    kind: str, deciphers: bool, names: tuple[x509.GeneralName, ...], serial: int, days: int
) -> None:
    issuer = make_issuer(kind)
    validity = build_validity(NOW, lifetime=timedelta(days=days))
    built = build_identity_certificate(
        make_key().public_key(),
        issuer=issuer,
        subject=SUBJECT,
        alternative_names=names,
        deciphers=deciphers,
        serial=serial,
        validity=validity,
    )
    expected = build_with_cryptography(
        issuer, names=names, deciphers=deciphers, serial=serial, validity=validity
    )
    if kind == "RSA":  # whose signatures are always the same
        assert built == expected
    loaded = x509.load_der_x509_certificate(built)
    loaded.verify_directly_issued_by(issuer.certificate)
    assert (
        loaded.tbs_certificate_bytes
        == x509.load_der_x509_certificate(expected).tbs_certificate_bytes
    )
    parts = [Reader(Reader(each).take(SEQUENCE)) for each in (built, expected)]
    for part in parts:
        part.take(SEQUENCE)
    assert parts[0].take_whole(SEQUENCE) == parts[1].take_whole(SEQUENCE)
