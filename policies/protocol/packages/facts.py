"""What is told of an uploaded app or package."""

from collections.abc import Mapping
from dataclasses import dataclass, field

IPA, PKG = "ipa", "pkg"


@dataclass(frozen=True)
class PackageFacts:
    """`platforms` are those that can install it. `identifier` and `version` go into the manifest.

    `bundles`: of a package, the version of each app that it installs, by bundle identifier.
    `signer`: of a package, whose certificate signed it.
    """

    kind: str
    identifier: str
    version: str
    title: str
    minimum_os: str
    platforms: tuple[str, ...]
    bundles: Mapping[str, str] = field(default_factory=dict)
    signer: str = ""
