"""Declarative management: the JSON inside DeclarativeManagement messages, and what answers it.

Apple, "Integrating Declarative Management", "SynchronizationTokens", "DeclarationItemsResponse"
and "StatusReport". No device has declarations yet, so there is one manifest, and one token.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devices.errors import DeclarationMissing, MessageInvalid, MessageUnknown
from devices.protocol.plist.xml import REPLACEMENT
from organization.protocol.json_check import check_json

TOKENS, DECLARATION_ITEMS, STATUS = "tokens", "declaration-items", "status"
DECLARATION = re.compile(r"declaration/(activation|asset|configuration|management)/[!-.0-~]+")
# Apple's names of the four kinds of declarations in a manifest.
NO_DECLARATIONS: Mapping[str, list[Any]] = {
    "Activations": [],
    "Assets": [],
    "Configurations": [],
    "Management": [],
}
# Status items that are dictionaries: told whole, so what a report leaves out is no longer so.
TOLD_WHOLE = frozenset(
    {
        "management.client-capabilities",
        "management.declarations",
        "softwareupdate.failure-reason",
        "softwareupdate.install-reason",
        "softwareupdate.pending-version",
    }
)
# NUL and half a surrogate pair, which JSON can only write as escapes.
SPOILT, ESCAPE = re.compile("[\0\ud800-\udfff]"), b"\\u"
# The device compares it with the last one and asks for nothing while it is the same.
DECLARATIONS_TOKEN = hashlib.sha256(json.dumps(NO_DECLARATIONS).encode()).hexdigest()


@dataclass(frozen=True)
class DeviceStatus:
    """A status report; unless it `is_full` it tells only what has changed."""

    items: dict[str, Any]
    errors: list[Any]
    is_full: bool


def decode_endpoint(text: str) -> str:
    """Return one of Apple's endpoints; raises MessageUnknown for anything else."""
    if text in (TOKENS, DECLARATION_ITEMS, STATUS) or DECLARATION.fullmatch(text):
        return text
    raise MessageUnknown(f"Endpoint {text[:64]!r} is not served")


def build_document(endpoint: str, *, since: datetime) -> bytes:
    """Return the JSON that a device asks for; `since`: when its declarations became these (UTC).

    Raises DeclarationMissing for every declaration.
    """
    if endpoint == TOKENS:
        timestamp = f"{since:%Y-%m-%dT%H:%M:%SZ}"
        tokens = {"DeclarationsToken": DECLARATIONS_TOKEN, "Timestamp": timestamp}
        return json.dumps({"SyncTokens": tokens}).encode()
    if endpoint == DECLARATION_ITEMS:
        manifest = {"Declarations": NO_DECLARATIONS, "DeclarationsToken": DECLARATIONS_TOKEN}
        return json.dumps(manifest).encode()
    raise DeclarationMissing(f"there is no {endpoint[:200]}")


def decode_status(data: bytes) -> DeviceStatus:
    """Raises MessageInvalid for what is no StatusReport."""
    report = _decode_json(data)
    if not isinstance(report, dict):
        raise MessageInvalid("Data is no JSON object")
    items, errors = report.get("StatusItems", {}), report.get("Errors", [])
    is_full = report.get("FullReport", False)
    if not isinstance(items, dict):
        raise MessageInvalid("StatusItems is no JSON object")
    if not isinstance(errors, list):
        raise MessageInvalid("Errors is no JSON array")
    if not isinstance(is_full, bool):
        raise MessageInvalid("FullReport is neither true nor false")
    return DeviceStatus(items, errors, is_full)


def _decode_json(data: bytes) -> Any:
    """What no database takes in a text is mended: one odd name keeps none of all the others."""
    try:
        root = json.loads(data.decode())
        if ESCAPE in data:
            root = _mend(root)
        check_json(root)
    except (ValueError, RecursionError) as error:
        raise MessageInvalid(f"Data is no JSON that can be stored: {error}"[:200]) from error
    return root


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return SPOILT.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {_mend(key): _mend(child) for key, child in value.items()}
    return [_mend(child) for child in value] if isinstance(value, list) else value


def merge_status(known: Any, reported: Any, *, name: str = "") -> Any:
    """Return what is known after a report of changes; `name` is the status item's, with dots.

    Objects are merged key by key, but those that are an item's value. Members of an array that have
    an `identifier` replace or join the known one, and `_removed` takes it away; any other array is
    told whole.
    """
    if name in TOLD_WHOLE:
        return reported
    if isinstance(reported, dict):
        before = known if isinstance(known, dict) else {}
        inside = f"{name}." if name else ""
        merged = {
            key: merge_status(before.get(key), value, name=inside + key)
            for key, value in reported.items()
        }
        return {**before, **merged}
    if isinstance(reported, list) and reported and all(map(_find_identifier, reported)):
        return _merge_members(known if isinstance(known, list) else [], reported)
    return reported


def _merge_members(known: list[Any], reported: list[Any]) -> list[Any]:
    members = {_find_identifier(member): member for member in known}
    for member in reported:
        members[_find_identifier(member)] = member
    members.pop("", None)
    return [member for member in members.values() if not member.get("_removed")]


def _find_identifier(member: Any) -> str:
    identifier = member.get("identifier") if isinstance(member, dict) else None
    return identifier if isinstance(identifier, str) else ""
