"""Whatever the bytes: a dictionary of plain values, or PlistInvalid. Nothing else, ever."""

import json
import plistlib
import re
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import PlistInvalid
from devices.protocol.json_values import build_json_value
from devices.protocol.plist import decode_plist

LIMIT = 100_000
CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]")
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=20)
SCALARS = (
    TEXT
    | st.binary(max_size=20)
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
LISTS = st.dictionaries(TEXT, VALUES, max_size=5)
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">'
FORMATS = st.sampled_from([plistlib.FMT_XML, plistlib.FMT_BINARY])


@given(value=LISTS, fmt=FORMATS)
@settings(max_examples=100, deadline=None)
def test_a_valid_list_comes_back_as_it_went(value: dict[str, Any], fmt: Any) -> None:
    assert decode_plist(plistlib.dumps(value, fmt=fmt), max_bytes=LIMIT) == value


@given(value=LISTS, fmt=FORMATS, mends_texts=st.booleans(), cut=st.integers(1))
@settings(max_examples=250, deadline=None)
def test_no_part_of_a_list_is_taken_for_another_one(
    value: dict[str, Any], fmt: Any, mends_texts: bool, cut: int
) -> None:
    """Nothing else says of a message in chunks that it has come whole (docs/adr/0291)."""
    data = plistlib.dumps(value, fmt=fmt)
    part = data[: -(cut % len(data)) or None]
    try:
        assert decode_plist(part, max_bytes=LIMIT, mends_texts=mends_texts) == value
    except PlistInvalid:
        assert part != data


@given(value=LISTS, fmt=FORMATS, flips=st.lists(st.tuples(st.integers(0), st.integers(1, 255))))
@settings(max_examples=250, deadline=None)
def test_a_damaged_list_is_read_or_refused(
    value: dict[str, Any], fmt: Any, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(plistlib.dumps(value, fmt=fmt))
    for position, flip in flips:
        data[position % len(data)] ^= flip
    check_border(bytes(data))


@given(value=st.dictionaries(TEXT, st.text(st.characters(categories=["L", "Cc"]), max_size=9)))
@settings(max_examples=300, deadline=None)
def test_control_characters_come_back_as_apples_writer_leaves_them(value: dict[str, str]) -> None:
    texts = {key: re.sub("[\0\r]", "", text) for key, text in value.items()}
    pairs = [f"<key>{escape(key)}</key><string>{text}</string>" for key, text in texts.items()]
    data = HEAD + f"<dict>{''.join(pairs)}</dict></plist>".encode()
    assert decode_plist(data, max_bytes=LIMIT) == texts


@given(rest=st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(rest: bytes) -> None:
    check_border(rest)
    check_border(b"bplist00" + rest)


@given(
    text=st.text(st.characters(categories=["L", "Cc"]), min_size=1, max_size=9),
    units=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=9),
)
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_stored_when_texts_are_mended(text: str, units: list[int]) -> None:
    written = HEAD + f"<dict><key>{escape(text)}</key><true/></dict></plist>".encode()
    odd = b"".join(unit.to_bytes(2, "big") for unit in units)
    stand_in = "é" * len(units)
    binary = plistlib.dumps({"a": stand_in}, fmt=plistlib.FMT_BINARY)
    binary = binary.replace(stand_in.encode("utf-16-be"), odd)
    for data in (written, binary):
        check_storable(decode_plist(data, max_bytes=LIMIT, mends_texts=True))


def check_border(data: bytes) -> None:
    try:
        value = decode_plist(data, max_bytes=LIMIT)
    except PlistInvalid:
        return
    if not data.startswith(b"bplist00") and not CONTROLS.search(data):  # plistlib refuses these
        assert value == plistlib.loads(data, fmt=plistlib.FMT_XML)
    check_storable(value)


def check_storable(value: dict[str, Any]) -> None:
    text = json.dumps(build_json_value(value), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode()
