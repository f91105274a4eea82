"""Apps in policies: uploaded ones followed to their end, and what apps are configured with."""

import plistlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from devices.models import Command, Device, Group
from devices.selectors import get_command_body
from devices.services.queries import queue_questions
from policies.errors import ItemInvalid
from policies.models import Policy, PolicyItem
from policies.protocol.app_configuration import decode_configuration
from policies.services.items import (
    add_app_item,
    configure_app,
    get_configuration,
    remove_item,
    replace_package,
)
from policies.services.package_files import get_folder
from tests.policies.device import Handheld, enroll
from tests.policies.packages import make_ipa, make_pkg
from tests.policies.uploads import upload_package

ADMIN = "admin@example.com"
SERVER = {"server": "https://example.com"}
LIST = "InstalledApplicationList"


@pytest.fixture(autouse=True)
def empty_folder(db: None) -> Iterator[None]:
    yield
    for path in get_folder().iterdir():
        path.unlink()


@pytest.fixture
def mac(group: Group) -> Handheld:
    mac = Handheld(enroll(group, platform="macos"))
    mac.answers[LIST] = lambda body: ("Acknowledged", {LIST: []})
    return mac


def list_tools(version: str) -> Callable[[Any], Any]:
    app = {"Identifier": "com.example.tools.app", "ShortVersion": version}
    return lambda body: ("Acknowledged", {LIST: [app]})


def find_body(device: Handheld, request_type: str) -> dict[str, Any]:
    command = device.enrollment.commands.filter(request_type=request_type).latest("id")
    body: dict[str, Any] = plistlib.loads(command.body or b"")
    return body


def test_an_uploaded_app_is_managed_when_its_device_lists_it(
    policy: Policy, device: Handheld
) -> None:
    add_app_item(policy, package=upload_package(make_ipa()), configuration=SERVER, actor=ADMIN)
    device.answers["InstallApplication"] = lambda body: (
        "Acknowledged",
        {"Identifier": "com.example.expenses", "State": "Installing"},
    )
    device.apps["com.example.expenses"] = "Managed"
    device.settle()
    body = find_body(device, "InstallApplication")
    assert body["ManifestURL"].endswith("/manifest.plist")
    assert body["Configuration"] == SERVER
    assert device.states == {"Expenses": "installed"}


def test_a_package_is_only_for_macs_and_an_app_for_its_devices(policy: Policy) -> None:
    item = add_app_item(policy, package=upload_package(make_pkg()), actor=ADMIN)
    assert (item.platforms, item.name) == (["macos"], "Field tools")
    with pytest.raises(ItemInvalid, match="not for macos"):
        add_app_item(policy, package=upload_package(make_ipa()), platforms=["macos"], actor=ADMIN)
    with pytest.raises(ItemInvalid, match="no configuration"):
        configure_app(item, configuration=SERVER, actor=ADMIN)


def test_a_package_is_installed_once_the_mac_lists_its_app(policy: Policy, mac: Handheld) -> None:
    add_app_item(policy, package=upload_package(make_pkg(version="3.0")), actor=ADMIN)
    mac.settle()
    assert mac.states == {"Field tools": "installing"}
    assert find_body(mac, LIST)["Identifiers"] == ["com.example.tools.app"]
    mac.answers[LIST] = list_tools("2.9")
    mac.now += timedelta(minutes=1)
    mac.settle()
    assert mac.states == {"Field tools": "installing"}
    mac.answers[LIST] = list_tools("3.0.1")
    mac.now += timedelta(hours=2)
    mac.settle()
    assert mac.states == {"Field tools": "installed"}
    assert mac.status == "managed"


def test_a_package_is_installed_again_when_its_app_was_deleted_from_the_mac(
    policy: Policy, mac: Handheld
) -> None:
    Device.objects.update(is_supervised=True)
    add_app_item(policy, package=upload_package(make_pkg(version="3.0")), actor=ADMIN)
    mac.answers[LIST] = list_tools("3.0")
    mac.settle()
    mac.settle()
    _tell_all_apps(mac)
    assert (mac.states, mac.count("InstallEnterpriseApplication")) == (
        {"Field tools": "installed"},
        1,
    )
    mac.answers[LIST] = lambda body: ("Acknowledged", {LIST: [{"Identifier": "com.example.other"}]})
    _tell_all_apps(mac)
    assert mac.states == {"Field tools": "installing"}
    assert mac.count("InstallEnterpriseApplication") == 2
    mac.answers[LIST] = list_tools("3.0")
    mac.now += timedelta(minutes=2)
    mac.settle()
    assert mac.states == {"Field tools": "installed"}


def test_a_package_stays_installed_when_the_list_lacks_what_a_person_installed(
    policy: Policy, mac: Handheld
) -> None:
    """A Mac that is not supervised is asked for managed apps alone."""
    add_app_item(policy, package=upload_package(make_pkg(version="3.0")), actor=ADMIN)
    mac.answers[LIST] = list_tools("3.0")
    mac.settle()
    mac.settle()
    mac.answers[LIST] = lambda body: ("Acknowledged", {LIST: []})
    _tell_all_apps(mac)
    assert mac.states == {"Field tools": "installed"}


def _tell_all_apps(mac: Handheld) -> None:
    mac.now += timedelta(hours=2)
    mac.enrollment.refresh_from_db()
    queue_questions(mac.enrollment, names=["apps"])
    mac.obey()
    mac.settle()


def test_a_package_has_failed_when_its_app_is_not_there_after_a_day(
    policy: Policy, mac: Handheld
) -> None:
    add_app_item(policy, package=upload_package(make_pkg()), actor=ADMIN)
    mac.settle()
    mac.now += timedelta(days=1, hours=1)
    mac.settle()
    assert mac.states == {"Field tools": "failed"}
    assert "com.example.tools.app" in mac.get("Field tools").error


@pytest.mark.parametrize("answer", ["no apps", "refuses"])
def test_a_package_counts_as_installed_when_it_cannot_be_followed(
    policy: Policy, mac: Handheld, answer: str
) -> None:
    data = make_pkg(bundles="") if answer == "no apps" else make_pkg()
    if answer == "refuses":
        mac.refuse(LIST)
    add_app_item(policy, package=upload_package(data), actor=ADMIN)
    mac.settle()
    mac.settle()
    assert mac.states == {"Field tools": "installed"}
    assert "Accepted" in mac.get("Field tools").error


def test_another_version_is_installed_when_it_takes_the_place(
    policy: Policy, mac: Handheld
) -> None:
    item = add_app_item(policy, package=upload_package(make_pkg(version="3.0")), actor=ADMIN)
    mac.answers[LIST] = list_tools("3.0")
    mac.settle()
    with pytest.raises(ItemInvalid, match="another app"):
        replace_package(
            item, package=upload_package(make_pkg(bundles="", version="4")), actor=ADMIN
        )
    item = replace_package(item, package=upload_package(make_pkg(version="4.0")), actor=ADMIN)
    mac.settle()
    assert mac.states == {"Field tools": "installing"}
    assert mac.count("InstallEnterpriseApplication") == 2
    mac.answers[LIST] = list_tools("4.0")
    mac.now += timedelta(hours=1)
    mac.settle()
    assert mac.states == {"Field tools": "installed"}
    remove_item(item, actor=ADMIN)
    mac.settle()
    assert mac.states == {}
    assert mac.count("RemoveApplication") == 0


def test_an_app_is_configured_anew_without_being_installed_again(
    device: Handheld, add_app: Callable[..., PolicyItem]
) -> None:
    item = add_app("Pages")
    device.settle()
    configure_app(item, configuration=SERVER, actor=ADMIN)
    device.settle()
    assert device.count("InstallApplication") == 1
    assert find_body(device, "Settings")["Settings"] == [
        {
            "Item": "ApplicationConfiguration",
            "Identifier": "app.361309726",
            "Configuration": SERVER,
        }
    ]
    assert device.states == {"Pages": "installed"}
    assert device.status == "managed"
    configure_app(item, configuration={}, actor=ADMIN)
    device.settle()
    assert "Configuration" not in find_body(device, "Settings")["Settings"][0]


def test_the_configuration_is_sent_again_when_the_app_was_on_its_way_without_it(
    device: Handheld, add_app: Callable[..., PolicyItem]
) -> None:
    add_app("Pages", configuration=SERVER)
    refusal = {"RejectionReason": "AppAlreadyQueued", "Identifier": "app.361309726"}
    device.answers["InstallApplication"] = lambda body: ("Error", dict(refusal))
    for minutes in (0, 6, 31):
        device.now += timedelta(minutes=minutes)
        device.settle()
        assert device.states == {"Pages": "pending"}
    assert device.count("InstallApplication") == 3
    del device.answers["InstallApplication"]
    device.now += timedelta(hours=5)
    device.settle()
    assert find_body(device, "InstallApplication")["Configuration"] == SERVER
    assert device.states == {"Pages": "installed"}


def test_the_app_is_sent_again_where_nothing_may_be_set(
    device: Handheld, add_app: Callable[..., PolicyItem]
) -> None:
    """On private devices the right to change settings is not asked for."""
    device.enrollment.access_rights = 8191 & ~2048
    device.enrollment.save()
    item = add_app("Pages")
    device.settle()
    configure_app(item, configuration=SERVER, actor=ADMIN)
    device.settle()
    assert device.count("Settings") == 0
    assert find_body(device, "InstallApplication")["Configuration"] == SERVER
    assert device.states == {"Pages": "installed"}


def test_the_app_is_installed_again_when_its_new_configuration_is_refused(
    device: Handheld, add_app: Callable[..., PolicyItem]
) -> None:
    item = add_app("Pages")
    device.settle()
    chain = [{"USEnglishDescription": "It is not managed."}]
    device.answers["Settings"] = lambda body: (
        "Acknowledged",
        {"Settings": [{"Status": "Error", "ErrorChain": chain}]},
    )
    configure_app(item, configuration=SERVER, actor=ADMIN)
    device.settle()
    assert device.get("Pages").error == "It is not managed."
    device.now += timedelta(minutes=6)
    device.settle()
    assert find_body(device, "InstallApplication")["Configuration"] == SERVER
    assert device.states == {"Pages": "installed"}


def test_a_configuration_lies_sealed(add_app: Callable[..., PolicyItem]) -> None:
    from django.db import connection

    item = add_app("Pages", configuration={"password": "hunter2-of-pages"})
    assert get_configuration(item) == {"password": "hunter2-of-pages"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT configuration FROM policies_policyitem")
        assert all(b"hunter2" not in bytes(row[0] or b"") for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("<dict><key>a</key><integer>1</integer></dict>", {"a": 1}),
        (plistlib.dumps(SERVER).decode(), SERVER),
    ],
)
def test_a_configuration_is_read_when_it_is_a_property_list(
    text: str, found: dict[str, Any]
) -> None:
    assert decode_configuration(text) == found


@pytest.mark.parametrize(
    "text", ["server=1", "<dict><key>a</key></dict>", "<array/>", "<dict>" * 100, '{"a": 1}']
)
def test_a_configuration_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(ItemInvalid) as caught:
        decode_configuration(text)
    assert caught.value.field == "configuration"


def test_a_mac_of_a_user_enrollment_gets_nothing_that_it_must_refuse(
    policy: Policy, group: Group
) -> None:
    """Neither lists it apps nor are any taken from it: they go with its enrollment."""
    mac = Handheld(enroll(group, platform="macos"))
    mac.enrollment.device.is_user_enrollment = True
    mac.enrollment.device.save()
    mac.answers["InstallApplication"] = lambda body: (
        "Acknowledged",
        {"Identifier": "com.example.store", "State": "Installing"},
    )
    mac.apps["com.example.store"] = "Managed"
    package = add_app_item(policy, package=upload_package(make_pkg()), actor=ADMIN)
    app = add_app_item(policy, name="Store", itunes_store_id=5, actor=ADMIN)
    mac.settle()
    assert mac.states == {"Field tools": "installed", "Store": "installed"}
    assert mac.status == "managed"
    for item in (package, app):
        remove_item(item, actor=ADMIN)
    mac.settle()
    assert mac.states == {}
    assert not {LIST, "RemoveApplication"} & set(mac.seen)


@pytest.mark.parametrize("platform", ["ios", "macos"])
@pytest.mark.parametrize("is_private", [False, True])
def test_nothing_is_taken_over_where_a_user_enrollment_forbids_it(
    policy: Policy, group: Group, platform: str, is_private: bool
) -> None:
    """Its devices refuse the whole command for such a key."""
    device = Handheld(enroll(group, platform=platform))
    Device.objects.filter(pk=device.enrollment.device.pk).update(is_user_enrollment=is_private)
    device.enrollment.device.refresh_from_db()
    add_app_item(policy, name="Store", itunes_store_id=5, actor=ADMIN)
    device.apply()
    body = get_command_body(Command.objects.get(request_type="InstallApplication"))
    own = {"ios": {"ChangeManagementState"}, "macos": {"ManagementFlags", "InstallAsManaged"}}
    assert (own[platform] <= set(body)) is not is_private
    left = {"ios": {"ManagementFlags"}, "macos": set()}[platform]
    if is_private:
        assert set(body) == {"RequestType", "iTunesStoreID"} | left


def test_a_mac_that_may_not_be_asked_for_its_apps_is_not_asked(
    policy: Policy, mac: Handheld
) -> None:
    mac.enrollment.access_rights = 8191 & ~256  # as private devices are enrolled
    mac.enrollment.save()
    add_app_item(policy, package=upload_package(make_pkg()), actor=ADMIN)
    mac.settle()
    assert mac.states == {"Field tools": "installed"}
    assert LIST not in mac.seen


@pytest.mark.parametrize("version", ["10.14.6", "10.15.7", "11.0"])
def test_a_mac_is_told_of_an_app_what_its_system_knows(
    policy: Policy, group: Group, version: str
) -> None:
    """Before macOS 11 there are no managed apps: none is listed, removed, or configured so."""
    mac = Handheld(enroll(group, platform="macos"))
    Device.objects.filter(pk=mac.enrollment.device.pk).update(os_version=version)
    item = add_app_item(policy, name="Store", itunes_store_id=5, configuration=SERVER, actor=ADMIN)
    mac.settle()
    managed = {"InstallAsManaged", "Configuration", "ManagementFlags"}
    is_known = version == "11.0"
    assert managed & set(find_body(mac, "InstallApplication")) == (managed if is_known else set())
    assert mac.states == {"Store": "installed"}
    remove_item(item, actor=ADMIN)
    mac.settle()
    assert mac.states == {}
    listing = {"ManagedApplicationList", "RemoveApplication"}
    assert listing & set(mac.seen) == (listing if is_known else set())
