"""Public identifiers: a type prefix and 20 random base-32 characters, `dev_k3…`."""

import secrets
from collections.abc import Iterable

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
LENGTH = 20
# 32 divides 256, so none is likelier than another.
OF_BYTE = (ALPHABET * 8).encode()


def build_public_id(prefix: str) -> str:
    """Return `prefix_` and 100 random bits as lower-case text without look-alikes."""
    return f"{prefix}_{secrets.token_bytes(LENGTH).translate(OF_BYTE).decode()}"


def is_public_id(text: str, *, prefix: str) -> bool:
    """Whether `text` could be one that `build_public_id` made; then no database minds it."""
    kind, _, random = text.partition("_")
    return kind == prefix and len(random) == LENGTH and set(random) <= set(ALPHABET)


def keep_public_ids(texts: Iterable[str], *, prefix: str) -> list[str]:
    """Return those that could be public ids: of a form or an address, where anything may stand."""
    return [text for text in texts if is_public_id(text, prefix=prefix)]
