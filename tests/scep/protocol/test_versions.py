"""The versions of CMS structures: which of them announce a syntax that is read here."""

import re

import pytest

from scep.errors import MessageUnreadable, RequestRejected
from scep.protocol.envelopes import decode_any_envelope, decode_envelope
from scep.protocol.messages import decode_message, verify_message
from tests.scep.device import Device, encrypt, make_key, make_self_signed

OWN = make_self_signed(make_key(1), name="ra")
NO_VERSIONS = [-128, -1, 6, 99]
# What follows a version: the SET of digests or recipients, or whoever is named.
BEFORE_SET, BEFORE_NAME = rb"(?=\x31)", rb"(?=\x30.\x30)"


def put_version(data: bytes, number: int, *, instead_of: int, before: bytes) -> bytes:
    """Write another one; the signer's, or the recipient's, is the last before a name."""
    old = b"\x02\x01" + bytes([instead_of])
    found = [*re.finditer(re.escape(old) + before, data, re.DOTALL)]
    begin, end = found[0 if before == BEFORE_SET else -1].span()
    return data[:begin] + b"\x02\x01" + number.to_bytes(1, signed=True) + data[end:]


@pytest.mark.parametrize("number", [0, 1, 3, 5])
def test_message_is_read_when_its_version_is_one_of_cms(number: int) -> None:
    message = Device().build_request(ra=OWN, challenge="words")
    written = put_version(message, number, instead_of=1, before=BEFORE_SET)
    assert verify_message(decode_message(written), allow_sha1=False).enveloped


def test_message_is_read_when_its_signer_has_the_version_of_those_named_by_key() -> None:
    message = Device().build_request(ra=OWN, challenge="words")
    written = put_version(message, 3, instead_of=1, before=BEFORE_NAME)
    assert verify_message(decode_message(written), allow_sha1=False).enveloped


@pytest.mark.parametrize("number", NO_VERSIONS)
def test_message_is_refused_when_its_version_is_none_of_cms(number: int) -> None:
    message = Device().build_request(ra=OWN, challenge="words")
    written = put_version(message, number, instead_of=1, before=BEFORE_SET)
    with pytest.raises(MessageUnreadable, match="a version that CMS does not have"):
        decode_message(written)


@pytest.mark.parametrize("number", [*NO_VERSIONS, 0, 2, 4])
def test_message_is_refused_when_its_signers_version_is_none_of_a_signer(number: int) -> None:
    message = Device().build_request(ra=OWN, challenge="words")
    written = put_version(message, number, instead_of=1, before=BEFORE_NAME)
    with pytest.raises(MessageUnreadable, match="a version that CMS does not have"):
        decode_message(written)


@pytest.mark.parametrize("before", [BEFORE_SET, BEFORE_NAME])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_envelope_is_read_when_its_versions_are_those_of_cms(number: int, before: bytes) -> None:
    whole = encrypt(b"a request", recipients=[OWN])
    written = put_version(whole, number, instead_of=0, before=before)
    found = decode_envelope(written, recipient=OWN, allow_legacy=False)
    assert found == decode_any_envelope(whole, recipient=OWN, allow_legacy=False)


@pytest.mark.parametrize("before", [BEFORE_SET, BEFORE_NAME])
@pytest.mark.parametrize("number", NO_VERSIONS)
def test_envelope_is_refused_when_a_version_is_none_of_cms(number: int, before: bytes) -> None:
    written = put_version(
        encrypt(b"a request", recipients=[OWN]), number, instead_of=0, before=before
    )
    with pytest.raises(RequestRejected, match="a version that CMS does not have"):
        decode_envelope(written, recipient=OWN, allow_legacy=False)
