"""What is read from .ipa and .pkg files, honest and hostile ones, and the manifest of either."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from policies.errors import PackageInvalid
from policies.protocol.packages import (
    CHUNK_SIZE,
    FileHasher,
    ManifestItem,
    PackageFacts,
    build_manifest,
    decode_installer_package,
    decode_ipa,
)
from tests.policies.packages import (
    DISTRIBUTION,
    SIGNER,
    make_component_pkg,
    make_ipa,
    make_pkg,
    make_xar,
)

TWO_APPS = (
    '<bundle id="com.example.a" path="A.app" CFBundleShortVersionString="1"/>'
    '<bundle id="com.example.b" path="B.app" CFBundleShortVersionString="2"/>'
)


def read_ipa(data: bytes) -> PackageFacts:
    return decode_ipa(io.BytesIO(data))


def read_pkg(data: bytes) -> PackageFacts:
    return decode_installer_package(io.BytesIO(data))


def test_an_ipa_tells_its_app() -> None:
    facts = read_ipa(make_ipa())
    assert (facts.kind, facts.identifier, facts.version) == ("ipa", "com.example.expenses", "2.1")
    assert (facts.title, facts.minimum_os) == ("Expenses", "16.0")
    assert facts.platforms == ("ios", "ipados")


@pytest.mark.parametrize(
    ("changes", "platforms"),
    [
        ({"UIDeviceFamily": [2]}, ("ipados",)),
        ({"UIDeviceFamily": [1]}, ("ios", "ipados")),
        ({"UIDeviceFamily": None}, ("ios", "ipados")),
        ({"CFBundleSupportedPlatforms": ["AppleTVOS"], "UIDeviceFamily": [3]}, ("other",)),
    ],
)
def test_an_app_is_for_the_devices_that_it_names(
    changes: dict[str, Any], platforms: tuple[str, ...]
) -> None:
    assert read_ipa(make_ipa(**changes)).platforms == platforms


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "no zip"),
        (b"PK\x05\x06" + bytes(5), "no zip"),
        (make_ipa()[:-30], "no zip"),
        (make_pkg(), "no zip"),
        (make_ipa(folder="../../Payload/Expenses.app"), "one app"),
        (make_ipa(folder="Payload/a/Expenses.app"), "one app"),
        (make_ipa(CFBundleIdentifier="../etc/passwd"), "bundle identifier"),
        (make_ipa(CFBundleIdentifier=7), "bundle identifier"),
        (make_ipa(CFBundleShortVersionString=None, CFBundleVersion=""), "version"),
        (make_ipa(CFBundleSupportedPlatforms=["iPhoneSimulator"]), "simulator"),
        (make_ipa(CFBundleSupportedPlatforms=None), "simulator"),
    ],
)
def test_an_ipa_is_refused_when_no_device_would_take_it(data: bytes, named: str) -> None:
    with pytest.raises(PackageInvalid, match=named):
        read_ipa(data)


def build_zip(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


def lie_about_size(data: bytes) -> bytes:
    """Have the directory say that the first file is small when it is unpacked."""
    at = data.index(b"PK\x01\x02") + 24
    return data[:at] + struct.pack("<L", 100) + data[at + 4 :]


BOMB = build_zip(("Payload/A.app/Info.plist", bytes(50_000_000)))
ENCRYPTED = bytearray(make_ipa())
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1
ENCRYPTED[6] |= 1


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        lie_about_size(BOMB),
        bytes(ENCRYPTED),
        build_zip(("Payload/A.app/Info.plist", b""), ("Payload/B.app/Info.plist", b"")),
        b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, 0x7FFFFFFF, 0, 0),
    ],
)
def test_an_ipa_costs_little_when_it_is_hostile(data: bytes) -> None:
    with pytest.raises(PackageInvalid):
        read_ipa(data)


def test_a_pkg_tells_product_app_and_signer() -> None:
    for data in (make_pkg(), make_pkg(algorithm="sha256", packed=False)):
        facts = read_pkg(data)
        assert facts.bundles == {"com.example.tools.app": "3.0"}
        assert (facts.kind, facts.identifier, facts.version) == (
            "pkg",
            "com.example.tools.app",
            "3.0",
        )
        assert (facts.title, facts.minimum_os, facts.signer) == ("Field tools", "12.0", SIGNER)
        assert facts.platforms == ("macos",)


@pytest.mark.parametrize("bundles", ["", TWO_APPS])
def test_a_pkg_is_known_by_its_product_when_it_is_not_one_app(bundles: str) -> None:
    facts = read_pkg(make_pkg(bundles=bundles))
    assert (facts.identifier, facts.version) == ("com.example.tools", "3.0")


def test_a_pkg_is_known_by_its_component_when_it_names_no_product() -> None:
    text = DISTRIBUTION.replace('<product id="com.example.tools" version="{version}"/>', "")
    assert read_pkg(make_pkg(bundles="", distribution=text)).identifier == "com.example.tools.pkg"


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (make_component_pkg, "productbuild"),
        (lambda: make_component_pkg(signed=False), "productbuild"),
        (lambda: make_pkg(signed=False), "productsign"),
        (lambda: make_pkg(forged=True), "signature"),
        (lambda: make_xar({"README": b"x"}), "Distribution"),
        (lambda: make_pkg(distribution="<installer-gui-script/>"), "product"),
        (lambda: make_pkg(distribution="<a"), "XML"),
        (lambda: b"", "no macOS package"),
        (lambda: make_ipa(), "no macOS package"),
        (lambda: make_pkg()[:200], "cut off|damaged"),
        (lambda: make_pkg()[:-5], "cut off"),
    ],
)
def test_a_pkg_is_refused_with_the_fix_when_no_mac_would_take_it(
    make: Callable[[], bytes], named: str
) -> None:
    with pytest.raises(PackageInvalid, match=named):
        read_pkg(make())


def test_a_pkg_is_refused_when_its_table_was_changed_after_signing() -> None:
    data = make_pkg()
    _, header, _, packed, _, _ = struct.unpack_from(">4sHHQQI", data)
    table = zlib.decompress(data[header : header + packed])
    changed = zlib.compress(table.replace(b"<name>Payload", b"<name>payload"))
    head = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(changed), len(table), 1)
    with pytest.raises(PackageInvalid, match="changed"):
        read_pkg(head + changed + data[header + packed :])


ENTITIES = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">]><xar><toc>&b;</toc></xar>'


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_xar({}, table=ENTITIES),
        lambda: make_xar({}, table='<!DOCTYPE a SYSTEM "file:///etc/passwd"><xar/>'),
        lambda: make_xar({}, table="<xar>" + "<toc>" * 5000 + "</toc>" * 5000 + "</xar>"),
        lambda: make_xar({}, table="<xar>" + "<a/>" * 200_000 + "</xar>"),
        lambda: make_xar({}, table="<xar/>"),
        lambda: make_pkg(distribution=ENTITIES),
        lambda: make_pkg(distribution="<a>" + " " * 20_000_000 + "</a>"),
        lambda: struct.pack(">4sHHQQI", b"xar!", 28, 1, 2**63, 2**63, 1),
        lambda: (
            struct.pack(">4sHHQQI", b"xar!", 28, 1, 1000, 0, 1) + zlib.compress(bytes(10_000_000))
        ),
        lambda: (
            struct.pack(">4sHHQQI", b"xar!", 28, 1, 20_000, 10, 1)
            + zlib.compress(bytes(10_000_000))
        ),
        lambda: struct.pack(">4sHHQQI", b"xar!", 0, 1, 10, 10, 1),
    ],
)
def test_a_pkg_costs_little_when_it_is_hostile(make: Callable[[], bytes]) -> None:
    with pytest.raises(PackageInvalid):
        read_pkg(make())


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1])
@pytest.mark.parametrize("portion", [CHUNK_SIZE // 3, 3 * CHUNK_SIZE])
def test_hashes_are_those_of_the_chunks_when_a_file_comes_in_portions(
    size: int, portion: int
) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    hasher = FileHasher()
    for at in range(0, size, portion):
        hasher.update(data[at : at + portion])
    found = hasher.finish()
    chunks = [data[at : at + CHUNK_SIZE] for at in range(0, size, CHUNK_SIZE)]
    assert found.size == size
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert list(found.chunk_sha256s) == [hashlib.sha256(each).hexdigest() for each in chunks]
    assert list(found.chunk_md5s) == [
        hashlib.md5(each, usedforsecurity=False).hexdigest() for each in chunks
    ]


def test_a_manifest_is_as_apple_describes_it() -> None:
    item = ManifestItem("https://x/a.pkg", "com.example.a", "1.0", "A", 12, ("aa",), ("bb",))
    assert build_manifest(item) == {
        "items": [
            {
                "assets": [
                    {
                        "kind": "software-package",
                        "url": "https://x/a.pkg",
                        "sha256-size": 10_485_760,
                        "sha256s": ["aa"],
                        "md5-size": 10_485_760,
                        "md5s": ["bb"],
                    }
                ],
                "metadata": {
                    "kind": "software",
                    "bundle-identifier": "com.example.a",
                    "bundle-version": "1.0",
                    "title": "A",
                    "sizeInBytes": 12,
                },
            }
        ]
    }
