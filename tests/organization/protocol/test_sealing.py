import pytest
from hypothesis import given
from hypothesis import strategies as st

from organization.errors import SecretUnreadable
from organization.protocol.sealing import decode_key_ring, generate_key

OLD, NEW = generate_key(), generate_key()


@given(st.binary(max_size=300), st.text(max_size=40))
def test_a_sealed_secret_opens_with_its_context(secret, context):
    ring = decode_key_ring(NEW)
    assert ring.open(ring.seal(secret, context=context), context=context) == secret


def test_a_value_does_not_open_in_another_column():
    ring = decode_key_ring(NEW)
    with pytest.raises(SecretUnreadable):
        ring.open(ring.seal(b"secret", context="a.key"), context="b.key")


@pytest.mark.parametrize("position", [4, 16, -1])
def test_an_altered_value_does_not_open(position):
    ring = decode_key_ring(NEW)
    sealed = bytearray(ring.seal(b"secret", context="a.key"))
    sealed[position] ^= 1
    with pytest.raises(SecretUnreadable):
        ring.open(bytes(sealed), context="a.key")


def test_an_old_key_still_opens_and_the_new_one_seals():
    sealed = decode_key_ring(OLD).seal(b"secret", context="a.key")
    ring = decode_key_ring(f"{NEW}, {OLD}")
    assert ring.open(sealed, context="a.key") == b"secret"
    assert not ring.is_sealed_with_newest(sealed)
    assert ring.is_sealed_with_newest(ring.seal(b"secret", context="a.key"))


def test_a_removed_key_opens_nothing():
    sealed = decode_key_ring(OLD).seal(b"secret", context="a.key")
    with pytest.raises(SecretUnreadable, match="no key"):
        decode_key_ring(NEW).open(sealed, context="a.key")


def test_the_same_secret_is_sealed_differently_each_time():
    ring = decode_key_ring(NEW)
    assert ring.seal(b"secret", context="a") != ring.seal(b"secret", context="a")


@pytest.mark.parametrize("text", ["", " ", "c2hvcnQ=", "not base64!", "NEW,c2hvcnQ="])
def test_a_key_ring_of_anything_else_is_refused(text):
    text = text.replace("NEW", NEW)
    with pytest.raises(ValueError):
        decode_key_ring(text)


def test_a_fingerprint_is_another_for_each_key_content_and_context():
    ring = decode_key_ring(f"{NEW}, {OLD}")
    found = [
        *ring.fingerprint(b"1234", context="a"),
        *ring.fingerprint(b"1235", context="a"),
        *ring.fingerprint(b"1234", context="b"),
    ]
    assert len(set(found)) == 6
    assert ring.fingerprint(b"1234", context="a")[1:] == decode_key_ring(OLD).fingerprint(
        b"1234", context="a"
    )
