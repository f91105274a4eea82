"""Every command that leaves the server conforms to Apple's schema, on every platform."""

import plistlib
from itertools import combinations
from typing import Any

import pytest

from devices.errors import CommandInvalid
from devices.models import Command, Group
from devices.protocol.commands import COMMAND_TYPES, Parameter, ParameterType, build_command
from policies.services.bootstrap import ensure_demo_policy
from policies.services.items import add_app_item
from policies.services.policies import create_policy, delete_policy
from scep.protocol.signed_content import extract_signed_content
from tests.apple.schema import FACTS, check_command, check_profile
from tests.devices.wifi import make_wifi_profile
from tests.policies.device import Handheld, enroll
from tests.policies.packages import make_ipa, make_pkg
from tests.policies.profiles import make_mobileconfig
from tests.policies.uploads import upload_package

PLATFORMS = ("ios", "ipados", "macos", "other")
# What a parameter is told: by its name where its builder looks closely, else by its type.
VALUES: dict[str, Any] = {
    "manifest_url": "https://example.com/app.plist",
    "media_url": "https://example.com/book.epub",
    "pin": "123456",
    "items": ["Identifier", "Version"],
    "attributes": {"Removable": False, "AssociatedDomains": ["example.com"]},
    "manifest": {
        "items": [
            {
                "assets": [{"kind": "software-package", "url": "https://example.com/a.pkg"}],
                "metadata": {"kind": "software", "bundle-identifier": "com.example.app"},
            }
        ]
    },
    "wifi_profile": make_wifi_profile(),
    "payload": make_mobileconfig(),
    "image": b"\x89PNG\r\n\x1a\n",
    "invitation_url": "https://example.com/invitation",
    "esim_server_url": "https://example.com",
}
VALUES_BY_TYPE: dict[str, Any] = {
    "text": "com.example.app",
    "secret": "correct horse",
    "integer": 15,
    "flag": True,
    "texts": ["com.example.app"],
    "data": b"<plist/>",
    "dictionary": {"Server": "https://example.com", "Port": 443},
}
# Every set of as many parameters is tried, and every one that lacks as many.
TRIED_TOGETHER, TRIED_WITHOUT = 2, 1


def make_value(parameter: Parameter, *, platform: str) -> Any:
    if parameter.choices:
        value = parameter.list_choices(platform)[-1][0]
        return [value] if parameter.type is ParameterType.TEXTS else value
    return VALUES.get(parameter.name, VALUES_BY_TYPE[parameter.type])


Built = dict[tuple[str, ...], dict[str, Any]]


def build_all(request_type: str, *, platform: str) -> Built:
    """Return the command for every set of parameters that its builder takes."""
    known = {each.name: each for each in COMMAND_TYPES[request_type].parameters}
    required = {name for name, parameter in known.items() if parameter.required}
    names = [name for name in known if name not in required]
    built: Built = {}
    for size in range(len(names) + 1):
        if TRIED_TOGETHER < size < len(names) - TRIED_WITHOUT:
            continue
        for optional in combinations(names, size):
            chosen = (*required, *optional)
            parameters = {name: make_value(known[name], platform=platform) for name in chosen}
            try:
                built[chosen] = build_command(
                    request_type, platform=platform, parameters=parameters
                )
            except CommandInvalid:
                continue
    return built


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("request_type", sorted(COMMAND_TYPES))
def test_it_conforms_when_it_is_built_with_any_parameters(request_type: str, platform: str) -> None:
    system = {"ipados": "ios"}.get(platform, platform)
    if system != "other" and system not in COMMAND_TYPES[request_type].needs:
        return  # refused before it is built
    built = build_all(request_type, platform=platform)
    assert built
    for command in built.values():
        sent = plistlib.loads(plistlib.dumps(command))
        assert check_command(sent, platform=platform) == [], command


@pytest.mark.parametrize("request_type", sorted(COMMAND_TYPES))
def test_every_parameter_is_tried_when_commands_are_checked(request_type: str) -> None:
    """A parameter that no builder takes would make the test above prove nothing of it."""
    tried = {
        name
        for platform in PLATFORMS
        for chosen in build_all(request_type, platform=platform)
        for name in chosen
    }
    assert tried == {parameter.name for parameter in COMMAND_TYPES[request_type].parameters}


def test_facts_are_here_when_a_command_can_be_sent() -> None:
    kinds = {kind.request_type for kind in COMMAND_TYPES.values()}
    assert {file.stem for file in FACTS.glob("commands/*.json")} == kinds


@pytest.mark.parametrize("platform", PLATFORMS)
def test_everything_policies_send_conforms_when_it_is_installed_and_removed(
    db: None, platform: str
) -> None:
    group = Group.objects.create(name="Everything")
    device = Handheld(enroll(group, platform=platform))
    policy = create_policy("Everything", groups=[group], actor="tests")
    add_app_item(policy, name="Store", itunes_store_id=361309726, actor="tests")
    add_app_item(policy, name="Own", manifest_url="https://example.com/a.plist", actor="tests")
    configured = {"server": "https://example.com", "ports": [443]}
    add_app_item(
        policy, package=upload_package(make_ipa()), configuration=configured, actor="tests"
    )
    add_app_item(policy, package=upload_package(make_pkg()), actor="tests")
    tools = {"Identifier": "com.example.tools.app", "ShortVersion": "3.0"}
    device.answers["InstalledApplicationList"] = lambda body: (
        "Acknowledged",
        {"InstalledApplicationList": [tools]},
    )
    for sample in group.policies.model.objects.exclude(pk=policy.pk):
        delete_policy(sample, actor="tests")
    ensure_demo_policy(group)
    device.settle()
    assert device.status == "managed"
    for policy in group.policies.all():
        delete_policy(policy, actor="tests")
    device.settle()
    commands = Command.objects.filter(enrollment=device.enrollment)
    kinds = set(commands.values_list("request_type", flat=True))
    assert {"InstallProfile", "InstallApplication", "RemoveProfile", "RemoveApplication"} <= kinds
    for command in commands:
        assert command.body is not None
        body = plistlib.loads(command.body)
        assert check_command(body, platform=platform) == []
        if command.request_type == "InstallProfile":
            profile = plistlib.loads(extract_signed_content(body["Payload"]))
            assert check_profile(profile, platform=platform) == []
