"""Public identifiers: a type prefix and 20 random base-32 characters, `dev_k3…`."""

import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
LENGTH = 20


def build_public_id(prefix: str) -> str:
    """Return `prefix_` and 100 random bits as lower-case text without look-alikes."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
