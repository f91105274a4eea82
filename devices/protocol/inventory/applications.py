"""InstalledApplicationList: which apps a device has. Keys: Apple, application.installed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devices.protocol.inventory.values import read_integer, read_number, read_text

# A Mac of a developer has a thousand; every bundle inside an app may count.
MOST = 5000
LONGEST_NAME, LONGEST_VERSION, LONGEST_SOURCE = 255, 128, 64


@dataclass(frozen=True, slots=True)
class Application:
    """One app as the device names it; sizes in bytes, None where it does not tell."""

    identifier: str
    name: str
    version: str
    short_version: str
    source: str
    bundle_size: int | None = None
    dynamic_size: int | None = None

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that are the same for the same app in the same words."""
        words = (self.identifier, self.name, self.version, self.short_version, self.source)
        # No value holds NUL: the property list's reader has refused it.
        return hashlib.blake2b("\0".join(words).encode(), digest_size=16).hexdigest()


def decode_applications(answer: Any) -> dict[str, Application]:
    """Return the apps of an InstalledApplicationList by digest, each once, at most MOST."""
    found: dict[str, Application] = {}
    for entry in answer if isinstance(answer, list) else []:
        application = _decode(entry) if isinstance(entry, dict) else None
        if application is not None:
            found.setdefault(application.digest, application)
        if len(found) == MOST:
            break
    return found


def _decode(entry: dict[str, Any]) -> Application | None:
    """Return the app; None for one without a name, which nobody could look for."""
    name = read_text(entry, "Name", longest=LONGEST_NAME)
    # Apps of Macs may have no bundle identifier.
    identifier = read_text(entry, "Identifier", longest=LONGEST_NAME) or name
    if not identifier:
        return None
    return Application(
        identifier=identifier,
        name=name or identifier,
        version=_read_version(entry, "Version"),
        short_version=_read_version(entry, "ShortVersion"),
        source=_read_source(entry),
        bundle_size=read_integer(entry, "BundleSize"),
        dynamic_size=read_integer(entry, "DynamicSize"),
    )


def _read_version(entry: dict[str, Any], key: str) -> str:
    """Some apps' own property lists have a number there, and the device hands that on."""
    number = read_number(entry, key) if not isinstance(entry.get(key), str) else None
    return read_text(entry, key, longest=LONGEST_VERSION) if number is None else str(entry[key])


def _read_source(entry: dict[str, Any]) -> str:
    """Source is iOS 17.2's; older systems tell by flags."""
    return read_text(entry, "Source", longest=LONGEST_SOURCE) or next(_list_flags(entry), "")


def _list_flags(entry: dict[str, Any]) -> Iterator[str]:
    flags = {
        "BetaApp": "TestFlight",
        "AdHocCodeSigned": "Ad hoc",
        "AppStoreVendable": "App Store",
    }
    return (source for flag, source in flags.items() if entry.get(flag) is True)
