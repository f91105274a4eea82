"""CMS EnvelopedData for one RSA recipient: written as Apple's client, and read.

Source: RFC 5652 section 6, RFC 8894 section 3.1.
"""

import os

from asn1crypto import algos, cms, core
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from ..errors import CmsInvalid
from . import encoding, sign
from .verify import READ_ERRORS

ENVELOPED_DATA = "1.2.840.113549.1.7.3"
# name: (OID, key bytes, block bytes)
CIPHERS = {
    "aes128": ("2.16.840.1.101.3.4.1.2", 16, 16),
    "aes192": ("2.16.840.1.101.3.4.1.22", 24, 16),
    "aes256": ("2.16.840.1.101.3.4.1.42", 32, 16),
    "des3": ("1.2.840.113549.3.7", 24, 8),
    "des": ("1.3.14.3.2.7", 8, 8),
}
OAEP_SHA256 = padding.OAEP(padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def _cipher(name: str, key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    if name.startswith("aes"):
        return Cipher(AES(key), modes.CBC(iv))
    # Single DES is triple DES with one key three times.
    return Cipher(TripleDES(key * 3 if name == "des" else key), modes.CBC(iv))


def build_envelope(
    content: bytes,
    *,
    recipient: x509.Certificate,
    cipher: str = "aes128",
    ber: bool = False,
    key_transport: str = "pkcs1v15",
) -> bytes:
    """A ContentInfo holding content encrypted to the recipient's RSA key.

    key_transport "oaep" is what a SCEP server need not accept.
    """
    oid, key_size, block = CIPHERS[cipher]
    key, iv = os.urandom(key_size), os.urandom(block)
    padder = PKCS7(block * 8).padder()
    encryptor = _cipher(cipher, key, iv).encryptor()
    encrypted = encryptor.update(padder.update(content) + padder.finalize())
    algorithm = encoding.encode_definite(
        encoding.SEQUENCE,
        core.ObjectIdentifier(oid).dump(),
        encoding.encode_definite(encoding.OCTET_STRING, iv),
    )
    body = encoding.encode_value(
        encoding.SEQUENCE,
        encoding.INTEGER_0,
        encoding.encode_definite(encoding.SET, _build_recipient(key, recipient, key_transport)),
        encoding.encode_value(
            encoding.SEQUENCE,
            core.ObjectIdentifier(sign.DATA).dump(),
            algorithm,
            _encode_encrypted(encrypted, ber=ber),
            ber=ber,
        ),
        ber=ber,
    )
    return sign.wrap_content_info(ENVELOPED_DATA, body, ber=ber)


def _encode_encrypted(encrypted: bytes, *, ber: bool) -> bytes:
    if ber:
        chunks = encoding.encode_chunks(encrypted)
        return encoding.encode_indefinite(encoding.CONTEXT_0, chunks)
    return encoding.encode_definite(0x80, encrypted)


def _build_recipient(key: bytes, recipient: x509.Certificate, transport: str) -> bytes:
    public_key = recipient.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise CmsInvalid("the recipient's key is not RSA")
    oaep = transport == "oaep"
    wrapped = public_key.encrypt(key, OAEP_SHA256 if oaep else padding.PKCS1v15())
    return encoding.encode_definite(
        encoding.SEQUENCE,
        encoding.INTEGER_0,
        sign.build_issuer_and_serial(recipient),
        _encode_transport(oaep),
        encoding.encode_definite(encoding.OCTET_STRING, wrapped),
    )


def _encode_transport(oaep: bool) -> bytes:
    if not oaep:
        identifier = core.ObjectIdentifier("1.2.840.113549.1.1.1").dump()
        return encoding.encode_definite(encoding.SEQUENCE, identifier, encoding.NULL)
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    parameters = algos.RSAESOAEPParams(
        {
            "hash_algorithm": sha256,
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": sha256},
        }
    )
    identifier = core.ObjectIdentifier("1.2.840.113549.1.1.7").dump()
    return encoding.encode_definite(encoding.SEQUENCE, identifier, parameters.dump())


def decrypt_envelope(
    blob: bytes, *, key: rsa.RSAPrivateKey, certificate: x509.Certificate
) -> bytes:
    """The content of an EnvelopedData whose recipient is `certificate`.

    Raises CmsInvalid when it is for someone else or cannot be opened.
    """
    try:
        return _decrypt(blob, key, certificate)
    except READ_ERRORS as error:
        raise CmsInvalid(f"the envelope cannot be opened: {error}") from error


def _decrypt(blob: bytes, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    info = cms.ContentInfo.load(blob, strict=True)
    if info["content_type"].native != "enveloped_data":
        raise CmsInvalid(f"the CMS is {info['content_type'].native}, not enveloped")
    recipients = info["content"]["recipient_infos"]
    if len(recipients) != 1:
        raise CmsInvalid(f"{len(recipients)} recipients where one is expected")
    recipient = recipients[0].chosen
    if recipient["rid"].chosen.dump() != sign.build_issuer_and_serial(certificate):
        raise CmsInvalid("the envelope is for another certificate")
    content_key = key.decrypt(recipient["encrypted_key"].native, padding.PKCS1v15())
    return _decrypt_content(info["content"]["encrypted_content_info"], content_key)


def _decrypt_content(info: cms.EncryptedContentInfo, key: bytes) -> bytes:
    algorithm = info["content_encryption_algorithm"]
    oid = algorithm["algorithm"].dotted
    name, block = next((n, c[2]) for n, c in CIPHERS.items() if c[0] == oid)
    iv = algorithm["parameters"].native
    decryptor = _cipher(name, key, iv).decryptor()
    padded = decryptor.update(info["encrypted_content"].native) + decryptor.finalize()
    unpadder = PKCS7(block * 8).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
