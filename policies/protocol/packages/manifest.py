"""The manifest that tells a device where its app is, and how each chunk must hash.

Source: Apple, Device Management › ManifestURL › ItemsItem. Where both kinds of hashes are
there, systems that know SHA-256 use that alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policies.protocol.packages.chunks import CHUNK_SIZE


@dataclass(frozen=True)
class ManifestItem:
    """One app or package. `size` in bytes; hashes in hex, one for each chunk of CHUNK_SIZE."""

    url: str
    identifier: str
    version: str
    title: str
    size: int
    chunk_sha256s: Sequence[str]
    chunk_md5s: Sequence[str]


def build_manifest(item: ManifestItem) -> dict[str, Any]:
    """Return the dictionary that is a command's Manifest, or the plist behind ManifestURL."""
    asset = {
        "kind": "software-package",
        "url": item.url,
        "sha256-size": CHUNK_SIZE,
        "sha256s": list(item.chunk_sha256s),
        "md5-size": CHUNK_SIZE,
        "md5s": list(item.chunk_md5s),
    }
    metadata = {
        "kind": "software",
        "bundle-identifier": item.identifier,
        "bundle-version": item.version,
        "title": item.title,
        "sizeInBytes": item.size,
    }
    return {"items": [{"assets": [asset], "metadata": metadata}]}
