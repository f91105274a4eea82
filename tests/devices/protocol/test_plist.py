"""Property lists: what devices send is read, what only attackers send is refused, quickly."""

import plistlib
import struct
import time
from datetime import datetime
from typing import Any

import pytest

from devices.errors import PlistInvalid, PlistTooLarge
from devices.protocol.plist import decode_plist, encode_plist

LIMIT = 1024 * 1024
HEADER = b'<?xml version="1.0" encoding="UTF-8"?>\n'
DOCTYPE = (
    b'<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"'
    b' "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
)
VALUES: dict[str, Any] = {
    "text": "Zoë’s iPhone 📱",
    "long": "x" * 300,
    "wide": "ü" * 300,
    "data": bytes(range(256)),
    "numbers": [0, 1, -1, 255, 256, 65_536, 2**31, 2**63 - 1, -(2**63), 2**64 - 1],
    "real": 0.87,
    "yes": True,
    "no": False,
    "date": datetime(2026, 1, 2, 3, 4, 5),
    "empty": {"list": [], "dict": {}, "text": "", "data": b""},
    "many": list(range(1000)),
}


def build_binary(*objects: bytes, top: int = 0, count: int | None = None) -> bytes:
    """A binary list of these encoded objects; references are one byte."""
    body, offsets = b"bplist00", []
    for each in objects:
        offsets.append(len(body))
        body += each
    table = b"".join(struct.pack(">H", offset) for offset in offsets)
    count = len(objects) if count is None else count
    return body + table + struct.pack(">6xBBQQQ", 2, 1, count, top, len(body))


def xml(inner: str, head: bytes = HEADER + DOCTYPE) -> bytes:
    return head + f'<plist version="1.0">{inner}</plist>'.encode()


@pytest.mark.parametrize("fmt", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_every_value_is_read_as_plistlib_wrote_it(fmt: Any) -> None:
    assert decode_plist(plistlib.dumps(VALUES, fmt=fmt), max_bytes=LIMIT) == VALUES


@pytest.mark.parametrize(
    "written",
    [
        xml("<dict><key>a</key><date>0000-12-30T00:00:00Z</date></dict>"),
        build_binary(b"\xd1\x01\x02", b"\x51a", b"\x33" + struct.pack(">d", -63114076800.0)),
    ],
    ids=["xml", "binary"],
)
def test_apples_never_is_the_first_moment_there_is(written: bytes) -> None:
    """NSDate.distantPast, as Foundation writes it; Python's dates begin two days later."""
    assert decode_plist(written, max_bytes=LIMIT) == {"a": datetime(1, 1, 1)}


def test_what_is_encoded_is_decoded_in_the_same_order() -> None:
    encoded = encode_plist({"b": 1, "a": b"\x00"})
    assert list(decode_plist(encoded, max_bytes=LIMIT).items()) == [("b", 1), ("a", b"\x00")]


def test_the_header_of_old_apple_systems_is_accepted() -> None:
    old = DOCTYPE.replace(b"Apple//", b"Apple Computer//")
    assert decode_plist(xml("<dict/>", HEADER + old), max_bytes=LIMIT) == {}


def test_a_text_is_read_whole_when_it_stands_in_pieces() -> None:
    long = "x" * 100_000
    data = xml(
        "<dict> noise <key>a<!-- b -->&amp;c</key>\n"
        f"<string><![CDATA[<d>]]>&lt;{long}</string><key></key><integer>0x1F</integer></dict>"
    )
    assert decode_plist(data, max_bytes=LIMIT) == {"a&c": f"<d><{long}", "": 31}


@pytest.mark.parametrize("encoding", ["UTF-16", "ISO-8859-1", "cp1252"])
def test_a_list_in_another_encoding_is_read_as_plistlib_reads_it(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    data = f"{head}<plist><dict><key>ä</key><string>ü</string></dict></plist>".encode(encoding)
    assert decode_plist(data, max_bytes=LIMIT) == plistlib.loads(data) == {"ä": "ü"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", range(4))
def test_a_text_is_read_whole_when_it_is_longer_than_a_piece(encoding: str, before: int) -> None:
    text = "x" * before + "\u6f22\U0001f600\u00e9" * 50_000
    space = " " * 400_000
    xml = f"<plist>{space}<dict><key>a</key>{space}<string>{text}</string></dict>{space}</plist>"
    assert decode_plist(xml.encode(encoding), max_bytes=4 * 1024 * 1024) == {"a": text}


@pytest.mark.parametrize(
    "tag",
    [
        "<dict " + " ".join(f"a{number}='>'" for number in range(50_000)) + ">",
        "<dict><!--" + "-x" * 200_000 + "-->",
        "<dict><?x " + "y" * 400_000 + "?>",
        "<dict><" + "k" * 400_000 + ">",
    ],
    ids=["attributes", "comment", "instruction", "name"],
)
def test_a_tag_that_does_not_end_is_refused(tag: str) -> None:
    with pytest.raises(PlistInvalid, match="does not end"):
        decode_plist(f"<plist>{tag}</dict></plist>".encode(), max_bytes=4 * 1024 * 1024)


def test_bytes_beyond_the_limit_are_refused_when_they_are_otherwise_fine() -> None:
    data = plistlib.dumps({"a": "x" * 100})
    assert decode_plist(data, max_bytes=len(data))
    with pytest.raises(PlistTooLarge):
        decode_plist(data, max_bytes=len(data) - 1)


SUBSET = b'<!DOCTYPE plist [<!ENTITY a "b">]>'
LAUGHS = b'<!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = b'<!DOCTYPE plist [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
EMPTY_SUBSET = b"<!DOCTYPE plist [ ]>"
FOREIGN = b'<!DOCTYPE html SYSTEM "http://example.com/x.dtd">'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no property list", id="text"),
        pytest.param(b"\xff\xfe" * 40, id="half a byte order mark"),
        pytest.param(xml("<dict><key>a</key>"), id="not closed"),
        pytest.param(xml("<array/>"), id="a list at the root"),
        pytest.param(xml("<string>a</string>"), id="a text at the root"),
        pytest.param(xml(""), id="an empty plist"),
        pytest.param(xml("<dict><key>a</key><string>&a;</string></dict>", SUBSET), id="entity"),
        pytest.param(xml("<dict><key>a</key><string>&b;</string></dict>", LAUGHS), id="laughs"),
        pytest.param(xml("<dict><key>a</key><string>&a;</string></dict>", OUTSIDE), id="file"),
        pytest.param(xml("<dict><key>a</key><string>&a;</string></dict>"), id="a DTD's entity"),
        pytest.param(xml("<dict/>", EMPTY_SUBSET), id="an internal subset of nothing"),
        pytest.param(xml("<dict/>", FOREIGN), id="somebody else's DOCTYPE"),
        pytest.param(xml("<dict><string>a</string></dict>"), id="a value without key"),
        pytest.param(xml("<dict><key>a</key></dict>"), id="a key without value"),
        pytest.param(xml("<dict><key>a</key><odd/></dict>"), id="an unknown element"),
        pytest.param(xml("<dict><odd/></dict>"), id="an unknown element beside the keys"),
        pytest.param(xml("<dict/><dict/>"), id="two roots"),
        pytest.param(xml("<dict><plist/></dict>"), id="a plist inside"),
        pytest.param(xml("<dict><key>a</key><key>b</key><true/></dict>"), id="two keys"),
        pytest.param(xml("<dict><key></key></dict>"), id="an empty key without value"),
        pytest.param(xml("<key>a</key><dict/>"), id="a key at the root"),
        pytest.param(
            xml("<dict><key>a</key><array><key>b</key></array></dict>"), id="a key in a list"
        ),
        pytest.param(
            xml("<dict><key>a</key><string>b<true/></string></dict>"), id="a value in a text"
        ),
        pytest.param(
            xml("<dict><key>a</key><string>&#1;</string></dict>"), id="a control's number"
        ),
        pytest.param(xml("<dict><\x01/></dict>"), id="a control character in a tag"),
        pytest.param(xml("<dict><\0/></dict>"), id="NUL in a tag"),
        pytest.param(
            xml(f"<dict><key>a</key><string>{chr(0) * 9_000_000}</string></dict>"),
            id="nothing but NUL",
        ),
        pytest.param(
            xml(f"<dict><key>a</key><string>{chr(1) * 9_000_000}</string></dict>"),
            id="nothing but control characters",
        ),
        pytest.param(xml("<dict><key>a</key><date>x</date></dict>"), id="no date"),
        pytest.param(
            xml("<dict><key>a</key><date>2026-13-45T00:00:00Z</date></dict>"), id="no such day"
        ),
        pytest.param(xml("<dict><key>a</key><real>nan</real></dict>"), id="not a number"),
        pytest.param(xml("<dict><key>a</key><real>inf</real></dict>"), id="infinity"),
        pytest.param(xml("<dict><key>a</key><real>x</real></dict>"), id="no real"),
        pytest.param(xml("<dict><key>a</key><integer>x</integer></dict>"), id="no integer"),
        *(
            pytest.param(
                xml(f"<dict><key>a</key><{kind}>{text}</{kind}></dict>"), id=f"{kind} {text}"
            )
            for kind, text in (
                ("integer", "1_000"),
                ("integer", "٣"),
                ("integer", "0x_f"),
                ("real", "1_0.5"),
                ("real", "٣.٥"),
                ("date", "٢٠٢٦-01-01T00:00:00Z"),
            )
        ),
        pytest.param(
            xml(f"<dict><key>a</key><integer>{'9' * 5000}</integer></dict>"), id="5,000 digits"
        ),
        pytest.param(
            xml(f"<dict><key>a</key><integer>0x{'f' * 40}</integer></dict>"), id="160 bits"
        ),
        pytest.param(xml("<dict><key>a</key><data>A</data></dict>"), id="no base64"),
        pytest.param(xml("<array>" * 5000 + "</array>" * 5000), id="5,000 lists deep"),
        pytest.param(xml("<dict>" + "<key>a</key><true/>" * 110_000 + "</dict>"), id="too many"),
        pytest.param(plistlib.dumps({"a": plistlib.UID(1)}, fmt=plistlib.FMT_BINARY), id="UID"),
        pytest.param(build_binary(b"\xa1\x00"), id="a list that contains itself"),
        pytest.param(build_binary(b"\xd1\x01\x00", b"\x51a"), id="a dict that contains itself"),
        pytest.param(build_binary(b"\xd1\x01\x01", b"\x10\x05"), id="a number as key"),
        pytest.param(build_binary(b"\xd1\x01\x01", b"\xa0"), id="a list as key"),
        pytest.param(build_binary(b"\xd1\x01\x02", b"\x51a"), id="a reference to nothing"),
        pytest.param(build_binary(b"\xd1\x01\x02", b"\x51a", b"\x00"), id="null"),
        pytest.param(build_binary(b"\xd1\x01\x02", b"\x51a", b"\x0f"), id="fill"),
        pytest.param(build_binary(b"\xd1\x01\x02", b"\x51a", b"\xc0"), id="a set"),
        pytest.param(build_binary(b"\xd1\x01\x02", b"\x51a", b"\x51\xff"), id="no ASCII"),
        pytest.param(
            build_binary(b"\xd1\x01\x02", b"\x51a", b"\x23\x7f\xf8" + bytes(6)), id="binary NaN"
        ),
        pytest.param(
            build_binary(b"\xd1\x01\x02", b"\x51a", b"\x33\x7f\xf8" + bytes(6)), id="date NaN"
        ),
        pytest.param(
            build_binary(b"\xd1\x01\x02", b"\x51a", b"\x33\x7f\xe0" + bytes(6)), id="far date"
        ),
        pytest.param(build_binary(b"\xaf\x13" + b"\xff" * 8), id="2^64 elements"),
        pytest.param(build_binary(b"\x5f\x13" + b"\xff" * 8), id="2^64 characters"),
        pytest.param(build_binary(b"\xd0", count=2**60), id="2^60 objects"),
        pytest.param(build_binary(b"\xd0", top=9), id="the root is nowhere"),
        pytest.param(
            build_binary(b"\xd1\x01\x02", b"\x51a", b"\x09").replace(b"\x00\x0d", b"\x00\x00"),
            id="an object in the magic",
        ),
        pytest.param(b"bplist00" + bytes(32), id="a trailer of zeros"),
        pytest.param(b"bplist00" + b"\xff" * 32, id="a trailer of ones"),
        pytest.param(b"bplist00", id="only the magic"),
    ],
)
@pytest.mark.parametrize("mends_texts", [False, True])
def test_a_list_that_no_device_sends_is_refused_at_once(data: bytes, mends_texts: bool) -> None:
    started = time.process_time()
    with pytest.raises(PlistInvalid):
        decode_plist(data, max_bytes=10 * LIMIT, mends_texts=mends_texts)
    assert time.process_time() - started < 2


def test_a_list_of_two_to_the_hundred_elements_is_refused_before_it_grows() -> None:
    levels = [bytes([0xA2, level + 1, level + 1]) for level in range(60)]
    data = build_binary(*levels, b"\x09")
    assert len(data) < 400
    with pytest.raises(PlistInvalid, match="elements"):
        decode_plist(data, max_bytes=LIMIT)


def test_one_text_referred_to_too_often_is_refused_before_it_fills_the_memory() -> None:
    text = b"\x5f\x12" + struct.pack(">I", 30_000) + b"a" * 30_000
    data = build_binary(b"\xd1\x01\x02", b"\x51a", b"\xaf\x11\x03\xe8" + b"\x03" * 1000, text)
    with pytest.raises(PlistInvalid, match="repeat"):
        decode_plist(data, max_bytes=LIMIT)


def test_a_list_that_shares_values_as_real_encoders_do_is_read() -> None:
    shared = {"same": "x" * 50}
    value = {"all": [dict(shared) for _ in range(2000)]}
    data = plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
    assert decode_plist(data, max_bytes=LIMIT) == value


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (xml("<dict><key>a</key><string>b\0\x0bc</string></dict>"), {"a": "b\ufffd\x0bc"}),
        (xml("<dict><key>\0</key><string>b</string></dict>"), {"\ufffd": "b"}),
        (build_binary(b"\xd1\x01\x02", b"\x51a", b"\x52b\x00"), {"a": "b\ufffd"}),
        (build_binary(b"\xd1\x01\x01", b"\x51\x00"), {"\ufffd": "\ufffd"}),
        (build_binary(b"\xd1\x01\x02", b"\x51a", b"\x61\xd8\x00"), {"a": "\ufffd"}),
        (build_binary(b"\xd1\x01\x02", b"\x51a", b"\x62\xdc\x00\x00\x00"), {"a": "\ufffd" * 2}),
    ],
)
def test_what_no_database_takes_is_refused_unless_texts_are_mended(
    data: bytes, read: dict[str, str]
) -> None:
    with pytest.raises(PlistInvalid):
        decode_plist(data, max_bytes=LIMIT)
    assert decode_plist(data, max_bytes=LIMIT, mends_texts=True) == read


def test_wide_xml_is_read_as_it_stands_when_texts_are_mended() -> None:
    """Every other byte of it is NUL."""
    wide = '<?xml version="1.0" encoding="UTF-16"?><plist><dict/></plist>'.encode("utf-16")
    assert decode_plist(wide, max_bytes=LIMIT, mends_texts=True) == {}
