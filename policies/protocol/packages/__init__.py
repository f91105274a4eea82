"""In-house apps and packages: what stands in an .ipa and a .pkg, and the manifest of either."""

from policies.protocol.packages.chunks import CHUNK_SIZE, FileHasher, FileHashes
from policies.protocol.packages.facts import IPA, PKG, PackageFacts
from policies.protocol.packages.installer_package import decode_installer_package
from policies.protocol.packages.ipa import decode_ipa
from policies.protocol.packages.manifest import ManifestItem, build_manifest

__all__ = [
    "CHUNK_SIZE",
    "IPA",
    "PKG",
    "FileHasher",
    "FileHashes",
    "ManifestItem",
    "PackageFacts",
    "build_manifest",
    "decode_installer_package",
    "decode_ipa",
]
