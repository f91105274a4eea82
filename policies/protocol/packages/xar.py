"""The xar container of a .pkg: its header, its table of contents, single small files, its signer.

Layout: a header of 28 bytes or more, the table of contents (XML in zlib), then the heap, which
every offset counts from. The signature is over the hash of the table as it is compressed.
"""

import base64
import binascii
import bz2
import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any
from xml.etree.ElementTree import Element

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

from policies.errors import PackageInvalid
from policies.protocol.packages.xml_tree import decode_xml

HEADER = struct.Struct(">4sHHQQI")
MAGIC, VERSION = b"xar!", 1
MAX_PACKED, MAX_TABLE = 1024 * 1024, 4 * 1024 * 1024
MAX_SIGNATURE = 8192
ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what Apple's own tools still write
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True)
class XarFile:
    """Where a file's bytes are: `offset` from the beginning of the container."""

    offset: int
    length: int
    size: int
    encoding: str


@dataclass(frozen=True)
class Xar:
    """The files at the top, by name, and who signed; "" where nobody did."""

    files: Mapping[str, XarFile]
    signer: str


def read_xar(file: IO[bytes]) -> Xar:
    """Read header and table of contents; raises PackageInvalid, also for a broken signature."""
    header = file.read(HEADER.size)
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise PackageInvalid("The file is no macOS package: it does not begin as one.")
    _, header_size, version, packed_size, size, _ = HEADER.unpack(header)
    if version != VERSION or header_size < HEADER.size:
        raise PackageInvalid("The package is of a form that is not known.")
    if packed_size > MAX_PACKED or not 0 < size <= MAX_TABLE:
        raise PackageInvalid("The package's table of contents is too large, or empty.")
    file.seek(header_size)
    packed = file.read(packed_size)
    table = _find(decode_xml(_inflate(packed, limit=size), what="The table of contents"), "toc")
    heap = header_size + packed_size
    _check_whole(file, table, heap=heap)
    return Xar(_list_files(table, heap=heap), _verify_signer(file, table, packed, heap=heap))


def read_file(file: IO[bytes], entry: XarFile, *, limit: int) -> bytes:
    """Return a file's bytes, at most `limit` of them; raises PackageInvalid."""
    if entry.length > limit or entry.size > limit:
        raise PackageInvalid("A description inside the package is too large.")
    file.seek(entry.offset)
    data = file.read(entry.length)
    if len(data) != entry.length:
        raise PackageInvalid("The package was cut off.")
    if entry.encoding == "application/x-gzip":
        return _inflate(data, limit=limit)
    if entry.encoding == "application/x-bzip2":
        return _unpack_bzip2(data, limit=limit)
    if entry.encoding != "application/octet-stream":
        raise PackageInvalid(f"A file in it is packed as {entry.encoding[:40]!r}.")
    return data


def _inflate(data: bytes, *, limit: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise PackageInvalid("The package is damaged: a part of it cannot be unpacked.") from error
    if not unpacker.eof and unpacker.decompress(unpacker.unconsumed_tail, 1):
        raise PackageInvalid("A part of the package unpacks to more than it says.")
    if not unpacker.eof:
        raise PackageInvalid("The package was cut off.")
    return found


def _unpack_bzip2(data: bytes, *, limit: int) -> bytes:
    try:
        unpacker = bz2.BZ2Decompressor()
        found = unpacker.decompress(data, limit + 1)
    except (OSError, ValueError) as error:
        raise PackageInvalid("The package is damaged: a part of it cannot be unpacked.") from error
    if len(found) > limit or not unpacker.eof:
        raise PackageInvalid("A part of the package unpacks to more than it says.")
    return found


def _check_whole(file: IO[bytes], table: Element, *, heap: int) -> None:
    """An upload that broke off must not be handed to devices."""
    size = file.seek(0, 2)
    for data in table.iter("data"):
        if heap + _read_number(data, "offset") + _read_number(data, "length") > size:
            raise PackageInvalid("The package was cut off.")


def _list_files(table: Element, *, heap: int) -> dict[str, XarFile]:
    found: dict[str, XarFile] = {}
    for element in table.findall("file"):
        data = element.find("data")
        encoding = data.find("encoding") if data is not None else None
        is_file = element.findtext("type") == "file"
        if data is None or not is_file:
            # A folder: its name alone tells what kind of package it is.
            found[element.findtext("name", "")] = XarFile(heap, 0, 0, "")
            continue
        found[element.findtext("name", "")] = XarFile(
            offset=heap + _read_number(data, "offset"),
            length=_read_number(data, "length"),
            size=_read_number(data, "size"),
            encoding=encoding.get("style", "") if encoding is not None else "",
        )
    return found


def _verify_signer(file: IO[bytes], table: Element, packed: bytes, *, heap: int) -> str:
    """Return whose certificate signed the table; raises PackageInvalid where it did not."""
    signature = table.find("signature[@style='RSA']")
    if signature is None:
        return ""
    checksum = _find(table, "checksum")
    algorithm = ALGORITHMS.get(checksum.get("style", "").lower())
    if algorithm is None:
        raise PackageInvalid("The package's signature is of a kind that is not known.")
    digest = hashlib.new(algorithm.name, packed, usedforsecurity=False).digest()
    if _read_heap(file, checksum, heap=heap) != digest:
        raise PackageInvalid("The package is damaged: its table of contents was changed.")
    certificate = _read_certificate(signature)
    _verify(certificate, _read_heap(file, signature, heap=heap), digest, algorithm)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _verify(certificate: x509.Certificate, signature: bytes, digest: bytes, algorithm: Any) -> None:
    key = certificate.public_key()
    try:
        if not isinstance(key, rsa.RSAPublicKey):
            raise PackageInvalid("The package is signed with a key that is not RSA.")
        key.verify(signature, digest, padding.PKCS1v15(), Prehashed(algorithm))
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise PackageInvalid("The package's signature does not hold: sign it again.") from error


def _read_certificate(signature: Element) -> x509.Certificate:
    for element in signature.iter():
        if element.tag.rpartition("}")[2].rpartition(":")[2] == "X509Certificate":
            try:
                text = "".join((element.text or "").split())
                return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
            except (ValueError, binascii.Error) as error:
                raise PackageInvalid("The certificate of the package cannot be read.") from error
    raise PackageInvalid("The package's signature names no certificate.")


def _read_heap(file: IO[bytes], element: Element, *, heap: int) -> bytes:
    size = _read_number(element, "size")
    if size > MAX_SIGNATURE:
        raise PackageInvalid("The package's signature is too large.")
    file.seek(heap + _read_number(element, "offset"))
    return file.read(size)


def _find(element: Element, name: str) -> Element:
    found = element.find(name)
    if found is None:
        raise PackageInvalid(f"The package's table of contents has no {name}.")
    return found


def _read_number(element: Element, name: str) -> int:
    text = (element.findtext(name) or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise PackageInvalid("The package's table of contents is damaged.")
    return int(text)
