"""What a manifest describes: fetched and held against its sizes and hashes, chunk by chunk.

Source: Apple, Device Management › ManifestURL; SHA-256 wins where both hashes are there.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from .errors import SimulationFailure
from .profile_check import Plist, decode_plist

PACKAGE = "software-package"
CUT_AFTER = 1_000_000
READ = 65_536


@dataclass(frozen=True)
class FetchedPackage:
    """One item of a manifest, whose file was downloaded whole."""

    identifier: str
    version: str
    size: int


def read_manifest(http: httpx.Client, *, url: str) -> Plist:
    """The manifest at a URL; raises SimulationFailure."""
    answer = http.get(url)
    if not answer.is_success:
        raise SimulationFailure(f"the manifest answered {answer.status_code}")
    return decode_plist(answer.content)


def fetch_packages(http: httpx.Client, *, manifest: Plist) -> list[FetchedPackage]:
    """Download and check every item; raises SimulationFailure where a device refuses."""
    items = manifest.get("items")
    if not isinstance(items, list) or not items:
        raise SimulationFailure("the manifest has no items")
    return [_fetch(http, item) for item in items]


def _fetch(http: httpx.Client, item: Any) -> FetchedPackage:
    try:
        metadata = item["metadata"]
        assets = [each for each in item["assets"] if each["kind"] == PACKAGE]
        identifier, version = metadata["bundle-identifier"], metadata["bundle-version"]
        if metadata["kind"] != "software" or not metadata["title"] or len(assets) != 1:
            raise SimulationFailure("the manifest's item is no software with one package")
        size = _check_asset(http, assets[0])
    except (KeyError, TypeError) as error:
        raise SimulationFailure(f"the manifest cannot be used: {error!r}") from error
    if metadata.get("sizeInBytes", size) != size:
        raise SimulationFailure(f"{size} bytes came, {metadata['sizeInBytes']} were announced")
    return FetchedPackage(identifier, version, size)


def _check_asset(http: httpx.Client, asset: Plist) -> int:
    """Return the size; the hashes of all chunks must be those that the manifest lists."""
    kind = "sha256" if "sha256s" in asset else "md5"
    wanted, chunk_size = asset[f"{kind}s"], asset[f"{kind}-size"]
    found, size = [], 0
    chunk, filled = hashlib.new(kind, usedforsecurity=False), 0
    for piece in _download(http, asset["url"]):
        size += len(piece)
        while piece:
            taken, piece = piece[: chunk_size - filled], piece[chunk_size - filled :]
            chunk.update(taken)
            filled += len(taken)
            if filled == chunk_size:
                found.append(chunk.hexdigest())
                chunk, filled = hashlib.new(kind, usedforsecurity=False), 0
    if filled:
        found.append(chunk.hexdigest())
    if found != wanted:
        raise SimulationFailure(f"the {kind} of a chunk is not the manifest's")
    return size


def _download(http: httpx.Client, url: str) -> Iterator[bytes]:
    """The file's bytes; its connection breaks off once, and the rest is asked for by Range."""
    received, tag, total = 0, "", 0
    with http.stream("GET", url) as answer:
        if answer.status_code != 200:
            raise SimulationFailure(f"the package answered {answer.status_code}")
        tag, total = answer.headers["etag"], int(answer.headers["content-length"])
        for piece in answer.iter_bytes(READ):
            received += len(piece)
            yield piece
            if received >= CUT_AFTER:
                break
    if received >= total:
        return
    headers = {"Range": f"bytes={received}-", "If-Range": tag}
    with http.stream("GET", url, headers=headers) as answer:
        if answer.status_code != 206:
            raise SimulationFailure(f"a resumed download answered {answer.status_code}")
        yield from answer.iter_bytes(READ)
