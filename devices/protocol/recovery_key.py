"""FileVault's new recovery key: a certificate to encrypt it to, and the key that opens it.

Source: Apple, RotateFileVaultKey (ReplyEncryptionCertificate, EncryptedNewRecoveryKey).
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from scep.errors import ScepError
from scep.protocol.envelopes import decode_envelope, open_envelope

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "GuardMDM recovery keys")])
LIFE = timedelta(days=3650)
LONGEST_KEY = 128


def build_reply_key(*, now: datetime) -> bytes:
    """Return a new RSA key and its self-signed certificate, both PEM, one after the other."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = (
        x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def get_reply_certificate(reply_key: bytes) -> bytes:
    """Return the certificate of a reply key as DER."""
    return x509.load_pem_x509_certificate(reply_key).public_bytes(Encoding.DER)


def open_recovery_key(envelope: bytes, *, reply_key: bytes) -> str:
    """Return the recovery key of a CMS EnvelopedData; raises ValueError.

    Triple DES is taken: macOS chooses the cipher, and the connection protects it as well.
    """
    certificate = x509.load_pem_x509_certificate(reply_key)
    key = load_pem_private_key(reply_key, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the reply key is no RSA key")
    try:
        opened = decode_envelope(envelope, recipient=certificate, allow_legacy=True)
        text = open_envelope(opened, key=key).decode("ascii").strip("\0\n ")
    except (ScepError, UnicodeDecodeError) as error:
        raise ValueError("the recovery key cannot be opened") from error
    if not 0 < len(text) <= LONGEST_KEY or not text.isprintable():
        raise ValueError("what was opened is no recovery key")
    return text
