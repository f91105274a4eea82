"""Devices' certificates, written directly (RFC 5280 section 4.1): one for each request.

Those of one CA differ in serial number, validity, names and key. Everything else is encoded once
by cryptography, and the whole is the same, byte for byte, as what its builder makes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from scep.protocol import der
from scep.protocol.certificates import PrivateKey, encode_public_key
from scep.protocol.direct import read_key_bits
from scep.protocol.issuing import (
    Links,
    Signer,
    Validity,
    build_authority_key_identifier,
    build_key_usage,
    build_link_extensions,
    get_digest_for,
)
from scep.protocol.signing import sign_bytes

VERSION_3 = der.encode(der.CONTEXT_0, der.encode_integer(2))
RSA_SIGNATURES = {
    "sha256": der.encode_algorithm("1.2.840.113549.1.1.11"),
    "sha384": der.encode_algorithm("1.2.840.113549.1.1.12"),
}
ECDSA_SIGNATURES = {
    "sha256": der.encode_algorithm("1.2.840.10045.4.3.2", parameters=b""),
    "sha384": der.encode_algorithm("1.2.840.10045.4.3.3", parameters=b""),
}
LAST_SHORT_YEAR = 2049
"""Later years have four digits (RFC 5280 section 4.1.2.5)."""


@dataclass(frozen=True)
class _Fixed:
    """What is the same in all identities of one CA: its name, and the extensions, encoded."""

    issuer: bytes
    extensions: bytes


def build_identity_certificate(
    key: rsa.RSAPublicKey,
    *,
    issuer: Signer,
    subject: x509.Name,
    alternative_names: Sequence[x509.GeneralName] = (),
    deciphers: bool,
    serial: int,
    validity: Validity,
) -> bytes:
    """Return a device's identity certificate, DER: TLS client authentication, nothing else.

    `deciphers`: its key may be encrypted for as well (keyEncipherment).
    """
    fixed = _prepare(issuer.certificate, links=issuer.links, deciphers=deciphers)
    algorithm = _get_algorithm(issuer.key)
    public_key = encode_public_key(key)
    extensions = fixed.extensions + _encode_key_identifier(public_key)
    if alternative_names:
        extensions += _encode_extension(x509.SubjectAlternativeName(alternative_names))
    to_be_signed = der.encode(
        der.SEQUENCE,
        VERSION_3,
        der.encode_integer(serial),
        algorithm,
        fixed.issuer,
        _encode_validity(validity),
        subject.public_bytes(),
        public_key,
        der.encode(der.CONTEXT_3, der.encode(der.SEQUENCE, extensions)),
    )
    signature = sign_bytes(to_be_signed, key=issuer.key)
    return der.encode(
        der.SEQUENCE, to_be_signed, algorithm, der.encode(der.BIT_STRING, b"\0", signature)
    )


@lru_cache(maxsize=16)
def _prepare(issuer: x509.Certificate, *, links: Links, deciphers: bool) -> _Fixed:
    extensions = [
        _encode_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        _encode_extension(
            build_key_usage(signs_certificates=False, deciphers=deciphers), critical=True
        ),
        _encode_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        _encode_extension(build_authority_key_identifier(issuer)),
        *(_encode_extension(each) for each in build_link_extensions(links)),
    ]
    return _Fixed(issuer.subject.public_bytes(), b"".join(extensions))


def _get_algorithm(key: PrivateKey) -> bytes:
    known = ECDSA_SIGNATURES if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_SIGNATURES
    return known[get_digest_for(key).name]


def _encode_extension(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    return der.encode(
        der.SEQUENCE,
        der.encode_oid(value.oid.dotted_string),
        der.encode(der.BOOLEAN, b"\xff") if critical else b"",
        der.encode(der.OCTET_STRING, value.public_bytes()),
    )


def _encode_key_identifier(public_key: bytes) -> bytes:
    """Return the extension with SHA-1 of the key, which is no secret (RFC 5280, 4.2.1.2)."""
    digest = hashlib.sha1(read_key_bits(public_key), usedforsecurity=False).digest()
    return der.encode(
        der.SEQUENCE,
        der.encode_oid(x509.SubjectKeyIdentifier.oid.dotted_string),
        der.encode(der.OCTET_STRING, der.encode(der.OCTET_STRING, digest)),
    )


def _encode_validity(validity: Validity) -> bytes:
    moments = (validity.not_before, validity.not_after)
    return der.encode(der.SEQUENCE, *(_encode_moment(moment) for moment in moments))


def _encode_moment(moment: datetime) -> bytes:
    if moment.year <= LAST_SHORT_YEAR:
        return der.encode(der.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return der.encode(der.GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())
