"""PKCS#10 requests from devices (RFC 2986): a key, a challenge and a name that is only a hint."""

import math
from dataclasses import dataclass

from asn1crypto import core
from asn1crypto.csr import CertificationRequest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from scep.errors import AlgorithmRefused, FailInfo, RequestRejected
from scep.protocol.reading import refusing

CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"  # noqa: S105 - an object identifier
MIN_KEY_BITS, MAX_KEY_BITS = 2048, 4096
MIN_EXPONENT = 65537
MAX_EXPONENT_BITS = 64
"""A longer exponent is nobody's, and makes every verification slow."""
MAX_CHALLENGE = 8192
SMALL_PRIMES = math.prod(n for n in range(3, 1000) if all(n % d for d in range(2, n)))
DIGESTS = ("sha256", "sha384", "sha512")
TEXTS = (core.PrintableString, core.UTF8String, core.IA5String, core.TeletexString, core.BMPString)


@dataclass(frozen=True)
class CertificateRequest:
    """A verified request. `common_name` and `challenge` are "" where absent."""

    public_key: rsa.RSAPublicKey
    common_name: str
    challenge: str


def decode_csr(
    der: bytes, *, allow_sha1: bool, min_key_bits: int = MIN_KEY_BITS
) -> CertificateRequest:
    """Read a request and prove that its sender holds the key.

    Raises RequestRejected for a request that wants to be more than a device, and
    AlgorithmRefused for a weak key or digest.
    """
    # The same words whatever is wrong: bytes that could not be decrypted come here as well.
    with refusing(RequestRejected, "the request cannot be read"):
        request = _load(der)
    with refusing(RequestRejected, "the certificate request is malformed"):
        key = verify_key(request.public_key(), min_bits=min_key_bits)
        _verify_signature(request, key=key, allow_sha1=allow_sha1)
        common_name = _read_common_name(request.subject)
        _verify_extensions(request, common_name=common_name)
        return CertificateRequest(key, common_name, _read_challenge(der))


def verify_key(key: object, *, min_bits: int = MIN_KEY_BITS) -> rsa.RSAPublicKey:
    """Return the key where it is RSA of 2048 to 4096 bits and not weak; else AlgorithmRefused."""
    if not isinstance(key, rsa.RSAPublicKey):
        raise AlgorithmRefused("only RSA keys are accepted")
    if not max(min_bits, MIN_KEY_BITS) <= key.key_size <= MAX_KEY_BITS:
        raise AlgorithmRefused(f"an RSA key of {key.key_size} bits is not accepted")
    numbers = key.public_numbers()
    if numbers.e < MIN_EXPONENT or numbers.e % 2 == 0 or numbers.e.bit_length() > MAX_EXPONENT_BITS:
        raise AlgorithmRefused("the RSA exponent is not accepted")
    if numbers.n % 2 == 0 or math.gcd(numbers.n, SMALL_PRIMES) != 1:
        raise AlgorithmRefused("the RSA modulus is weak")
    return key


def _load(der: bytes) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_der_x509_csr(der)
    except ValueError as error:
        raise RequestRejected(
            "the message cannot be decrypted, or holds no certificate request",
            fail_info=FailInfo.BAD_MESSAGE_CHECK,
        ) from error
    return request


def _verify_signature(
    request: x509.CertificateSigningRequest, *, key: rsa.RSAPublicKey, allow_sha1: bool
) -> None:
    digest = request.signature_hash_algorithm
    accepted = (*DIGESTS, "sha1") if allow_sha1 else DIGESTS
    if digest is None or digest.name not in accepted:
        raise AlgorithmRefused("the certificate request is signed with a digest that is too weak")
    scheme = request.signature_algorithm_parameters
    if not isinstance(scheme, padding.PKCS1v15 | padding.PSS):
        raise AlgorithmRefused("the certificate request is not signed by RSA")
    try:
        # By hand: cryptography's own is_signature_valid knows no SHA-1.
        key.verify(request.signature, request.tbs_certrequest_bytes, scheme, digest)
    except InvalidSignature as error:
        raise RequestRejected(
            "the certificate request is not signed with its own key",
            fail_info=FailInfo.BAD_MESSAGE_CHECK,
        ) from error


def _read_common_name(subject: x509.Name) -> str:
    if any("\0" in _as_text(attribute.value) for attribute in subject):
        raise RequestRejected("the certificate request's subject holds a NUL")
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) > 1:
        raise RequestRejected("the certificate request names more than one CN")
    return _as_text(names[0].value) if names else ""


def _as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _verify_extensions(request: x509.CertificateSigningRequest, *, common_name: str) -> None:
    """Refuse what an honest device never asks for; whatever else is asked for is left out."""
    for extension in request.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise RequestRejected("the certificate request asks for a CA certificate")
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            raise RequestRejected("the certificate request asks to sign certificates")
        if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            _verify_alternative_names(value, common_name=common_name)


def _verify_alternative_names(value: object, *, common_name: str) -> None:
    """A name that repeats the CN is harmless (and left out); any other is somebody else's."""
    names = value if isinstance(value, x509.SubjectAlternativeName) else ()
    for name in names:
        if not common_name or name.value != common_name:
            raise RequestRejected("the certificate request asks for another subject's name")


def _read_challenge(der: bytes) -> str:
    attributes = CertificationRequest.load(der, strict=True)["certification_request_info"][
        "attributes"
    ]
    found = [
        attribute["values"]
        for attribute in attributes
        if attribute["type"].dotted == CHALLENGE_PASSWORD
    ]
    if not found:
        return ""
    if len(found) != 1 or len(found[0]) != 1:
        raise RequestRejected("the certificate request holds more than one challenge")
    text = core.load(found[0][0].dump(), strict=True)
    if not isinstance(text, TEXTS) or len(text.contents) > MAX_CHALLENGE:
        raise RequestRejected("the challenge is no text")
    return str(text.native)
