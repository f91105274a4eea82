"""Passwords that are made here, and the form in which a Mac takes one."""

import hashlib
import plistlib
import secrets

# Neither letters that look alike, nor y and z, which trade places between keyboards.
ALPHABET = "abcdefghijkmnpqrstuvwx23456789"
GROUPS, GROUP = 4, 5
SALT, ENTROPY, ITERATIONS = 32, 128, 100_000


def generate_password() -> str:
    """Return twenty random characters in groups, with 98 bits to guess."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def hash_password(password: str) -> bytes:
    """Return macOS's ShadowHashData: a property list with a salted SHA-512 PBKDF2 hash."""
    salt = secrets.token_bytes(SALT)
    entropy = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, dklen=ENTROPY)
    hashed = {"entropy": entropy, "salt": salt, "iterations": ITERATIONS}
    return plistlib.dumps({"SALTED-SHA512-PBKDF2": hashed}, fmt=plistlib.FMT_BINARY)
