"""CMS EnvelopedData of SCEP messages: opened and made by hand (RFC 5652 section 6).

Devices send BER of indefinite length, which cryptography's own PKCS#7 reader refuses.
"""

import os
from dataclasses import dataclass

from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers import Cipher as CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from scep.errors import AlgorithmRefused, FailInfo, RequestRejected
from scep.protocol.algorithms import Cipher, get_cipher
from scep.protocol.cms import build_issuer_and_serial
from scep.protocol.reading import refusing
from scep.protocol.signed_data import DATA

ENVELOPED_DATA = "1.2.840.113549.1.7.3"
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"


@dataclass(frozen=True)
class Envelope:
    """An EnvelopedData for us, still closed. `encrypted_key` and `encrypted_content` are raw."""

    cipher: Cipher
    initialization_vector: bytes
    encrypted_key: bytes
    encrypted_content: bytes


def decode_envelope(data: bytes, *, recipient: x509.Certificate, allow_legacy: bool) -> Envelope:
    """Read an EnvelopedData, DER or BER, and find the part for `recipient` among several.

    Raises RequestRejected, or AlgorithmRefused for a cipher that is not accepted.
    """
    with refusing(RequestRejected, "the envelope cannot be read"):
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].dotted != ENVELOPED_DATA:
            raise RequestRejected("the message holds no CMS EnvelopedData")
        enveloped = info["content"]
        content = enveloped["encrypted_content_info"]
        algorithm = content["content_encryption_algorithm"]
        return Envelope(
            cipher=get_cipher(algorithm["algorithm"].dotted, allow_legacy=allow_legacy),
            initialization_vector=bytes(
                core.OctetString.load(algorithm["parameters"].dump(), strict=True)
            ),
            encrypted_key=_find_encrypted_key(enveloped["recipient_infos"], recipient=recipient),
            encrypted_content=bytes(content["encrypted_content"]),
        )


def open_envelope(envelope: Envelope, *, key: rsa.RSAPrivateKey) -> bytes:
    """Return the content, or b"" for every kind of failure.

    A wrong padding of the key, a wrong size of the key and a wrong padding of the content must not
    be told apart by whoever sent them (Bleichenbacher; CVE-2023-50782), so a key that cannot be
    unwrapped is replaced by a random one and the work goes on; the caller finds no request inside.
    """
    content_key = _unwrap_key(envelope, key=key)
    try:
        context = _build_context(
            envelope.cipher, key=content_key, vector=envelope.initialization_vector
        ).decryptor()
        padded = context.update(envelope.encrypted_content) + context.finalize()
        unpadder = PKCS7(envelope.cipher.block_size * 8).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return b""


def build_envelope(content: bytes, *, recipient: x509.Certificate, cipher: Cipher) -> bytes:
    """Return DER EnvelopedData of `content` for one recipient with an RSA key."""
    public_key = recipient.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise AlgorithmRefused("the recipient's key is not an RSA key")
    key, vector = os.urandom(cipher.key_size), os.urandom(cipher.block_size)
    padder = PKCS7(cipher.block_size * 8).padder()
    encryptor = _build_context(cipher, key=key, vector=vector).encryptor()
    padded = padder.update(content) + padder.finalize()
    enveloped = cms.EnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [
                _build_recipient(recipient, public_key.encrypt(key, padding.PKCS1v15()))
            ],
            "encrypted_content_info": {
                "content_type": DATA,
                "content_encryption_algorithm": {
                    "algorithm": cipher.oid,
                    "parameters": core.OctetString(vector),
                },
                "encrypted_content": encryptor.update(padded) + encryptor.finalize(),
            },
        }
    )
    return cms.ContentInfo({"content_type": "enveloped_data", "content": enveloped}).dump()


def _find_encrypted_key(recipients: cms.RecipientInfos, *, recipient: x509.Certificate) -> bytes:
    for choice in recipients:
        if choice.name != "ktri" or not _is_named(recipient, rid=choice.chosen["rid"]):
            continue
        algorithm = choice.chosen["key_encryption_algorithm"]["algorithm"].dotted
        if algorithm != RSA_ENCRYPTION:
            raise AlgorithmRefused(f"the key encryption {algorithm} is not accepted")
        return bytes(choice.chosen["encrypted_key"])
    raise RequestRejected(
        "the message is not encrypted for this server's registration authority",
        fail_info=FailInfo.BAD_MESSAGE_CHECK,
    )


def _is_named(certificate: x509.Certificate, *, rid: cms.RecipientIdentifier) -> bool:
    if rid.name == "subject_key_identifier":
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return bool(rid.chosen.native == identifier.value.digest)
    own = build_issuer_and_serial(certificate)
    if rid.chosen["serial_number"].native != certificate.serial_number:
        return False
    return bool(rid.chosen["issuer"] == own["issuer"])


def _unwrap_key(envelope: Envelope, *, key: rsa.RSAPrivateKey) -> bytes:
    replacement = os.urandom(envelope.cipher.key_size)
    try:
        content_key = key.decrypt(envelope.encrypted_key, padding.PKCS1v15())
    except ValueError:
        return replacement
    return content_key if len(content_key) == len(replacement) else replacement


def _build_context(cipher: Cipher, *, key: bytes, vector: bytes) -> CipherContext[modes.CBC]:
    algorithm: BlockCipherAlgorithm = TripleDES(key) if cipher.is_legacy else AES(key)
    return CipherContext(algorithm, modes.CBC(vector))


def _build_recipient(recipient: x509.Certificate, encrypted_key: bytes) -> cms.RecipientInfo:
    return cms.RecipientInfo(
        {
            "ktri": cms.KeyTransRecipientInfo(
                {
                    "version": "v0",
                    "rid": {"issuer_and_serial_number": build_issuer_and_serial(recipient)},
                    "key_encryption_algorithm": {"algorithm": RSA_ENCRYPTION},
                    "encrypted_key": encrypted_key,
                }
            )
        }
    )
