"""Reads and checks a CertRep, the SCEP server's answer.

Source: RFC 8894 section 3.3.2; Apple's client wants exactly one certificate inside.
"""

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ..cms import VerifiedContent, decrypt_envelope, verify_signed_data
from ..cms.verify import decode_certificates, decode_signed_data
from ..errors import CmsInvalid, ScepRefused
from . import pki_message

FAIL_INFOS = {
    "0": "badAlg",
    "1": "badMessageCheck",
    "2": "badRequest",
    "3": "badTime",
    "4": "badCertId",
}
SUCCESS, FAILURE, PENDING = "0", "2", "3"


class Pending(Exception):
    """The server will decide later (pkiStatus 3)."""


def verify_cert_rep(
    blob: bytes,
    *,
    authorities: Sequence[x509.Certificate],
    transaction_id: str,
    nonce: bytes,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    requested_key: rsa.RSAPrivateKey | None = None,
) -> x509.Certificate:
    """The issued certificate, after every check that RFC 8894 and Apple make.

    authorities: the CA and RA certificates of GetCACert; key and certificate: the
    pair that signed the request; requested_key: the key in the request where that
    is another one (renewal). Raises ScepRefused, CmsInvalid or Pending.
    """
    reply = verify_signed_data_of_reply(blob)
    if reply.signer not in authorities:
        raise ScepRefused("the CertRep is signed by neither the CA nor the RA")
    _verify_attributes(reply, transaction_id=transaction_id, nonce=nonce)
    _require_success(reply)
    inner = decrypt_envelope(reply.content, key=key, certificate=certificate)
    return _take_certificate(inner, key=requested_key or key)


def verify_signed_data_of_reply(blob: bytes) -> VerifiedContent:
    """The outer SignedData, which a FAILURE or PENDING may leave without content."""
    signed_data = decode_signed_data(blob)
    empty = signed_data["encap_content_info"]["content"].native is None
    return verify_signed_data(blob, content=b"" if empty else None)


def _single(reply: VerifiedContent, oid: str) -> Any:
    values = reply.attributes.get(oid, ())
    if len(values) != 1:
        raise ScepRefused(f"CertRep attribute {oid} has {len(values)} values")
    return values[0]


def _verify_attributes(reply: VerifiedContent, *, transaction_id: str, nonce: bytes) -> None:
    expected = {
        pki_message.MESSAGE_TYPE: pki_message.CERT_REP,
        pki_message.TRANSACTION_ID: transaction_id,
        pki_message.RECIPIENT_NONCE: nonce,
    }
    for oid, value in expected.items():
        found = _single(reply, oid)
        if found != value:
            raise ScepRefused(f"CertRep attribute {oid} is {found!r}, not {value!r}")
    if len(_single(reply, pki_message.SENDER_NONCE)) != pki_message.NONCE_BYTES:
        raise ScepRefused("the CertRep's senderNonce is not 16 bytes long")


def _require_success(reply: VerifiedContent) -> None:
    status = _single(reply, pki_message.PKI_STATUS)
    if status == PENDING:
        raise Pending
    if status == FAILURE:
        code = str(_single(reply, pki_message.FAIL_INFO))
        name = FAIL_INFOS.get(code, code)
        raise ScepRefused(f"the SCEP server answered {name}", fail_info=name)
    if status != SUCCESS:
        raise ScepRefused(f"pkiStatus {status!r} is unknown")


def _take_certificate(inner: bytes, *, key: rsa.RSAPrivateKey) -> x509.Certificate:
    signed_data = decode_signed_data(inner)
    if len(signed_data["signer_infos"]):
        raise CmsInvalid("the inner SignedData is not degenerate")
    certificates = decode_certificates(signed_data)
    if len(certificates) != 1:
        raise ScepRefused(f"{len(certificates)} certificates issued; Apple takes one")
    issued = certificates[0]
    if issued.public_key() != key.public_key():
        raise ScepRefused("the issued certificate is for another key (Apple: 22008)")
    return issued
