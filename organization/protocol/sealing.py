"""Secrets at rest: AES-256-GCM under a key of a small key ring, newest key first."""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from organization.errors import SecretUnreadable

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_TAG_BYTES = 4


@dataclass(frozen=True)
class KeyRing:
    """Encryption keys of 32 bytes each; the first one seals, all of them open."""

    keys: tuple[bytes, ...]

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """Return key tag (4 bytes) + nonce (12) + AES-GCM ciphertext, bound to `context`."""
        key, nonce = self.keys[0], os.urandom(NONCE_BYTES)
        return _tag(key) + nonce + _build_cipher(key).encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return the secret; raises SecretUnreadable for a foreign key or altered bytes."""
        tag, nonce, body = sealed[:4], sealed[4:16], sealed[16:]
        for key in self.keys:
            if _tag(key) == tag:
                try:
                    return _build_cipher(key).decrypt(nonce, body, context.encode())
                except InvalidTag as error:
                    raise SecretUnreadable("the sealed value was altered") from error
        raise SecretUnreadable("no key in GUARDMDM_ENCRYPTION_KEYS opens this value")

    def fingerprint(self, content: bytes, *, context: str) -> list[str]:
        """Return what tells `content` from others, under each key, the newest first: 64 hex digits.

        Whoever has them and not the keys cannot try what `content` may have been, as with a hash
        of a PIN.
        """
        return [_sign(key, context.encode() + b"\0" + content) for key in self.keys]

    @property
    def name(self) -> str:
        """Tell the server from others, not its secrets; it changes when the oldest key goes."""
        return _tag(self.keys[-1]).hex()

    def is_sealed_with_newest(self, sealed: bytes) -> bool:
        """Whether `sealed` needs no re-sealing after a key rotation."""
        return sealed[:KEY_TAG_BYTES] == _tag(self.keys[0])


# A ring has a few keys, and they stay in memory anyway.
@lru_cache(maxsize=16)
def _build_cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def _sign(key: bytes, content: bytes) -> str:
    """A key of its own is made for it, since the ring's encrypt."""
    own = hmac.digest(key, b"guardmdm fingerprint", "sha256")
    return hmac.digest(own, content, "sha256").hex()


@lru_cache(maxsize=16)
def _tag(key: bytes) -> bytes:
    return hashlib.sha256(b"guardmdm key tag" + key).digest()[:KEY_TAG_BYTES]


def generate_key() -> str:
    """Return a new 32-byte key as URL-safe base64 text."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def decode_key_ring(text: str) -> KeyRing:
    """Read keys separated by commas or white space, newest first; raises ValueError."""
    words = text.replace(",", " ").split()
    try:
        keys = tuple(base64.urlsafe_b64decode(word) for word in words)
    except binascii.Error as error:
        raise ValueError("an encryption key is not base64") from error
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ValueError("every encryption key must be 32 bytes in URL-safe base64")
    return KeyRing(keys)
