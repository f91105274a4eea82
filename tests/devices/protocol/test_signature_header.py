"""The `Mdm-Signature` header, before anything in it is verified."""

import base64

import pytest

from devices.errors import MessageRefused
from devices.protocol.identity import MAX_HEADER, extract_signature

CONTENT = bytes(range(256))


@pytest.mark.parametrize("fold", ["", " ", "\t", "\r\n "])
def test_signature_is_read_when_a_proxy_has_folded_it(fold: str) -> None:
    text = base64.b64encode(CONTENT).decode()
    assert extract_signature(fold.join([text[:100], text[100:]])) == CONTENT


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ("", "certificate_not_issued", "no Mdm-Signature"),
        ("A" * (MAX_HEADER + 4), "signature_invalid", "too long"),
        ("AAA", "signature_invalid", "not base64"),
        ("AA-_", "signature_invalid", "not base64"),
        ("ÄÄÄÄ", "signature_invalid", "not base64"),
        ("AAAA,AAAA", "signature_invalid", "not base64"),
    ],
)
def test_message_is_refused_when_its_signature_cannot_be_read(
    header: str, code: str, said: str
) -> None:
    with pytest.raises(MessageRefused, match=said) as refusal:
        extract_signature(header)
    assert refusal.value.code == code
