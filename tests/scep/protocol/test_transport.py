"""Queries as devices write them."""

import base64
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scep.errors import MessageUnreadable
from scep.protocol.transport import decode_message_text, decode_query

BYTES = bytes(range(256)) * 3 + b"\xfb\xef\xff"


@pytest.mark.parametrize(
    ("raw", "operation", "message"),
    [
        ("operation=GetCACaps", "GetCACaps", ""),
        ("operation=GetCACert&message=", "GetCACert", ""),
        ("operation=GetCACert&message=My%20CA", "GetCACert", "My%20CA"),
        ("message=ab+/c==&operation=PKIOperation", "PKIOperation", "ab+/c=="),
        ("", "", ""),
        ("operation", "", ""),
    ],
)
def test_query_is_read_raw(raw: str, operation: str, message: str) -> None:
    query = decode_query(raw)
    assert (query.operation, query.message) == (operation, message)


def test_query_is_refused_when_it_is_longer_than_8_kb() -> None:
    with pytest.raises(MessageUnreadable):
        decode_query("operation=PKIOperation&message=" + "A" * 8192)


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(BYTES).decode(),
        base64.b64encode(BYTES).decode().replace("+", " "),
        base64.b64encode(BYTES).decode().rstrip("="),
        quote(base64.b64encode(BYTES).decode()),
        quote_plus(base64.b64encode(BYTES).decode()),
        quote(base64.encodebytes(BYTES).decode()),
        quote(base64.encodebytes(BYTES).decode().replace("\n", "\r\n\t")),
        quote_plus(quote_plus(base64.b64encode(BYTES).decode())),
        base64.urlsafe_b64encode(BYTES).decode().rstrip("="),
    ],
)
def test_message_is_decoded_however_it_is_written(written: str) -> None:
    assert decode_message_text(written) == BYTES


@pytest.mark.parametrize("text", ["a", "%%%", "ä", "ab_*", "\0\0\0\0"])
def test_message_is_refused_when_it_is_no_base64(text: str) -> None:
    with pytest.raises(MessageUnreadable):
        decode_message_text(text)


@given(st.text(max_size=200))
def test_only_one_error_comes_out_whatever_comes_in(text: str) -> None:
    query = decode_query(text)
    try:
        decode_message_text(query.message)
    except MessageUnreadable:
        return
