"""CMS EnvelopedData of SCEP messages: opened and made by hand (RFC 5652 section 6).

Devices send BER of indefinite length, which cryptography's own PKCS#7 reader refuses.
"""

import os
from dataclasses import dataclass
from functools import partial

from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers import Cipher as CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from scep.errors import AlgorithmRefused, FailInfo, RequestRejected
from scep.protocol import der
from scep.protocol.algorithms import Cipher, get_cipher, name_algorithm
from scep.protocol.ber import read_any_lengths
from scep.protocol.certificates import encode_certificate
from scep.protocol.cms import encode_content_info, encode_issuer_and_serial
from scep.protocol.der import Unfamiliar
from scep.protocol.direct import (
    DATA,
    ENVELOPED_DATA,
    RSA_ENCRYPTION,
    VERSIONS,
    read_enveloped_data,
    read_issuer_and_serial,
)
from scep.protocol.names import is_same_name
from scep.protocol.reading import refusing

VERSION_0 = der.encode_integer(0)
DATA_TYPE = der.encode_oid(DATA)
KEY_ENCRYPTION = der.encode_algorithm(RSA_ENCRYPTION)
PKCS1 = padding.PKCS1v15()


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
    try:
        return decode_familiar_envelope(data, recipient=recipient, allow_legacy=allow_legacy)
    except Unfamiliar:
        return decode_any_envelope(data, recipient=recipient, allow_legacy=allow_legacy)


def decode_familiar_envelope(
    data: bytes, *, recipient: x509.Certificate, allow_legacy: bool
) -> Envelope:
    """Read the shape that devices really send, directly; raises Unfamiliar or AlgorithmRefused."""
    found = read_enveloped_data(data)
    if found.recipient != encode_issuer_and_serial(recipient):
        raise Unfamiliar
    return Envelope(
        cipher=get_cipher(found.cipher_oid, allow_legacy=allow_legacy),
        initialization_vector=found.initialization_vector,
        encrypted_key=found.encrypted_key,
        encrypted_content=found.encrypted_content,
    )


def decode_any_envelope(
    data: bytes, *, recipient: x509.Certificate, allow_legacy: bool
) -> Envelope:
    """Read any EnvelopedData with asn1crypto; raises RequestRejected or AlgorithmRefused."""
    with refusing(RequestRejected, "the envelope cannot be read"):
        return read_any_lengths(
            data, partial(_read_any, recipient=recipient, allow_legacy=allow_legacy)
        )


def _read_any(data: bytes, *, recipient: x509.Certificate, allow_legacy: bool) -> Envelope:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].dotted != ENVELOPED_DATA:
        raise RequestRejected("the message holds no CMS EnvelopedData")
    enveloped = info["content"]
    _check_version(enveloped["version"])
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


def build_envelope(
    content: bytes, *, recipient: x509.Certificate, cipher: Cipher, certificate: bytes | None = None
) -> bytes:
    """Return DER EnvelopedData of `content` for one recipient with an RSA key.

    `certificate`: the recipient's as it came, where that may not be what was read of it.
    """
    public_key = recipient.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise AlgorithmRefused("the recipient's key is not an RSA key")
    key, vector = os.urandom(cipher.key_size), os.urandom(cipher.block_size)
    padder = PKCS7(cipher.block_size * 8).padder()
    encryptor = _build_context(cipher, key=key, vector=vector).encryptor()
    padded = padder.update(content) + padder.finalize()
    recipient_info = der.encode(
        der.SEQUENCE,
        VERSION_0,
        read_issuer_and_serial(certificate or encode_certificate(recipient)),
        KEY_ENCRYPTION,
        der.encode(der.OCTET_STRING, public_key.encrypt(key, PKCS1)),
    )
    encrypted_content_info = der.encode(
        der.SEQUENCE,
        DATA_TYPE,
        der.encode_algorithm(cipher.oid, parameters=der.encode(der.OCTET_STRING, vector)),
        der.encode(der.PRIMITIVE_0, encryptor.update(padded) + encryptor.finalize()),
    )
    enveloped = der.encode(
        der.SEQUENCE, VERSION_0, der.encode(der.SET, recipient_info), encrypted_content_info
    )
    return encode_content_info(ENVELOPED_DATA, enveloped)


def _find_encrypted_key(recipients: cms.RecipientInfos, *, recipient: x509.Certificate) -> bytes:
    for choice in recipients:
        if choice.name != "ktri" or not _is_named(recipient, rid=choice.chosen["rid"]):
            continue
        _check_version(choice.chosen["version"])
        algorithm = choice.chosen["key_encryption_algorithm"]["algorithm"].dotted
        if algorithm != RSA_ENCRYPTION:
            raise AlgorithmRefused(
                f"the key encryption {name_algorithm(algorithm)} is not accepted"
            )
        return bytes(choice.chosen["encrypted_key"])
    raise RequestRejected(
        "the message is encrypted for nobody who opens requests of this SCEP profile (any more): "
        "its sender has to ask for the CA's certificates anew (GetCACert)",
        fail_info=FailInfo.BAD_MESSAGE_CHECK,
    )


def _check_version(version: cms.CMSVersion) -> None:
    if int(version) not in VERSIONS:
        raise RequestRejected("the envelope is of a version that CMS does not have")


def _is_named(certificate: x509.Certificate, *, rid: cms.RecipientIdentifier) -> bool:
    if rid.name == "subject_key_identifier":
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return bool(rid.chosen.native == identifier.value.digest)
    own = cms.IssuerAndSerialNumber.load(encode_issuer_and_serial(certificate))
    if rid.chosen["serial_number"].native != certificate.serial_number:
        return False
    return is_same_name(rid.chosen["issuer"], own["issuer"])


def _unwrap_key(envelope: Envelope, *, key: rsa.RSAPrivateKey) -> bytes:
    replacement = os.urandom(envelope.cipher.key_size)
    try:
        content_key = key.decrypt(envelope.encrypted_key, PKCS1)
    except ValueError:
        return replacement
    return content_key if len(content_key) == len(replacement) else replacement


def _build_context(cipher: Cipher, *, key: bytes, vector: bytes) -> CipherContext[modes.CBC]:
    algorithm: BlockCipherAlgorithm = TripleDES(key) if cipher.is_legacy else AES(key)
    return CipherContext(algorithm, modes.CBC(vector))
