"""How large a property list may be: what devices can have to tell, and nothing that only grows."""

import plistlib
import time
from typing import Any

import pytest

from devices.errors import PlistInvalid
from devices.protocol.plist import decode_plist

LIMIT = 10 * 1024 * 1024
HEAD = b'<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>a</key><array>'
TAIL = b"</array></dict></plist>"
SHORT = b"<key>Identifier</key><string>com.example.a</string><key>Name</key><string>A</string>"
FLAGS = b"".join(
    b"<key>%s</key><false/>" % name
    for name in (b"AdHocCodeSigned", b"AppStoreVendable", b"BetaApp", b"HasUpdateAvailable")
)


def fill(element: bytes) -> bytes:
    """A list of as many of these as a message may hold."""
    return HEAD + element * ((LIMIT - len(HEAD + TAIL)) // len(element)) + TAIL


@pytest.mark.parametrize("keys", [SHORT, FLAGS, SHORT + FLAGS], ids=["short", "flags", "all"])
def test_a_list_of_apps_is_read_when_it_fills_the_message(keys: bytes) -> None:
    data = fill(b"<dict>" + keys + b"</dict>")
    read = decode_plist(data, max_bytes=LIMIT)["a"]
    assert len(read) == data.count(b"<dict>") - 1
    assert read[0] == read[-1]


def test_a_binary_list_of_apps_is_read_when_it_has_more_elements_than_a_small_one_may() -> None:
    apps: list[dict[str, Any]] = [
        {"Identifier": f"com.example.{number}", "Name": f"App {number}", "BundleSize": number}
        | {f"IsOfKind{kind}": kind % 2 == 0 for kind in range(10)}
        for number in range(12_000)
    ]
    data = plistlib.dumps({"a": apps}, fmt=plistlib.FMT_BINARY)
    assert decode_plist(data, max_bytes=LIMIT) == {"a": apps}


@pytest.mark.parametrize(
    "element",
    [b"<true/>", b"<dict/>", b"<true></true>", b"<array><true/></array>", b"<string/>"],
    ids=lambda element: element.decode(),
)
def test_millions_of_empty_elements_are_refused_at_once(element: bytes) -> None:
    data = fill(element)
    started = time.process_time()
    with pytest.raises(PlistInvalid, match="more elements"):
        decode_plist(data, max_bytes=LIMIT)
    assert time.process_time() - started < 2


def test_a_small_binary_list_may_not_grow_when_it_stands_beside_many_bytes() -> None:
    """A list of 100 lists of 100 lists of 100: the bytes beside it are no reason to build it."""
    levels = [b"\xaf\x10\x64" + bytes([number]) * 100 for number in (3, 4, 5)]
    beside = b"\x4f\x12" + (LIMIT - 2000).to_bytes(4, "big") + bytes(LIMIT - 2000)
    objects = [b"\xd1\x01\x02", b"\x51a", *levels, b"\xa1\x01", beside]
    offsets, body = [], b"bplist00"
    for each in objects:
        offsets.append(len(body).to_bytes(4, "big"))
        body += each
    trailer = (
        bytes(6)
        + b"\x04\x01"
        + b"".join(number.to_bytes(8, "big") for number in (len(objects), 0, len(body)))
    )
    with pytest.raises(PlistInvalid, match="more elements"):
        decode_plist(body + b"".join(offsets) + trailer, max_bytes=LIMIT)
