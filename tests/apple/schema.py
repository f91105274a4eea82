"""Does a profile or a command conform to Apple's schema? A checker of its own.

The facts in facts/ are distilled from Apple's device-management schema in its release of
iOS 18.1 and macOS 15.1. A fact about a key:

    type        string, integer, real, boolean, data, date, array, dictionary, any
    required    the key must be there
    values      the only values; least, most: the bounds of a number; form: a pattern
    by, kinds   of a dictionary whose keys follow from the value of one of them
    keys        of a dictionary, "*" for any name; item: of an array, times: how many
    named       the texts must be among the file's `names`
    ios, macos  the release that introduced it, or false where it does not exist;
                ios_removed, macos_removed: the release that took it away
    ios_supervised, ios_right, ios_automated …  what a device must be to obey a command
    ios_user_enrollment, macos_user_enrollment  false: not where enrolled for a user alone
    shared_ipad  required or forbidden; macos_channel  user: no command for the Mac itself
    macos_user_channel  false: for the Mac itself alone
    macos_device_channel  false: Macs take the payload for a user only

In one place the schema is not taken at its word: it has ConsentText hold one ConsentTextItem, its
name for a pair of language and text. Devices take the pairs themselves, and one named `default`.

iPads are `ios`. A device of another platform may get what either one knows.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
FACTS = Path(__file__).parent / "facts"
SYSTEMS = {"ios": ("ios",), "ipados": ("ios",), "macos": ("macos",)}
ANY_NAME = "*"

IS_OF_TYPE: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "real": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "data": lambda value: isinstance(value, bytes),
    "date": lambda value: isinstance(value, datetime),
    "array": lambda value: isinstance(value, list),
    "dictionary": lambda value: isinstance(value, dict),
    "any": lambda value: True,
}


def check_profile(profile: dict[str, Any], *, platform: str) -> list[str]:
    """Return what is wrong with a whole profile and each of its payloads; [] when it conforms."""
    problems = list(_check_keys(profile, facts=read_facts("payloads/TopLevel"), platform=platform))
    payloads = profile.get("PayloadContent")
    if isinstance(payloads, list):
        for payload in payloads:
            problems += check_payload(payload, platform=platform)
        uuids = [payload.get("PayloadUUID") for payload in [profile, *payloads]]
        if len(set(uuids)) != len(uuids):
            problems.append("two payloads have the same PayloadUUID")
    return problems


def check_payload(payload: dict[str, Any], *, platform: str) -> list[str]:
    """Return what is wrong with one payload of a profile; [] when it conforms."""
    kind = payload.get("PayloadType")
    if not isinstance(kind, str) or not (FACTS / f"payloads/{kind}.json").is_file():
        return [f"PayloadType {kind!r} is not known here"]
    facts, common = read_facts(f"payloads/{kind}"), read_facts("payloads/CommonPayloadKeys")
    facts = facts | {"keys": common["keys"] | facts["keys"]}
    return [f"{kind}: {problem}" for problem in _check_whole(payload, facts, platform)]


def check_command(command: dict[str, Any], *, platform: str) -> list[str]:
    """Return what is wrong with a Command dictionary; [] when it conforms."""
    kind = command.get("RequestType")
    if not isinstance(kind, str) or not (FACTS / f"commands/{kind}.json").is_file():
        return [f"RequestType {kind!r} is not known here"]
    facts = read_facts(f"commands/{kind}")
    request_type = {"RequestType": {"type": "string", "required": True}}
    facts = facts | {"keys": request_type | facts["keys"]}
    return [f"{kind}: {problem}" for problem in _check_whole(command, facts, platform)]


@cache
def read_facts(name: str) -> Facts:
    """Return the facts of `payloads/<PayloadType>` or `commands/<RequestType>`."""
    facts: Facts = json.loads((FACTS / f"{name}.json").read_text())
    return facts


def _check_whole(value: dict[str, Any], facts: Facts, platform: str) -> Iterator[str]:
    if not _exists(facts, platform=platform):
        yield f"does not exist on {platform}"
    if platform == "macos" and facts.get("macos_device_channel") is False:
        yield "macos takes it for a user only"
    yield from _check_keys(value, facts=facts, platform=platform)


def _exists(fact: Facts, *, platform: str) -> bool:
    systems = SYSTEMS.get(platform, ("ios", "macos"))
    return any(
        fact.get(system, True) is not False and f"{system}_removed" not in fact
        for system in systems
    )


def _check_keys(value: dict[str, Any], *, facts: Facts, platform: str) -> Iterator[str]:
    known: Facts = facts["keys"]
    names = facts.get("names", {})
    for key, fact in known.items():
        if fact.get("required") and key != ANY_NAME and key not in value:
            yield f"{key} is missing"
    for key, child in value.items():
        fact = known.get(key) or known.get(ANY_NAME)
        if fact is None:
            yield f"{key} is not a key of it"
        elif not _exists(fact, platform=platform):
            yield f"{key} does not exist on {platform}"
        else:
            for problem in _check_value(child, fact=fact, names=names, platform=platform):
                yield f"{key}{problem}"


def _check_value(value: Any, *, fact: Facts, names: Facts, platform: str) -> Iterator[str]:
    if not IS_OF_TYPE[fact["type"]](value):
        yield f" is {type(value).__name__}, not {fact['type']}"
        return
    if "values" in fact and value not in fact["values"]:
        yield f" is {value!r}, not one of {fact['values']}"
    if _is_out_of_bounds(value, fact=fact):
        yield f" is {value!r}, out of bounds"
    if "form" in fact and not re.search(fact["form"], value):
        yield f" is {value!r}, not like {fact['form']}"
    if fact.get("named") and (value not in names or not _exists(names[value], platform=platform)):
        yield f" {value!r} is not known on {platform}"
    if "by" in fact:
        yield from _check_kind(value, fact=fact, platform=platform)
    if fact["type"] == "dictionary" and "keys" in fact:
        for problem in _check_keys(value, facts=fact, platform=platform):
            yield f".{problem}"
    if fact["type"] == "array" and "item" in fact:
        yield from _check_items(value, item=fact["item"], names=names, platform=platform)


def _check_kind(value: dict[str, Any], *, fact: Facts, platform: str) -> Iterator[str]:
    name = value.get(fact["by"])
    kind = fact["kinds"].get(name)
    if kind is None:
        yield f" has the unknown {fact['by']} {name!r}"
    elif not _exists(kind, platform=platform):
        yield f" {name} does not exist on {platform}"
    else:
        for problem in _check_keys(value, facts=kind, platform=platform):
            yield f" {name}.{problem}"


def _check_items(value: list[Any], *, item: Facts, names: Facts, platform: str) -> Iterator[str]:
    least, most = item.get("times", (0, None))
    if len(value) < least or (most is not None and len(value) > most):
        yield f" has {len(value)} items, not {least} to {most}"
    for number, child in enumerate(value):
        for problem in _check_value(child, fact=item, names=names, platform=platform):
            yield f"[{number}]{problem}"


def _is_out_of_bounds(value: Any, *, fact: Facts) -> bool:
    return ("least" in fact and value < fact["least"]) or ("most" in fact and value > fact["most"])
