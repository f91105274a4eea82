"""A sealed file opens whole and with its passphrase, or not at all."""

import io
import os

import pytest

from guardmdm import sealed_file
from guardmdm.sealed_file import FileUnreadable, open_pieces, seal_pieces

PIECE = 100
PASSPHRASE = b"correct horse battery staple"
HEAD = len(sealed_file.MAGIC) + sealed_file.SALT_BYTES
SEALED_PIECE = 4 + PIECE + 16


@pytest.fixture(autouse=True)
def small_and_cheap(monkeypatch):
    monkeypatch.setattr(sealed_file, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(sealed_file, "COST", {"n": 2**10, "r": 8, "p": 1})


def seal(*parts):
    return b"".join(seal_pieces(parts, passphrase=PASSPHRASE))


def unseal(data, passphrase=PASSPHRASE):
    return b"".join(open_pieces(io.BytesIO(data), passphrase=passphrase))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 1000])
def test_what_was_sealed_comes_back_whatever_its_size(size):
    plain = os.urandom(size)
    assert unseal(seal(plain)) == plain
    assert unseal(seal(plain[:7], b"", plain[7:])) == plain


def test_nothing_can_be_read_in_the_file():
    assert b"secret" not in seal(b"secret " * 100)
    assert seal(b"the same") != seal(b"the same")


def test_file_is_refused_when_the_passphrase_is_wrong():
    with pytest.raises(FileUnreadable, match="passphrase"):
        unseal(seal(b"x" * 500), passphrase=b"correct horse battery stable")


@pytest.mark.parametrize("kept", [0, 5, HEAD - 1, HEAD, HEAD + 3, HEAD + SEALED_PIECE, -1])
def test_file_is_refused_when_it_was_cut(kept):
    with pytest.raises(FileUnreadable):
        unseal(seal(os.urandom(250))[:kept])


def test_file_is_refused_when_any_byte_was_changed():
    whole = seal(os.urandom(250))
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(FileUnreadable):
            unseal(bytes(changed))


def test_file_is_refused_when_its_pieces_were_moved_left_out_or_doubled():
    whole = seal(os.urandom(350))
    head, rest = whole[:HEAD], whole[HEAD:]
    pieces = [rest[start : start + SEALED_PIECE] for start in range(0, len(rest), SEALED_PIECE)]
    one, two, three, last = pieces
    for order in (
        [two, one, three, last],
        [one, three, last],
        [one, two, three, three, last],
        [last],
        [one, two, three],
        [*pieces, last],
    ):
        with pytest.raises(FileUnreadable):
            unseal(head + b"".join(order))
