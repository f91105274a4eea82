"""What a command is about, in a few words: which setting, which profile, which app.

All settings have one RequestType, and a history of commands would read alike without them.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from devices.errors import PlistInvalid
from devices.protocol.commands import COMMAND_TYPES
from devices.protocol.plist import decode_plist

Body = dict[str, Any]
XML_START, XML_END = b"<?xml", b"</plist>"


def _name_settings(body: Body) -> Iterator[Any]:
    settings = body.get("Settings")
    for setting in settings if isinstance(settings, list) else []:
        item = setting.get("Item") if isinstance(setting, dict) else None
        kind = COMMAND_TYPES.get(f"Settings.{item}")
        yield kind.title if kind else item


def _name_profile(body: Body) -> Iterator[Any]:
    """A signed profile holds its property list in clear."""
    payload = body.get("Payload")
    data = payload if isinstance(payload, bytes) else b""
    start, end = data.find(XML_START), data.rfind(XML_END)
    if 0 <= start < end:
        data = data[start : end + len(XML_END)]
    with suppress(PlistInvalid):
        profile = decode_plist(data, max_bytes=len(data))
        yield profile.get("PayloadDisplayName") or profile.get("PayloadIdentifier")


def _name_manifest(body: Body) -> Iterator[Any]:
    """Its title: whoever learns the URL of a manifest can download the app."""
    with suppress(IndexError, KeyError, TypeError):
        yield body["Manifest"]["items"][0]["metadata"]["title"]


def _name_app(body: Body) -> Iterator[Any]:
    yield body.get("Identifier") or body.get("iTunesStoreID")


def _name_identifier(body: Body) -> Iterator[Any]:
    yield body.get("Identifier")


_NAMES: dict[str, Callable[[Body], Iterator[Any]]] = {
    "InstallApplication": _name_app,
    "InstallEnterpriseApplication": _name_manifest,
    "InstallProfile": _name_profile,
    "RemoveApplication": _name_identifier,
    "RemoveProfile": _name_identifier,
    "Settings": _name_settings,
}
WITH_SUBJECT = frozenset(_NAMES)
"""The RequestTypes that say something beside what they are called."""


def describe_subject(body: Body) -> str:
    """Return what the Command dictionary is about, "" where its RequestType says all."""
    find_names = _NAMES.get(body.get("RequestType", ""))
    if find_names is None:
        return ""
    return ", ".join(str(name) for name in find_names(body) if isinstance(name, str | int))
