"""The short cut for plain lists against the general reader: what it reads, both read alike."""

import plistlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.errors import PlistInvalid
from devices.protocol.plist.budget import Budget
from devices.protocol.plist.plain import HEAD, LONGEST, TAIL, read_plain
from devices.protocol.plist.xml import read_xml

IDLE = {"Status": "Idle", "UDID": "00008110-000A1B2C3D4E5F60"}
TOKEN_UPDATE = IDLE | {"Token": bytes(range(200)), "PushMagic": "M", "AwaitingConfiguration": False}
DATA, DATA_OF_ALL_KINDS = plistlib.dumps(IDLE), plistlib.dumps(TOKEN_UPDATE)
PAIR = b"\t<key>UDID</key>\n\t<string>a</string>\n"
PIECES = [
    *(PAIR, HEAD, TAIL, b"<key>UDID</key>", b"<string>b</string>", b"<string/>", b"<true/>"),
    *(b"&amp;", b"&#65;", b"<!-- -->", b"<![CDATA[x]]>", b"<?x?>", b"]]>", b"<", b">", b"\0"),
    *(
        b"<data>\n\tAAAA\n\t</data>",
        b"<data/>",
        b"<false/>",
        b"A",
        b"AA==",
        b"=",
        b"\n\t",
        b"+",
        b"/",
    ),
    *(b"\r", b"\n", b"\t", b" ", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"<dict>", b"</dict>"),
]


def read_generally(data: bytes) -> object:
    return read_xml(data, Budget(bytes_left=1_000_000, nodes_left=1000))


@pytest.mark.parametrize(
    "message",
    [
        IDLE,
        {"Status": "Acknowledged", "UDID": "a", "CommandUUID": "1-2"},
        {"Status": "", "UDID": " a . _ : - "},
        *({"Data": bytes(range(length))} for length in (0, 1, 2, 3, 48, 49, 51, 52, 200)),
        TOKEN_UPDATE,
        {"Yes": True, "No": False},
        {},
    ],
)
def test_a_plain_list_is_read_when_plistlib_or_apple_has_written_it(
    message: dict[str, object],
) -> None:
    data = plistlib.dumps(message, sort_keys=False) if message else HEAD + TAIL
    assert read_plain(data) == read_generally(data) == message


def test_the_later_of_two_values_counts_as_it_does_generally() -> None:
    data = HEAD + PAIR + PAIR.replace(b">a<", b">b<") + TAIL
    assert read_plain(data) == read_generally(data) == {"UDID": "b"}


@pytest.mark.parametrize(
    "data",
    [
        plistlib.dumps(IDLE | {"N": 1}),
        plistlib.dumps(IDLE | {"T": "a & b"}),
        plistlib.dumps(IDLE | {"T": b"abc"}).replace(b"YWJj", b"YWJjZ"),
        plistlib.dumps(IDLE | {"T": "Zoë"}),
        plistlib.dumps(IDLE | {"T": "x" * LONGEST}),
        plistlib.dumps(IDLE, fmt=plistlib.FMT_BINARY),
        DATA.replace(b"\n", b"\r\n"),
        DATA.replace(b"\t", b"  "),
        DATA.replace(b"<!DOCTYPE", b"<!-- --><!DOCTYPE"),
        DATA[:-1],
        b"\n" + DATA,
        DATA + DATA,
        HEAD[:-1] + TAIL,
        b"",
    ],
)
def test_the_rest_is_left_to_the_general_reader(data: bytes) -> None:
    assert read_plain(data) is None


@pytest.mark.parametrize("data", [DATA, DATA_OF_ALL_KINDS])
def test_no_byte_may_differ_unless_it_is_read_alike(data: bytes) -> None:
    for position in range(len(data)):
        before, after = data[:position], data[position + 1 :]
        check(before + after)
        for byte in b"A=\t\n <>&;\0\x80":
            check(before + bytes((byte,)) + after)
            check(before + bytes((byte,)) + data[position:])


@given(
    st.lists(st.tuples(st.integers(0, len(DATA_OF_ALL_KINDS)), st.sampled_from(PIECES)), max_size=4)
)
@example([(len(HEAD), PAIR)])
@settings(max_examples=500, deadline=None)
def test_no_list_with_other_pieces_in_it_is_read_otherwise_than_generally(
    changes: list[tuple[int, bytes]],
) -> None:
    data = DATA_OF_ALL_KINDS
    for position, piece in changes:
        data = data[:position] + piece + data[position:]
    check(data)


def check(data: bytes) -> None:
    found = read_plain(data)
    if found is not None:
        try:
            assert found == read_generally(data)
        except PlistInvalid as error:
            raise AssertionError(data) from error
