"""OCSP messages (RFC 6960): requests about any number of certificates, and signed answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from asn1crypto import core, keys, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from scep.errors import AlgorithmRefused, MessageUnreadable
from scep.protocol.algorithms import get_digest
from scep.protocol.certificates import PrivateKey, encode_certificate, encode_public_key
from scep.protocol.crl import Revocation
from scep.protocol.reading import refusing
from scep.protocol.revocation_reasons import CODES
from scep.protocol.signing import build_algorithm, sign_bytes
from scep.protocol.transport import decode_message_text

MAX_REQUEST_BYTES = 64 * 1024
MAX_PATH = 8 * 1024
MAX_CERTIFICATES = 100
"""In one request; clients ask about a chain, not about a fleet."""
NONCE_BYTES = range(1, 129)  # RFC 9654 section 2.1
NONCE = "1.3.6.1.5.5.7.48.1.2"
ACCEPTABLE_RESPONSES = "1.3.6.1.5.5.7.48.1.4"
BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1"

Refusal = Literal["malformed_request", "unauthorized"]


@dataclass(frozen=True)
class CertificateId:
    """Which certificate is asked about: its issuer as two hashes, its serial number.

    `der` is the whole CertID, to be repeated in the answer.
    """

    digest_oid: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int
    der: bytes


@dataclass(frozen=True)
class OcspRequest:
    """`nonce`: the value of the nonce extension as it came, an OCTET STRING; None without one."""

    certificates: tuple[CertificateId, ...]
    nonce: bytes | None


@dataclass(frozen=True)
class Statement:
    """What is said about one certificate: good, revoked, or unknown."""

    certificate: CertificateId
    status: Literal["good", "unknown"] | Revocation


@dataclass(frozen=True)
class Responder:
    """Who signs: a CA's delegated OCSP certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey


def decode_request(data: bytes) -> OcspRequest:
    """Read a DER OCSPRequest; its signature, if any, is not looked at (nothing is secret here).

    Raises MessageUnreadable, also for more than MAX_CERTIFICATES and for critical extensions
    that are not known here (RFC 6960 section 4.4).
    """
    with refusing(MessageUnreadable, "this is no OCSP request"):
        body = ocsp.OCSPRequest.load(data, strict=True)["tbs_request"]
        if body["version"].native != "v1":
            raise MessageUnreadable("only version 1 of OCSP is known")
        if not 0 < len(body["request_list"]) <= MAX_CERTIFICATES:
            raise MessageUnreadable(f"ask about 1 to {MAX_CERTIFICATES} certificates at a time")
        nonce = _read_extensions(body["request_extensions"])
        return OcspRequest(tuple(_read_id(each) for each in body["request_list"]), nonce)


def decode_request_path(path: str) -> bytes:
    """Return the request in what follows the responder's URL; raises MessageUnreadable.

    Base64 as clients write it: percent-encoded once more than they should, with the URL-safe
    alphabet, without padding, after a second slash.
    """
    if len(path) > MAX_PATH:
        raise MessageUnreadable("the path is longer than 8 KB")
    return decode_message_text(path.lstrip("/"))


def is_issued_by(certificate: CertificateId, *, issuer: x509.Certificate) -> bool:
    """Whether the CertID names this issuer; an unknown digest names nobody."""
    try:
        expected = _hash_issuer(issuer, digest_oid=certificate.digest_oid)
    except AlgorithmRefused:
        return False
    return (certificate.issuer_name_hash, certificate.issuer_key_hash) == expected


def build_refusal(refusal: Refusal) -> bytes:
    """Return an OCSPResponse without an answer, which is not signed (section 2.3)."""
    der: bytes = ocsp.OCSPResponse({"response_status": refusal}).dump()
    return der


def build_response(
    responder: Responder,
    *,
    statements: Sequence[Statement],
    nonce: bytes | None,
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """Return a signed OCSPResponse, DER, with the responder's certificate in it."""
    body = ocsp.ResponseData(
        {
            "responder_id": ocsp.ResponderId("by_key", _hash_key(responder.certificate)),
            "produced_at": this_update,
            "responses": [
                {
                    "cert_id": ocsp.CertId.load(each.certificate.der),
                    "cert_status": _build_status(each.status),
                    "this_update": this_update,
                    "next_update": next_update,
                }
                for each in statements
            ],
        }
    )
    if nonce is not None:
        body["response_extensions"] = [
            {"extn_id": "nonce", "extn_value": core.ParsableOctetString(nonce)}
        ]
    basic = {
        "tbs_response_data": body,
        "signature_algorithm": build_algorithm(responder.key),
        "signature": sign_bytes(body.dump(), key=responder.key),
        "certs": [asn1_x509.Certificate.load(encode_certificate(responder.certificate))],
    }
    content = {"response_type": "basic_ocsp_response", "response": ocsp.BasicOCSPResponse(basic)}
    answer = {"response_status": "successful", "response_bytes": content}
    der: bytes = ocsp.OCSPResponse(answer).dump()
    return der


def _read_id(request: ocsp.Request) -> CertificateId:
    _read_extensions(request["single_request_extensions"])
    asked = request["req_cert"]
    return CertificateId(
        digest_oid=asked["hash_algorithm"]["algorithm"].dotted,
        issuer_name_hash=asked["issuer_name_hash"].native,
        issuer_key_hash=asked["issuer_key_hash"].native,
        serial=asked["serial_number"].native,
        der=asked.dump(),
    )


def _read_extensions(extensions: core.Asn1Value) -> bytes | None:
    """Return the nonce among them; raises MessageUnreadable for what must not be passed over."""
    nonce = None
    for extension in () if isinstance(extensions, core.Void) else extensions:
        oid, value = extension["extn_id"].dotted, bytes(extension["extn_value"])
        if oid == NONCE:
            if nonce is not None:
                raise MessageUnreadable("there are two nonces")
            nonce = _check_nonce(value)
        elif oid == ACCEPTABLE_RESPONSES:
            _check_acceptable(value)
        elif extension["critical"].native:
            raise MessageUnreadable(f"the critical extension {oid} is not known")
    return nonce


def _check_nonce(value: bytes) -> bytes:
    if len(core.OctetString.load(value, strict=True).native) not in NONCE_BYTES:
        raise MessageUnreadable("a nonce has 1 to 128 bytes")
    return value


def _check_acceptable(value: bytes) -> None:
    accepted = ocsp.AcceptableResponses.load(value, strict=True)
    if BASIC_RESPONSE not in {each.dotted for each in accepted}:
        raise MessageUnreadable("only basic OCSP answers are given")


@lru_cache(maxsize=64)
def _hash_issuer(issuer: x509.Certificate, *, digest_oid: str) -> tuple[bytes, bytes]:
    # SHA-1 is an index here, not a proof: most clients know nothing else (RFC 5019).
    digest = get_digest(digest_oid, allow_sha1=True)
    return _hash(issuer.subject.public_bytes(), digest), _hash(_get_key_bits(issuer), digest)


def _hash_key(certificate: x509.Certificate) -> bytes:
    return _hash(_get_key_bits(certificate), hashes.SHA1())  # noqa: S303 - a name, by RFC 6960


def _hash(data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    hasher = hashes.Hash(digest)
    hasher.update(data)
    return hasher.finalize()


def _get_key_bits(certificate: x509.Certificate) -> bytes:
    """Return the public key without its algorithm: the BIT STRING's value."""
    encoded = encode_public_key(certificate.public_key())  # type: ignore[arg-type]
    bits: bytes = keys.PublicKeyInfo.load(encoded)["public_key"].contents
    return bits[1:]  # the first byte counts unused bits


def _build_status(status: Literal["good", "unknown"] | Revocation) -> ocsp.CertStatus:
    if status == "good":
        return ocsp.CertStatus("good", ocsp.StatusGood())
    if status == "unknown":
        return ocsp.CertStatus("unknown", ocsp.StatusUnknown())
    content = {"revocation_time": status.revoked_at.replace(microsecond=0)}
    if code := CODES.get(status.reason, 0):
        content["revocation_reason"] = ocsp.CRLReason(code)
    return ocsp.CertStatus("revoked", ocsp.RevokedInfo(content))
