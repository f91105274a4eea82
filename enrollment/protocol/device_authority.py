"""Whether a certificate is the identity that an Apple device has left the factory with.

Apple's CA for them has a key of 1024 bits, signs with SHA-1 and expired in 2014, so no library's
chain building accepts it, and devices use it all the same. Therefore that one CA is pinned, the
signature under a device's certificate is checked with its key, and times are not looked at.
"""

from dataclasses import dataclass
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from enrollment.errors import ProfileServiceRefused
from scep.protocol.reading import MALFORMED

UNTRUSTED = "device_certificate_not_trusted"
RSA_SIGNATURES: dict[x509.ObjectIdentifier, hashes.HashAlgorithm] = {
    SignatureAlgorithmOID.RSA_WITH_SHA1: hashes.SHA1(),  # noqa: S303 - Apple's own
    SignatureAlgorithmOID.RSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.RSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.RSA_WITH_SHA512: hashes.SHA512(),
}
ECDSA_SIGNATURES: dict[x509.ObjectIdentifier, hashes.HashAlgorithm] = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: hashes.SHA512(),
}
LEAST_BITS, MOST_BITS = 1024, 4096


class DeviceAuthorityInvalid(ValueError):
    """A file that names no certificate authority of devices; the text says why."""


@dataclass(frozen=True)
class DeviceAuthority:
    """The CA whose key signs devices' certificates; what stands above it proves nothing here."""

    issuer: x509.Certificate


def decode_authority(pem: bytes) -> DeviceAuthority:
    """Read the devices' CA, followed by those above it where they are given.

    Each must have been issued by the next one, which finds a file whose order is wrong. Raises
    DeviceAuthorityInvalid.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
        for certificate, issuer in pairwise(chain):
            _verify_issued(certificate, issuer=issuer)
        if not all(_is_authority(each) for each in chain):
            raise DeviceAuthorityInvalid("a certificate in it is no CA's")
    except ProfileServiceRefused as error:
        raise DeviceAuthorityInvalid("a certificate was not issued by the next one") from error
    except DeviceAuthorityInvalid:
        raise
    except MALFORMED as error:
        raise DeviceAuthorityInvalid("it holds no certificates in PEM form") from error
    return DeviceAuthority(chain[0])


def is_named_by(certificate: x509.Certificate, *, authority: DeviceAuthority) -> bool:
    """Whether the certificate says that the devices' CA issued it; nothing is proved."""
    try:
        return certificate.issuer == authority.issuer.subject
    except MALFORMED as error:
        raise _refuse("the signer's certificate cannot be read") from error


def verify_device_certificate(certificate: x509.Certificate, *, authority: DeviceAuthority) -> None:
    """Raise ProfileServiceRefused unless the devices' CA signed it, and it is a device's.

    Neither its times nor the CA's are looked at.
    """
    try:
        _verify_issued(certificate, issuer=authority.issuer)
        if _is_authority(certificate):
            raise _refuse("the signer is a CA, not a device")
        _check_key(certificate)
    except MALFORMED as error:
        raise _refuse("the signer's certificate cannot be read") from error


def _verify_issued(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    if certificate.issuer != issuer.subject:
        raise _refuse("the signer's certificate was issued by another CA")
    key, oid = issuer.public_key(), certificate.signature_algorithm_oid
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, rsa.RSAPublicKey) and oid in RSA_SIGNATURES:
            key.verify(signature, signed, padding.PKCS1v15(), RSA_SIGNATURES[oid])
        elif isinstance(key, ec.EllipticCurvePublicKey) and oid in ECDSA_SIGNATURES:
            key.verify(signature, signed, ec.ECDSA(ECDSA_SIGNATURES[oid]))
        else:
            raise _refuse("the signer's certificate is signed by an algorithm not taken")
    except InvalidSignature as error:
        raise _refuse("the signature under the signer's certificate is not the CA's") from error


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise _refuse("the signer's key has a size that no device's has")


def _refuse(message: str) -> ProfileServiceRefused:
    return ProfileServiceRefused(UNTRUSTED, message)
