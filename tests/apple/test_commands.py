"""Every command that leaves the server conforms to Apple's schema, on every platform."""

import plistlib
from itertools import combinations
from typing import Any

import pytest

from devices.errors import CommandInvalid
from devices.models import Command, Group
from devices.protocol.commands import COMMAND_TYPES, build_command
from policies.services.bootstrap import ensure_demo_policy
from policies.services.items import add_app_item
from policies.services.policies import create_policy, delete_policy
from scep.protocol.signed_content import extract_signed_content
from tests.apple.schema import FACTS, check_command, check_profile, read_facts
from tests.policies.device import Handheld, enroll
from tests.policies.packages import make_ipa, make_pkg
from tests.policies.uploads import upload_package

PLATFORMS = ("ios", "ipados", "macos", "other")
# A value for each parameter that any command takes.
VALUES: dict[str, Any] = {
    "payload": b"<plist/>",
    "identifier": "com.example.app",
    "identifiers": ["com.example.app"],
    "itunes_store_id": 361309726,
    "manifest_url": "https://example.com/app.plist",
    "device_license": True,
    "take_over": True,
    "install_as_managed": True,
    "pin": "123456",
    "message": "Call the help desk",
    "phone_number": "+49 30 1234567",
    "ios_app": True,
    "management_flags": 1,
    "configuration": {"server": "https://example.com", "port": 443, "tls": True, "hosts": ["a"]},
    "attributes": {"Removable": False, "AssociatedDomains": ["example.com"]},
    "manifest": {
        "items": [
            {
                "assets": [{"kind": "software-package", "url": "https://example.com/a.pkg"}],
                "metadata": {"kind": "software", "bundle-identifier": "com.example.app"},
            }
        ]
    },
    "pinning_certificates": [b"DER"],
    "check_revocation": True,
    "managed_only": True,
    "delete_feedback": True,
    "obliteration": "DoNotObliterate",
    "preserve_data_plan": True,
    "disallow_proximity_setup": True,
    "return_to_service": True,
    "wifi_profile": b"<plist/>",
}


Built = dict[tuple[str, ...], dict[str, Any]]


def build_all(request_type: str, *, platform: str) -> Built:
    """Return the command for every set of parameters that its builder takes."""
    names = list(COMMAND_TYPES[request_type].parameters)
    built: Built = {}
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            parameters = {name: VALUES[name] for name in chosen}
            try:
                built[chosen] = build_command(
                    request_type, platform=platform, parameters=parameters
                )
            except CommandInvalid:
                continue
    return built


def exists_on(request_type: str, *, platform: str) -> bool:
    """Whether Apple's schema knows the command there, for the device itself."""
    facts = read_facts(f"commands/{request_type}")
    if platform == "macos" and facts.get("macos_device_channel") is False:
        return False
    system = {"ios": "ios", "ipados": "ios", "macos": "macos"}.get(platform)
    return system is None or facts[system] is not False


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("request_type", sorted(COMMAND_TYPES))
def test_it_conforms_when_it_is_built_with_any_parameters(request_type: str, platform: str) -> None:
    built = build_all(request_type, platform=platform)
    assert bool(built) == exists_on(request_type, platform=platform)
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
    assert tried == set(COMMAND_TYPES[request_type].parameters)


def test_facts_are_here_when_a_command_can_be_sent() -> None:
    assert {file.stem for file in FACTS.glob("commands/*.json")} == set(COMMAND_TYPES)


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
