"""PKIMessages by strict rules: what other servers let pass is refused here."""

from typing import Any

import pytest
from asn1crypto import core

from scep.errors import MessageUnreadable, RequestRejected, SignatureInvalid
from scep.protocol.messages import PkiRequest, decode_message, verify_message
from tests.scep.device import CONTENT_TYPE, MESSAGE_DIGEST, Device, Values, make_key, sign

ENVELOPE = b"any bytes will do here"


def build(
    device: Device, *, attributes: Values, content: bytes | None = ENVELOPE, **options: Any
) -> bytes:
    return sign(
        content, key=device.key, certificate=device.certificate, attributes=attributes, **options
    )


def verify(data: bytes) -> PkiRequest:
    return verify_message(decode_message(data), allow_sha1=False)


def test_request_is_returned_when_every_rule_is_kept() -> None:
    device = Device()
    data = build(device, attributes=device.get_attributes())
    message = decode_message(data)
    assert (message.transaction_id, message.sender_nonce) == (device.transaction_id, device.nonce)
    request = verify_message(message, allow_sha1=False)
    assert request.signer.public_key() == device.key.public_key()
    assert request.enveloped == ENVELOPE


TYPES = ("1", "18", "190", "019", "+19", " 19", "19 ", "1²", "017", "+17", "020", "21", "3", "")


@pytest.mark.parametrize(
    "values",
    [
        *([core.PrintableString(text)] for text in TYPES),
        [],
        [core.PrintableString("19"), core.PrintableString("17")],
        [core.Integer(19)],
        [core.UTF8String("19")],
        [core.OctetString(b"19")],
    ],
    ids=[*(repr(text) for text in TYPES), "none", "two", "INTEGER", "UTF8String", "OCTET STRING"],
)
def test_message_is_refused_when_its_type_is_not_exactly_known(
    values: list[core.Asn1Value],
) -> None:
    """S1."""
    device = Device()
    data = build(device, attributes=device.get_attributes(message_type=values))
    with pytest.raises(RequestRejected):
        verify(data)


@pytest.mark.parametrize(
    ("values", "repeated"),
    [
        ([], None),
        ([core.OctetString(b"")], None),
        ([core.OctetString(b"x" * 15)], b"x" * 15),
        ([core.OctetString(b"x" * 17)], b"x" * 17),
        ([core.OctetString(b"x" * 65)], None),
        ([core.OctetString(b"x" * 16), core.OctetString(b"y" * 16)], None),
        ([core.PrintableString("x" * 16)], None),
    ],
    ids=["none", "empty", "15", "17", "65", "two", "text"],
)
def test_message_is_refused_when_the_nonce_is_not_16_bytes(
    values: list[core.Asn1Value], repeated: bytes | None
) -> None:
    device = Device()
    data = build(device, attributes=device.get_attributes(nonce=values))
    assert decode_message(data).sender_nonce == repeated
    with pytest.raises(RequestRejected, match="senderNonce"):
        verify(data)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [core.PrintableString("")],
        [core.PrintableString("a" * 256)],
        [core.PrintableString("a\0b")],
        [core.PrintableString("a"), core.PrintableString("b")],
        [core.UTF8String("abc")],
        [core.OctetString(b"abc")],
    ],
    ids=["none", "empty", "256", "NUL", "two", "UTF8String", "OCTET STRING"],
)
def test_nothing_can_be_answered_when_the_transaction_id_is_unusable(
    values: list[core.Asn1Value],
) -> None:
    device = Device()
    with pytest.raises(MessageUnreadable, match="transactionID"):
        decode_message(build(device, attributes=device.get_attributes(transaction=values)))


def test_message_is_refused_when_the_digest_is_of_other_content() -> None:
    device = Device()
    data = build(device, attributes=device.get_attributes(), digest_of=b"other")
    with pytest.raises(SignatureInvalid, match="messageDigest"):
        verify(data)


@pytest.mark.parametrize("missing", [CONTENT_TYPE, MESSAGE_DIGEST])
def test_message_is_refused_when_a_basic_attribute_is_missing(missing: str) -> None:
    device = Device()
    with pytest.raises(SignatureInvalid):
        verify(build(device, attributes=device.get_attributes() | {missing: []}))


def test_message_is_refused_when_another_key_signed_it() -> None:
    device = Device()
    data = sign(
        ENVELOPE,
        key=make_key(1),
        certificate=device.certificate,
        attributes=device.get_attributes(),
    )
    with pytest.raises(SignatureInvalid, match="does not fit"):
        verify(data)


@pytest.mark.parametrize("signers", [0, 2])
def test_nothing_is_read_when_there_is_not_exactly_one_signer(signers: int) -> None:
    device = Device()
    with pytest.raises(MessageUnreadable, match="one signer"):
        decode_message(build(device, attributes=device.get_attributes(), signers=signers))


@pytest.mark.parametrize("content", [None, b""])
def test_message_is_refused_when_it_has_no_envelope(content: bytes | None) -> None:
    device = Device()
    with pytest.raises(RequestRejected, match="no envelope"):
        verify(build(device, attributes=device.get_attributes(), content=content))


@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_message_is_refused_when_its_digest_is_weak(digest: str) -> None:
    device = Device()
    with pytest.raises(SignatureInvalid):
        verify(build(device, attributes=device.get_attributes(), digest=digest))


def test_message_is_refused_when_it_names_another_digest_than_it_used() -> None:
    device = Device()
    data = build(device, attributes=device.get_attributes(), digest="sha1", named_digest="sha256")
    with pytest.raises(SignatureInvalid):
        verify(data)
