"""The device's key, certificate request and self-signed certificate.

Source: RFC 8894 section 2.3 and 3.3.2, Apple's com.apple.security.scep payload.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

from ..errors import ProfileRefused

NAME_OIDS = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
}
NT_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
SIGN, ENCRYPT = 1, 4


def generate_key(*, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A fresh RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def build_name(subject: list[list[list[str]]]) -> x509.Name:
    """`[[["CN", "x"]], [["O", "y"]]]` as a name; keys are short names or OIDs.

    Raises ProfileRefused where Apple's client would not take the value.
    """
    try:
        return x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [x509.NameAttribute(_find_oid(key), value) for key, value in rdn]
                )
                for rdn in subject
            ]
        )
    except (ValueError, TypeError) as error:
        raise ProfileRefused(f"SCEP Subject cannot be used: {error}") from error


def _find_oid(key: str) -> x509.ObjectIdentifier:
    return NAME_OIDS.get(key) or x509.ObjectIdentifier(key)


def build_csr(
    key: rsa.RSAPrivateKey,
    *,
    subject: x509.Name,
    challenge: str | None = None,
    alternative_names: list[x509.GeneralName] | None = None,
    key_usage: int = 0,
) -> bytes:
    """A PKCS #10 request, DER, with challengePassword and what the payload asks.

    key_usage is Apple's bit mask: 1 signing, 4 encryption, 0 no extension.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    if alternative_names:
        san = x509.SubjectAlternativeName(alternative_names)
        builder = builder.add_extension(san, critical=False)
    if key_usage:
        builder = builder.add_extension(build_key_usage(key_usage), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def build_key_usage(mask: int) -> x509.KeyUsage:
    """Apple's "Key Usage" bit mask as an extension."""
    return x509.KeyUsage(
        digital_signature=bool(mask & SIGN),
        key_encipherment=bool(mask & ENCRYPT),
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def build_alternative_names(payload: dict[str, Any]) -> list[x509.GeneralName]:
    """The payload's SubjectAltName dictionary; each value is a string or a list."""
    makers: dict[str, Any] = {
        "rfc822Name": x509.RFC822Name,
        "dNSName": x509.DNSName,
        "uniformResourceIdentifier": x509.UniformResourceIdentifier,
        "ntPrincipalName": lambda text: x509.OtherName(
            NT_PRINCIPAL_NAME, core.UTF8String(text).dump()
        ),
    }
    names: list[x509.GeneralName] = []
    for key, value in payload.items():
        values = value if isinstance(value, list) else [value]
        names += [makers[key](text) for text in values if key in makers]
    return names


def build_self_signed(key: rsa.RSAPrivateKey, *, subject: x509.Name) -> x509.Certificate:
    """The throw-away certificate that signs a PKCSReq (RFC 8894 section 2.3)."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(build_key_usage(SIGN | ENCRYPT), critical=True)
        .sign(key, hashes.SHA256())
    )
