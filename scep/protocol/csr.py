"""PKCS#10 requests from devices (RFC 2986): a key, a challenge and a name that is only a hint."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from asn1crypto import core
from asn1crypto.csr import CertificationRequest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID, PublicKeyAlgorithmOID

from scep.errors import AlgorithmRefused, RequestRejected, UnprovedRequest
from scep.protocol.certificates import encode_public_key
from scep.protocol.der import Unfamiliar
from scep.protocol.direct_csr import CHALLENGE_PASSWORD, MAX_CHALLENGE, read_request
from scep.protocol.foreign_names import decode_request
from scep.protocol.reading import refusing
from scep.protocol.texts import decode_text

MIN_KEY_BITS, MAX_KEY_BITS = 2048, 4096
MIN_EXPONENT = 65537
MAX_EXPONENT_BITS = 64
"""A longer exponent is nobody's, and makes every verification slow."""
MAX_VERIFIED_BITS = 16384
UNPROVED = "the message cannot be decrypted, or holds no certificate request"
SMALL_PRIMES = math.prod(n for n in range(3, 1000) if all(n % d for d in range(2, n)))
ROCA_PRIMES = [n for n in range(3, 168) if all(n % d for d in range(2, n))]
# CVE-2017-15361: modulo each small prime such a key is a power of 65537. Another one is so by
# chance less often than once in 2 ** 150 times.
ROCA_RESIDUES = [
    (prime, frozenset(pow(65537, power, prime) for power in range(prime))) for prime in ROCA_PRIMES
]
EXTENSION_REQUESTS = ("1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14")
DIGESTS = ("sha256", "sha384", "sha512")
RSA_SCHEMES = (padding.PKCS1v15, padding.PSS)
TEXTS = (core.PrintableString, core.UTF8String, core.IA5String, core.TeletexString, core.BMPString)


@dataclass(frozen=True)
class CertificateRequest:
    """A verified request. `common_name` and `challenge` are "" where absent."""

    public_key: rsa.RSAPublicKey
    common_name: str
    challenge: str


def decode_csr(
    der: bytes,
    *,
    allow_sha1: bool,
    min_key_bits: int = MIN_KEY_BITS,
    expected_key: rsa.RSAPublicKey | None = None,
    known_names: Collection[str] = (),
) -> CertificateRequest:
    """Read a request and prove that its sender holds the key, which is `expected_key` if given.

    `expected_key`: one that verify_key has accepted. `known_names`: alternative names that may be
    asked for, since they are the sender's already. Raises RequestRejected for a request that wants
    to be more than a device, and AlgorithmRefused for a weak key or digest.
    """
    try:
        return decode_familiar_csr(der, min_key_bits=min_key_bits, expected_key=expected_key)
    except Unfamiliar:
        return decode_any_csr(
            der,
            allow_sha1=allow_sha1,
            min_key_bits=min_key_bits,
            expected_key=expected_key,
            known_names=known_names,
        )


def decode_familiar_csr(
    der: bytes, *, min_key_bits: int, expected_key: rsa.RSAPublicKey | None
) -> CertificateRequest:
    """Read and prove the request that a device really sends for its key, directly.

    Raises Unfamiliar for all others, and for whatever is wrong with one.
    """
    if expected_key is None or expected_key.key_size < min_key_bits:
        raise Unfamiliar
    found = read_request(der)
    if found.public_key != encode_public_key(expected_key):
        raise Unfamiliar
    try:
        expected_key.verify(found.signature, found.signed_bytes, padding.PKCS1v15(), found.digest)
    except InvalidSignature:
        raise Unfamiliar from None
    return CertificateRequest(expected_key, found.common_name, found.challenge)


def decode_any_csr(
    der: bytes,
    *,
    allow_sha1: bool,
    min_key_bits: int,
    expected_key: rsa.RSAPublicKey | None,
    known_names: Collection[str],
) -> CertificateRequest:
    """Read and prove any request, by cryptography and asn1crypto; raises as decode_csr does.

    Until the sender has proved the key, every refusal is badMessageCheck, as for bytes that
    cannot be decrypted: else somebody could change what another device has encrypted, sign it
    anew, and learn from the answers what is in it.
    """
    with refusing(UnprovedRequest, UNPROVED):
        request, signed_bytes = decode_request(der)
        key = request.public_key()
        if expected_key is not None and key != expected_key:
            raise UnprovedRequest("the message is signed with another key than the request's")
        digest = request.signature_hash_algorithm
        _verify_possession(request, signed_bytes=signed_bytes, key=key, digest=digest)
    with refusing(RequestRejected, "the certificate request is malformed"):
        if digest is None or digest.name not in (*DIGESTS, *(["sha1"] if allow_sha1 else [])):
            named = digest.name.upper() if digest else "no digest"
            raise AlgorithmRefused(f"a certificate request signed with {named} is not accepted")
        accepted = verify_key(key, min_bits=min_key_bits)
        _verify_key_algorithm(request)
        common_name = _read_common_name(request.subject)
        _verify_extensions(request, allowed={common_name, *known_names} - {""})
        return CertificateRequest(accepted, common_name, _read_challenge(der))


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
    if all(numbers.n % prime in residues for prime, residues in ROCA_RESIDUES):
        raise AlgorithmRefused("the RSA key comes from a chip that makes weak ones (ROCA)")
    return key


def _verify_possession(
    request: x509.CertificateSigningRequest,
    *,
    signed_bytes: bytes,
    key: object,
    digest: hashes.HashAlgorithm | None,
) -> None:
    """By hand: cryptography's own is_signature_valid knows no SHA-1."""
    scheme = request.signature_algorithm_parameters
    signature = request.signature
    try:
        if isinstance(key, rsa.RSAPublicKey) and isinstance(scheme, RSA_SCHEMES) and digest:
            if key.key_size > MAX_VERIFIED_BITS or _get_exponent_bits(key) > MAX_EXPONENT_BITS:
                raise UnprovedRequest("the certificate request's key is too large to be verified")
            key.verify(signature, signed_bytes, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(scheme, ec.ECDSA):
            key.verify(signature, signed_bytes, scheme)
        else:
            raise UnprovedRequest("the certificate request's key is of an unknown kind")
    except InvalidSignature as error:
        raise UnprovedRequest("the certificate request is not signed with its own key") from error


def _verify_key_algorithm(request: x509.CertificateSigningRequest) -> None:
    """What is certified here is for every use of RSA: a key that says RSA-PSS is for less."""
    oid = request.public_key_algorithm_oid  # type: ignore[attr-defined]  # missing in its stubs
    if oid != PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5:
        raise AlgorithmRefused("the certificate request's key is not for every use of RSA")


def _get_exponent_bits(key: rsa.RSAPublicKey) -> int:
    return key.public_numbers().e.bit_length()


def _read_common_name(subject: x509.Name) -> str:
    if any("\0" in _as_text(attribute.value) for attribute in subject):
        raise RequestRejected("the certificate request's subject holds a NUL")
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) > 1:
        raise RequestRejected("the certificate request names more than one CN; leave one")
    return _as_text(names[0].value) if names else ""


def _as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _verify_extensions(
    request: x509.CertificateSigningRequest, *, allowed: Collection[object]
) -> None:
    """Refuse what an honest device never asks for; whatever else is asked for is left out."""
    for extension in request.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise RequestRejected("the certificate request asks for a CA certificate")
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            raise RequestRejected("the certificate request asks to sign certificates")
        if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            _verify_alternative_names(value, allowed=allowed)


def _verify_alternative_names(value: object, *, allowed: Collection[object]) -> None:
    """A name that repeats the CN is harmless (and left out); any other is somebody else's."""
    names = value if isinstance(value, x509.SubjectAlternativeName) else ()
    for name in names:
        if name.value not in allowed:
            raise RequestRejected(
                "the certificate request asks for another subject's name: let the client leave out "
                "alternative names, for those of the SCEP profile are given"
            )


def _read_challenge(der: bytes) -> str:
    """Return a request's challenge in any encoding, by asn1crypto; raises RequestRejected.

    A second list of extensions, which cryptography would not read, is refused here.
    """
    attributes = CertificationRequest.load(der, strict=True)["certification_request_info"][
        "attributes"
    ]
    asked = [each for each in attributes if each["type"].dotted in EXTENSION_REQUESTS]
    if len(asked) > 1:
        raise RequestRejected("the certificate request asks for extensions more than once")
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
    return decode_text(text.contents, tag=text.tag)
