"""What is remembered of a sender's signature against the readers: both prove the same, or nothing.

The second message of each sender is looked at, after its first one has been proved.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from scep.errors import SignatureInvalid
from scep.protocol import recurring
from scep.protocol.cms import verify_detached
from scep.protocol.recurring import find_proved_signer
from scep.protocol.signed_data import (
    SIGNING_TIME_ATTRIBUTE,
    decode_signature,
    verify_signature,
)
from tests.scep.device import make_key, make_self_signed
from tests.scep.protocol.test_cms import cut_content, write_signer
from tests.scep.reply import run_openssl, write_pem
from tests.simulator.cms import sign_detached

FIRST, SECOND = b"<plist>Authenticate</plist>", b"<plist>Idle</plist>"
CERTIFICATE = make_self_signed(make_key())


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    recurring._patterns.clear()
    yield
    recurring._patterns.clear()


def sign(content: bytes, **options: object) -> bytes:
    return sign_detached(content, key=make_key(), certificate=CERTIFICATE, **options)  # type: ignore[arg-type]


def prove(data: bytes, *, content: bytes) -> x509.Certificate | None:
    """Return what the readers say, None where they refuse."""
    try:
        decoded = decode_signature(data)
        verify_signature(decoded, content=content, allow_sha1=False)
    except (SignatureInvalid, ValueError):
        return None
    return decoded.signer


def replace(data: bytes, old: bytes, new: bytes) -> bytes:
    """Put `new` among the signed attributes and sign these again, as the key's owner could."""
    decoded = decode_signature(data)
    assert decoded.signed_bytes is not None
    assert data.count(old) == 1
    signed = decoded.signed_bytes.replace(old, new)
    signature = make_key().sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return data.replace(old, new).replace(decoded.signature, signature)


@pytest.mark.parametrize("options", [{}, {"ber": True}, {"digest": "sha512"}])
def test_a_sender_is_known_again_when_only_the_values_differ(options: dict[str, object]) -> None:
    assert find_proved_signer(sign(SECOND, **options), content=SECOND) is None
    verify_detached(sign(FIRST, **options), content=FIRST, allow_sha1=False)
    assert find_proved_signer(sign(SECOND, **options), content=SECOND) == CERTIFICATE
    assert verify_detached(sign(SECOND, **options), content=SECOND, allow_sha1=False) == CERTIFICATE


@pytest.mark.parametrize("options", [[], ["-md", "sha384"], ["-keyid"], ["-certfile"], ["-stream"]])
def test_a_sender_is_known_again_when_openssl_signs(tmp_path: Path, options: list[str]) -> None:
    certificate, signer = write_signer(tmp_path, key=make_key())
    if options == ["-certfile"]:
        others = (make_self_signed(make_key(1), name=name) for name in ("a", "z"))
        options = [*options, write_pem(tmp_path, "others.pem", *others)]

    def make(content: bytes) -> bytes:
        made = run_openssl(
            *("cms", "-sign", "-binary", "-outform", "DER", "-nosmimecap"),
            *(*signer, *options),
            stdin=content,
        )
        return cut_content(made) if "-stream" in options else made

    verify_detached(make(FIRST), content=FIRST, allow_sha1=False)
    assert find_proved_signer(make(SECOND), content=SECOND) == certificate
    assert find_proved_signer(make(SECOND), content=FIRST) is None


def test_a_sender_with_an_ec_key_is_known_again(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, signer = write_signer(tmp_path, key=key)
    arguments = ("cms", "-sign", "-binary", "-outform", "DER", "-nosmimecap", *signer)
    # A signature has 70 to 72 bytes, and each length is remembered by itself.
    known = [run_openssl(*arguments, stdin=FIRST) for _ in range(12)]
    for each in known:
        verify_detached(each, content=FIRST, allow_sha1=False)
    lengths = {len(each) for each in known}
    again = next(
        each
        for each in iter(lambda: run_openssl(*arguments, stdin=SECOND), b"")
        if len(each) in lengths
    )
    assert find_proved_signer(again, content=SECOND) == certificate
    assert find_proved_signer(again, content=FIRST) is None


@pytest.mark.parametrize("ber", [False, True])
def test_nothing_is_proved_when_any_byte_differs(ber: bool) -> None:
    verify_detached(sign(FIRST, ber=ber), content=FIRST, allow_sha1=False)
    data = sign(SECOND, ber=ber)
    for position, byte in enumerate(data):
        altered = data[:position] + bytes((byte ^ 1 << position % 8,)) + data[position + 1 :]
        assert find_proved_signer(altered, content=SECOND) is None
    for other in (data[:-1], data + b"\0", data[:-1] + b"\0\0", data[1:], b""):
        assert find_proved_signer(other, content=SECOND) is None


def test_nothing_is_proved_when_the_parts_are_of_two_messages() -> None:
    first, second = sign(FIRST), sign(SECOND)
    verify_detached(first, content=FIRST, allow_sha1=False)
    signature = decode_signature(second).signature
    mixed = first[: -len(signature)] + signature
    for content in (FIRST, SECOND):
        assert find_proved_signer(mixed, content=content) is prove(mixed, content=content) is None


def test_nothing_is_proved_when_another_key_has_signed() -> None:
    verify_detached(sign(FIRST), content=FIRST, allow_sha1=False)
    forged = sign_detached(SECOND, key=make_key(1), certificate=CERTIFICATE)
    assert find_proved_signer(forged, content=SECOND) is prove(forged, content=SECOND) is None


def test_nothing_is_proved_when_the_digest_is_of_other_content() -> None:
    verify_detached(sign(FIRST), content=FIRST, allow_sha1=False)
    data = sign(SECOND, message_digest=bytes(32))
    assert find_proved_signer(data, content=SECOND) is prove(data, content=SECOND) is None


@pytest.mark.parametrize("moment", [b"991231235959Z", b"not a moment!", b"\x30\x80" * 6 + b"\0"])
def test_a_moment_is_as_little_read_as_by_the_readers(moment: bytes) -> None:
    first = sign(FIRST)
    verify_detached(first, content=FIRST, allow_sha1=False)
    attributes = decode_signature(first).attributes
    assert attributes is not None
    (element,) = attributes[SIGNING_TIME_ATTRIBUTE]
    data = replace(first, element[2:], moment)
    assert prove(data, content=FIRST) == find_proved_signer(data, content=FIRST) == CERTIFICATE


def test_sha1_is_asked_about_each_time() -> None:
    data = sign(FIRST, digest="sha1")
    for _ in range(2):
        verify_detached(data, content=FIRST, allow_sha1=True)
    with pytest.raises(SignatureInvalid):
        verify_detached(data, content=FIRST, allow_sha1=False)


@pytest.mark.parametrize("options", [{"attributes": False}, {"chain": [CERTIFICATE] * 5}])
def test_nothing_is_remembered_when_it_is_long_or_has_no_attributes(
    options: dict[str, object],
) -> None:
    verify_detached(sign(FIRST, **options), content=FIRST, allow_sha1=False)
    assert not recurring._patterns


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring, "REMEMBERED", 2)
    for number in range(4):
        certificate = make_self_signed(make_key(), name=f"device {number}")
        data = sign_detached(FIRST, key=make_key(), certificate=certificate)
        verify_detached(data, content=FIRST, allow_sha1=False)
        assert 1 <= len(recurring._patterns) <= 2
        assert find_proved_signer(data, content=FIRST) == certificate
