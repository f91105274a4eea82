"""An .ipa: a zip with one app in its Payload folder; only that app's Info.plist is read.

Names inside the zip are compared, never used as paths.
"""

import re
import struct
import zipfile
import zlib
from typing import IO, Any

from devices.errors import PlistInvalid
from devices.protocol.platform import IOS, IPADOS, OTHER
from devices.protocol.plist import decode_plist
from policies.errors import PackageInvalid
from policies.protocol.packages.facts import IPA, PackageFacts

INFO = re.compile(r"Payload/[^/]+\.app/Info\.plist")
IDENTIFIER = re.compile(r"[A-Za-z0-9.-]{1,255}")
MAX_DIRECTORY, MAX_INFO = 8 * 1024 * 1024, 1024 * 1024
LONGEST = 255
END, END_SIZE, END64 = b"PK\x05\x06", 22, b"PK\x06\x06"
LONGEST_COMMENT = 65_535
# What zipfile raises for zips that are damaged, encrypted, or packed in a way it does not know.
ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
)
PHONE, PAD = 1, 2  # UIDeviceFamily
PLATFORMS = {"iPhoneOS": (IOS, IPADOS), "AppleTVOS": (OTHER,), "XROS": (OTHER,)}


def decode_ipa(file: IO[bytes]) -> PackageFacts:
    """Read what an .ipa says of its app; raises PackageInvalid with what is wrong."""
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            info = _read_info(archive)
        content = decode_plist(info, max_bytes=MAX_INFO)
    except PackageInvalid:
        raise
    except PlistInvalid as error:
        raise PackageInvalid(f"The app's Info.plist cannot be read: {error}.") from error
    except ERRORS as error:
        raise PackageInvalid("The file is no .ipa: it is no zip that can be read.") from error
    return _build_facts(content)


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a directory so large that reading it would cost the server its memory."""
    size = file.seek(0, 2)
    start = max(0, size - END_SIZE - LONGEST_COMMENT - 76)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < END_SIZE:
        raise PackageInvalid("The file is no .ipa: it is no zip that can be read.")
    (length,) = struct.unpack_from("<L", tail, at + 12)
    if length == 0xFFFFFFFF:
        at = tail.rfind(END64, 0, at)
        (length,) = struct.unpack_from("<Q", tail, at + 40) if at >= 0 else (size,)
    if length > MAX_DIRECTORY:
        raise PackageInvalid("The .ipa has too many files.")
    file.seek(0)


def _read_info(archive: zipfile.ZipFile) -> bytes:
    found = [entry for entry in archive.infolist() if INFO.fullmatch(entry.filename)]
    if len(found) != 1:
        raise PackageInvalid(f"The .ipa must hold one app in its Payload folder, not {len(found)}.")
    if found[0].file_size > MAX_INFO:
        raise PackageInvalid("The app's Info.plist is too large.")
    with archive.open(found[0]) as stream:
        data = stream.read(MAX_INFO + 1)
    if len(data) > MAX_INFO:
        raise PackageInvalid("The app's Info.plist is too large.")
    return data


def _build_facts(info: dict[str, Any]) -> PackageFacts:
    identifier = _get(info, "CFBundleIdentifier")
    version = _get(info, "CFBundleShortVersionString") or _get(info, "CFBundleVersion")
    if not IDENTIFIER.fullmatch(identifier) or not version:
        raise PackageInvalid("The app's Info.plist names no bundle identifier with a version.")
    return PackageFacts(
        kind=IPA,
        identifier=identifier,
        version=version,
        title=_get(info, "CFBundleDisplayName") or _get(info, "CFBundleName") or identifier,
        minimum_os=_get(info, "MinimumOSVersion"),
        platforms=_find_platforms(info),
    )


def _find_platforms(info: dict[str, Any]) -> tuple[str, ...]:
    names = info.get("CFBundleSupportedPlatforms")
    name = names[0] if isinstance(names, list) and len(names) == 1 else ""
    platforms = PLATFORMS.get(name) if isinstance(name, str) else None
    if platforms is None:
        raise PackageInvalid(
            "The app is for no device: CFBundleSupportedPlatforms must be iPhoneOS, AppleTVOS or "
            "XROS. An app for the simulator is not for devices."
        )
    families = info.get("UIDeviceFamily")
    for_pads_only = isinstance(families, list) and PAD in families and PHONE not in families
    return (IPADOS,) if name == "iPhoneOS" and for_pads_only else platforms


def _get(info: dict[str, Any], key: str) -> str:
    text = info.get(key)
    is_fine = isinstance(text, str) and text.isprintable() and len(text) <= LONGEST
    return str(text).strip() if is_fine else ""
