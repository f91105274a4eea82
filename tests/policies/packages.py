"""Apps and packages as Apple's tools make them, small: an .ipa, and a .pkg in its xar container."""

import base64
import hashlib
import io
import plistlib
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

SIGNER = "Developer ID Installer: Example Corp (ABCDE12345)"
INFO: dict[str, Any] = {
    "CFBundleIdentifier": "com.example.expenses",
    "CFBundleShortVersionString": "2.1",
    "CFBundleVersion": "210",
    "CFBundleDisplayName": "Expenses",
    "MinimumOSVersion": "16.0",
    "CFBundleSupportedPlatforms": ["iPhoneOS"],
    "UIDeviceFamily": [1, 2],
}
DISTRIBUTION = """<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
  <title>Field tools</title>
  <product id="com.example.tools" version="{version}"/>
  <volume-check><allowed-os-versions><os-version min="12.0"/></allowed-os-versions></volume-check>
  <pkg-ref id="com.example.tools.pkg" version="{version}" onConclusion="none">#tools.pkg</pkg-ref>
  <pkg-ref id="com.example.tools.pkg"><bundle-version>{bundles}</bundle-version></pkg-ref>
</installer-gui-script>"""
TOOLS_APP = (
    '<bundle id="com.example.tools.app" path="Applications/Tools.app" '
    'CFBundleShortVersionString="{version}" CFBundleVersion="7"/>'
    '<bundle id="com.example.tools.helper" path="Applications/Tools.app/Contents/Helper.app" '
    'CFBundleShortVersionString="{version}"/>'
)


def make_ipa(
    *, payload: bytes = b"", folder: str = "Payload/Expenses.app", **changes: Any
) -> bytes:
    """An .ipa; `changes` are made to its Info.plist, None takes a key out."""
    info = {key: value for key, value in (INFO | changes).items() if value is not None}
    file = io.BytesIO()
    entries = {
        "Info.plist": plistlib.dumps(info, fmt=plistlib.FMT_BINARY),
        "Frameworks/Kit.framework/Info.plist": b"another's",
        "Expenses": payload or b"code",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():  # a ZipInfo: the same bytes at any time of day
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


@cache
def make_signer(name: str = SIGNER) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=9))
    return key, builder.sign(key, hashes.SHA256())


def make_pkg(
    *,
    version: str = "3.0",
    bundles: str = TOOLS_APP,
    payload: bytes = b"payload",
    distribution: str = DISTRIBUTION,
    **options: Any,
) -> bytes:
    """A distribution package of one app; `options` are make_xar's."""
    text = distribution.replace("{bundles}", bundles).replace("{version}", version)
    return make_xar({"Distribution": text.encode(), "Payload": payload}, **options)


def make_component_pkg(**options: Any) -> bytes:
    return make_xar({"PackageInfo": b"<pkg-info/>", "Payload": b"payload"}, **options)


def make_xar(
    files: Mapping[str, bytes],
    *,
    signed: bool = True,
    algorithm: str = "sha1",
    packed: bool = True,
    forged: bool = False,
    table: str = "",
) -> bytes:
    """A xar with these files; the heap begins with the table's hash and the signature."""
    style = hashes.SHA1() if algorithm == "sha1" else hashes.SHA256()  # noqa: S303
    start = style.digest_size + 256
    heap, entries = b"", ""
    for number, (name, data) in enumerate(files.items(), start=1):
        stored = zlib.compress(data) if packed else data
        encoding = "application/x-gzip" if packed else "application/octet-stream"
        entries += (
            f'<file id="{number}"><name>{name}</name><type>file</type><data>'
            f"<length>{len(stored)}</length><offset>{start + len(heap)}</offset>"
            f'<size>{len(data)}</size><encoding style="{encoding}"/></data></file>'
        )
        heap += stored
    key, certificate = make_signer()
    text = table or (
        f'<?xml version="1.0" encoding="UTF-8"?><xar><toc><checksum style="{algorithm}">'
        f"<offset>0</offset><size>{style.digest_size}</size></checksum>"
        f"{_describe_signature(certificate, offset=style.digest_size) if signed else ''}"
        f"{entries}</toc></xar>"
    )
    content = zlib.compress(text.encode())
    digest = hashlib.new(algorithm, content).digest()
    signature = key.sign(digest, padding.PKCS1v15(), Prehashed(style))
    if forged:
        signature = bytes(len(signature))
    header = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(content), len(text.encode()), 1)
    return header + content + digest + signature + heap


def _describe_signature(certificate: x509.Certificate, *, offset: int) -> str:
    text = base64.encodebytes(certificate.public_bytes(Encoding.DER)).decode()
    return (
        f'<signature style="RSA"><offset>{offset}</offset><size>256</size>'
        '<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>'
        f"<X509Certificate>{text}</X509Certificate></X509Data></KeyInfo></signature>"
    )
