"""SCEP's PKIMessage (RFC 8894 section 3): strict on the way in, plain on the way out."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from scep.errors import FailInfo, MessageUnreadable, RequestRejected, SignatureInvalid
from scep.protocol import der
from scep.protocol.cms import sign_attached
from scep.protocol.foreign_names import decode_requester
from scep.protocol.reading import refusing
from scep.protocol.signed_data import Signature, decode_signature, verify_signature

MESSAGE_TYPE = "2.16.840.1.113733.1.9.2"
PKI_STATUS = "2.16.840.1.113733.1.9.3"
FAIL_INFO = "2.16.840.1.113733.1.9.4"
SENDER_NONCE = "2.16.840.1.113733.1.9.5"
RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6"
TRANSACTION_ID = "2.16.840.1.113733.1.9.7"

OTHER_TYPES = {b"3": "CertRep", b"18": "UpdateReq", b"21": "GetCert", b"22": "GetCRL"}
CERT_REP = "3"
SUCCESS, FAILURE, PENDING = "0", "2", "3"
NONCE_BYTES = 16
MAX_NONCE_BYTES = 64
"""What is repeated in a refusal; the server's answer is no place to keep things."""
KINDS = {der.PRINTABLE_STRING: core.PrintableString, der.OCTET_STRING: core.OctetString}
TRANSACTION = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]{1,255}")
NO_TRANSACTION = "the transactionID is no PrintableString of 1 to 255 characters"


class MessageType(Enum):
    """What a client may ask for (RFC 8894 section 3.2.1.2), as the bytes on the wire."""

    PKCS_REQ = b"19"
    RENEWAL_REQ = b"17"
    CERT_POLL = b"20"


@dataclass(frozen=True)
class PkiMessage:
    """A request whose sender is not proved yet; enough to answer it.

    `sender_nonce` is None where it is not exactly one OCTET STRING of 1 to MAX_NONCE_BYTES. A
    request with one of another length than NONCE_BYTES is refused, and the refusal repeats it:
    clients believe no answer without theirs.
    """

    transaction_id: str
    sender_nonce: bytes | None
    signature: Signature


@dataclass(frozen=True)
class PkiRequest:
    """A request signed by `signer`; `enveloped` is its EnvelopedData, still encrypted.

    `certificate`: the signer's, as it came. `is_self_issued`: it names itself as its issuer, as one
    does that a device has made for its request.
    """

    message_type: MessageType
    certificate: bytes
    signer: x509.Certificate
    is_self_issued: bool
    enveloped: bytes
    digest: hashes.HashAlgorithm


@dataclass(frozen=True)
class Responder:
    """The registration authority that signs answers."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def decode_message(data: bytes) -> PkiMessage:
    """Read a PKIMessage, DER or BER; raises MessageUnreadable where no answer can be addressed."""
    try:
        with refusing(MessageUnreadable, "this is no SCEP message"):
            signature = decode_signature(data, read_signer=decode_requester)
            attributes = signature.attributes or {}
            transaction_id = _read_transaction_id(attributes)
            nonce = _find_nonce(attributes)
    except SignatureInvalid as error:
        raise MessageUnreadable(f"this is no SCEP message: {error}") from error
    return PkiMessage(transaction_id, nonce, signature)


def verify_message(message: PkiMessage, *, allow_sha1: bool) -> PkiRequest:
    """Return the request that its signer really sent; raises RequestRejected, SignatureInvalid.

    messageType is compared as bytes: "19" and nothing else is a PKCSReq. (Taking it as a number
    or by prefix has made other servers issue without a challenge: CVE-2025-44005.) What each
    type has to prove is decided by this type alone, never by what the message holds.
    """
    signature = message.signature
    attributes = signature.attributes or {}
    with refusing(RequestRejected, "the SCEP message is malformed"):
        if len(message.sender_nonce or b"") != NONCE_BYTES:
            raise RequestRejected("the senderNonce must be 16 bytes")
        message_type = _read_message_type(attributes)
        if not signature.content:
            raise RequestRejected("the SCEP message holds no envelope")
        digest = verify_signature(signature, content=signature.content, allow_sha1=allow_sha1)
        signer = signature.signer
        is_self_issued = signer.issuer == signer.subject
    return PkiRequest(
        message_type,
        signature.certificate,
        signer,
        is_self_issued,
        enveloped=signature.content,
        digest=digest,
    )


def build_success(
    message: PkiMessage, *, responder: Responder, enveloped: bytes, digest: hashes.HashAlgorithm
) -> bytes:
    """Return the DER CertRep that hands out a certificate (`enveloped` for the requester)."""
    return _build_reply(
        message, responder=responder, content=enveloped, status=SUCCESS, digest=digest
    )


def build_failure(message: PkiMessage, *, responder: Responder, fail_info: FailInfo) -> bytes:
    """Return the DER CertRep that refuses (RFC 8894 section 3.3.2.2).

    Its content is an empty OCTET STRING, not an absent one: clients that expect either take it.
    """
    return _build_reply(
        message,
        responder=responder,
        content=b"",
        status=FAILURE,
        digest=hashes.SHA256(),
        more={FAIL_INFO: _encode_text(str(int(fail_info)))},
    )


def build_pending(message: PkiMessage, *, responder: Responder) -> bytes:
    """Return the DER CertRep that asks to come again (RFC 8894 section 3.3.2.3)."""
    return _build_reply(
        message, responder=responder, content=b"", status=PENDING, digest=hashes.SHA256()
    )


def _build_reply(
    message: PkiMessage,
    *,
    responder: Responder,
    content: bytes,
    status: str,
    digest: hashes.HashAlgorithm,
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    attributes = {
        MESSAGE_TYPE: _encode_text(CERT_REP),
        PKI_STATUS: _encode_text(status),
        TRANSACTION_ID: _encode_text(message.transaction_id),
        SENDER_NONCE: der.encode(der.OCTET_STRING, os.urandom(NONCE_BYTES)),
        **(more or {}),
    }
    if message.sender_nonce is not None:
        attributes[RECIPIENT_NONCE] = der.encode(der.OCTET_STRING, message.sender_nonce)
    return sign_attached(
        content,
        certificate=responder.certificate,
        key=responder.key,
        attributes=attributes,
        digest=digest,
    )


def _encode_text(text: str) -> bytes:
    return der.encode(der.PRINTABLE_STRING, text.encode("ascii"))


def _read_value(attributes: Mapping[str, tuple[bytes, ...]], oid: str, tag: int) -> bytes:
    """Return what the attribute's only value holds; ValueError for none, several, another type."""
    values = attributes.get(oid, ())
    if len(values) != 1:
        raise ValueError(f"the attribute {oid} must have exactly one value")
    try:
        return der.read_only(values[0], tag)
    except der.Unfamiliar:
        if tag == der.PRINTABLE_STRING and values[0][0] != tag:
            raise ValueError(f"the attribute {oid} is no PrintableString in one piece") from None
        value = KINDS[tag].load(values[0], strict=True)
        return bytes(value) if tag == der.OCTET_STRING else bytes(value.contents)


def _read_message_type(attributes: Mapping[str, tuple[bytes, ...]]) -> MessageType:
    text = _read_value(attributes, MESSAGE_TYPE, der.PRINTABLE_STRING)
    try:
        return MessageType(text)
    except ValueError:
        raise RequestRejected(f"the messageType {_name_type(text)} is not accepted") from None


def _name_type(text: bytes) -> str:
    """Return it for the log, with its name where it has one."""
    if text in OTHER_TYPES:
        return f"{text.decode()} ({OTHER_TYPES[text]})"
    return repr(text[:20].decode("latin-1"))


def _read_transaction_id(attributes: Mapping[str, tuple[bytes, ...]]) -> str:
    with refusing(MessageUnreadable, NO_TRANSACTION):
        text = _read_value(attributes, TRANSACTION_ID, der.PRINTABLE_STRING).decode("ascii")
        if not TRANSACTION.fullmatch(text):
            raise MessageUnreadable(NO_TRANSACTION)
    return text


def _find_nonce(attributes: Mapping[str, tuple[bytes, ...]]) -> bytes | None:
    try:
        nonce = _read_value(attributes, SENDER_NONCE, der.OCTET_STRING)
    except ValueError:
        return None
    return nonce if 0 < len(nonce) <= MAX_NONCE_BYTES else None
