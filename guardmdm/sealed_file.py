"""A file that only a passphrase opens: scrypt, then AES-256-GCM piece by piece, of any length.

    "GUARDMDM BACKUP 1\\n" + salt (16 bytes), then pieces: length (4 bytes) + ciphertext

A piece's nonce is its number and whether it is the last, so that none can be left out, moved or
cut off. The first line and the salt are authenticated with every piece.
"""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"GUARDMDM BACKUP 1\n"
SALT_BYTES, KEY_BYTES, TAG_BYTES, LENGTH_BYTES = 16, 32, 16, 4
COST = {"n": 2**17, "r": 8, "p": 1}  # 128 MB and half a second for each guess
PIECE_BYTES = 1024 * 1024


class FileUnreadable(Exception):
    """Not such a file, a wrong passphrase, or one that was altered or cut; says which."""


def seal_pieces(plain: Iterable[bytes], *, passphrase: bytes) -> Iterator[bytes]:
    """Yield the file's bytes, part by part; memory holds about one piece."""
    head = MAGIC + os.urandom(SALT_BYTES)
    cipher = _build_cipher(head, passphrase=passphrase)
    yield head
    number, pieces = 0, _cut(plain)
    piece = next(pieces)
    for following in pieces:
        yield _seal(piece, cipher=cipher, nonce=_build_nonce(number, is_last=False), head=head)
        number, piece = number + 1, following
    yield _seal(piece, cipher=cipher, nonce=_build_nonce(number, is_last=True), head=head)


def open_pieces(file: BinaryIO, *, passphrase: bytes) -> Iterator[bytes]:
    """Yield what was sealed, piece by piece, each authenticated; raises FileUnreadable."""
    head = file.read(len(MAGIC) + SALT_BYTES)
    if not head.startswith(MAGIC) or len(head) != len(MAGIC) + SALT_BYTES:
        raise FileUnreadable("this is no backup of GuardMDM")
    cipher = _build_cipher(head, passphrase=passphrase)
    number, length = 0, file.read(LENGTH_BYTES)
    while length:
        size = int.from_bytes(length, "big")
        if not TAG_BYTES <= size <= PIECE_BYTES + TAG_BYTES:
            raise FileUnreadable("the file was altered")
        sealed, length = file.read(size), file.read(LENGTH_BYTES)
        if len(sealed) != size:
            raise FileUnreadable("the file was cut")
        nonce = _build_nonce(number, is_last=not length)
        try:
            yield cipher.decrypt(nonce, sealed, head)
        except InvalidTag as error:
            reason = "the file was altered or cut" if number else "the passphrase does not open it"
            raise FileUnreadable(reason) from error
        number += 1
    if not number:
        raise FileUnreadable("the file was cut")


def _build_cipher(head: bytes, *, passphrase: bytes) -> AESGCM:
    derivation = Scrypt(salt=head[len(MAGIC) :], length=KEY_BYTES, **COST)
    return AESGCM(derivation.derive(passphrase))


def _build_nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((is_last,))


def _seal(piece: bytes, *, cipher: AESGCM, nonce: bytes, head: bytes) -> bytes:
    sealed = cipher.encrypt(nonce, piece, head)
    return len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed


def _cut(plain: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of PIECE_BYTES and a last one, which may be shorter or empty."""
    waiting = bytearray()
    for part in plain:
        waiting += part
        while len(waiting) > PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    yield bytes(waiting)
