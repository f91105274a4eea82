"""The table of commands says what Apple's schema says: who obeys, which keys, since when."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from devices.protocol.commands import COMMAND_TYPES, LEFT_OUT, CommandType, Parameter
from devices.protocol.commands.device_information import QUERIES, Query
from tests.apple.schema import FACTS, Facts, read_facts

SYSTEMS = ("ios", "macos")
# Apple's schema has more than one name for some of the bits.
RIGHTS = {
    "": 0,
    "Special Case": 0,  # by query
    "AllowInspection": 1,
    "AllowInstallationRemoval": 2,
    "AllowPasscodeRemovalAndLock": 4,
    "DeviceLockAndRemovePasscode": 4,
    "AllowDeviceErase": 8,
    "AllowQueryNetworkInformation": 32,
    "AllowProvisioningInspection": 64,
    "AllowProvisioningInstallationRemoval": 128,
    "AllowQueryApplications": 256,
    "QueryInstalledApps": 256,
    "AllowQueryRestrictions": 512,
    "AllowQuerySecurity": 1024,
    "AllowSettings": 2048,
    "AllowAppInstallation": 4096,
}
TYPES = {
    "text": "string",
    "secret": "string",
    "integer": "integer",
    "flag": "boolean",
    "texts": "array",
    "data": "data",
    "dictionary": "dictionary",
}
NAMES = sorted(COMMAND_TYPES)


def read_item(kind: CommandType) -> tuple[Facts, Facts]:
    """Return the facts of the command, and of the item of it that the row stands for."""
    command = read_facts(f"commands/{kind.request_type}")
    if not kind.item:
        return command, command
    return command, command["keys"]["Settings"]["item"]["kinds"][kind.item]


def describe(kind: CommandType) -> dict[str, Any]:
    return {
        system: {
            "version": needs.version,
            "supervised": needs.supervised,
            "right": needs.right,
            "automated": needs.automated,
            "channel": needs.channel,
            "shared": needs.shared_ipad,
            "in_user_enrollment": needs.in_user_enrollment,
            "on_user_channel": needs.on_user_channel,
        }
        for system, needs in kind.needs.items()
    }


def expect(kind: CommandType) -> dict[str, Any]:
    command, item = read_item(kind)
    return {
        system: {
            "version": item.get(system, command[system]),
            "supervised": item.get(f"{system}_supervised", False),
            "right": _get_right(command, system) | _get_right(item, system),
            "automated": command.get(f"{system}_automated", False),
            "channel": command.get(f"{system}_channel", "device"),
            "shared": item.get("shared_ipad", "allowed") if system == "ios" else "allowed",
            "in_user_enrollment": item.get(f"{system}_user_enrollment", True),
            "on_user_channel": item.get(f"{system}_user_channel", True),
        }
        for system in SYSTEMS
        if command.get(system) is not False and item.get(system) is not False
    }


def _get_right(facts: Facts, system: str) -> int:
    return RIGHTS[facts.get(f"{system}_right", "")]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_asks_of_devices_what_the_schema_asks(name: str) -> None:
    assert describe(COMMAND_TYPES[name]) == expect(COMMAND_TYPES[name])


def list_keys(kind: CommandType) -> Iterator[tuple[Parameter, list[Facts]]]:
    """Yield each parameter that has a key, and the facts from the outermost key inwards."""
    for parameter in kind.parameters:
        facts, path = read_item(kind)[1], []
        for key in filter(None, parameter.key.split(".")):
            facts = facts["item"] if key == "[]" else facts["keys"][key]
            path.append(facts)
        if path:
            yield parameter, path


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_is_what_the_schema_says_of_its_key(name: str) -> None:
    for parameter, path in list_keys(COMMAND_TYPES[name]):
        fact = path[-1]
        assert TYPES[parameter.type] == fact["type"], parameter.name
        if fact.get("required") and all(each.get("required", True) for each in path):
            assert parameter.required, parameter.name
        choices = [value for value, _ in parameter.choices]
        values = fact.get("item", fact).get("values", [])
        assert sorted(choices) == sorted(values), parameter.name
        assert parameter.on_shared_ipad is (fact.get("shared_ipad") != "forbidden"), parameter.name
        if parameter.key != "ManagementFlags":  # its builder knows on which platform
            is_kept = any(fact.get(f"{system}_user_enrollment") is False for system in SYSTEMS)
            assert parameter.in_user_enrollment is not is_kept, parameter.name
        if "least" in fact:
            assert parameter.least >= fact["least"], parameter.name
        if "most" in fact:
            assert parameter.most <= fact["most"], parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_is_as_old_as_the_schema_says(name: str) -> None:
    kind = COMMAND_TYPES[name]
    for parameter, path in list_keys(kind):
        for system in kind.needs:
            said = [each[system] for each in path if system in each]
            assert parameter.on.get(system, "") == _find_latest(said), (parameter.name, system)


def _find_latest(versions: list[Any]) -> str | None:
    if False in versions:
        return None
    return max(versions, key=lambda text: [int(part) for part in text.split(".")], default="")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_is_as_old_and_as_private_as_the_schema_says(query: Query) -> None:
    fact = read_facts("commands/DeviceInformation")["names"][query.name]
    said = {system: fact.get(system, "") for system in SYSTEMS}
    said = {system: None if each is False else each for system, each in said.items()}
    assert (query.ios, query.macos) == (said["ios"], said["macos"])
    known = [system for system in SYSTEMS if said[system] is not None]
    kept = {fact.get(f"{system}_user_enrollment", True) is False for system in known}
    assert kept == {query.is_personal}
    assert query.of_users is fact.get("macos_user_channel", True)


def test_no_command_is_forgotten_when_the_catalogue_is_gone_through() -> None:
    catalogue = json.loads((FACTS / "catalogue.json").read_text())
    sent = {kind.request_type for kind in COMMAND_TYPES.values()}
    assert sent | set(LEFT_OUT) == set(catalogue["request_types"])
    assert set(catalogue["setup_assistant"]) - sent == {
        name for name, reason in LEFT_OUT.items() if "Setup Assistant" in reason
    }


def test_no_setting_is_forgotten_when_the_schema_is_gone_through() -> None:
    kinds = read_facts("commands/Settings")["keys"]["Settings"]["item"]["kinds"]
    assert {kind.item for kind in COMMAND_TYPES.values() if kind.item} == set(kinds)
