"""InstallApplication; Acknowledged means accepted, ManagedApplicationList tells the rest."""

from collections.abc import Mapping
from typing import Any

from devices.errors import ChoiceInvalid, ParameterInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.address import check_address
from devices.protocol.commands.app_attributes import check_attributes
from devices.protocol.commands.parameters import DICTIONARY, FLAG, INTEGER, TEXT, Parameter
from devices.protocol.commands.requirements import DeviceFacts, Needs, find_version_refusal
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

REMOVE_WITH_ENROLLMENT = 1
MANAGEMENT_FLAGS = (1, 4, 5)  # 4: the app's data stay out of backups
FLAGS_ON_MACS = "11.0"
NOBODY = DeviceFacts()
DEVICE_LICENSE = 1  # PurchaseMethod; 0 assigns the license to a person


def build_install_application(
    *,
    itunes_store_id: int | None = None,
    manifest_url: str | None = None,
    identifier: str | None = None,
    device_license: bool = False,
    take_over: bool = False,
    install_as_managed: bool = False,
    ios_app: bool = False,
    management_flags: int | None = None,
    configuration: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    facts: DeviceFacts = NOBODY,
) -> Body:
    """Install one app, which leaves with the enrollment; Apple application.install.

    A Mac's leaves from macOS 11 on, and stays after a User Enrollment.

    Exactly one of an App Store number, an https URL of a manifest and a bundle identifier.
    `device_license` uses a volume licence of the device
    instead of the user's Apple Account; `take_over` manages an app that is already there;
    `install_as_managed` is macOS 11's, and fails for packages that are not one app;
    `ios_app` is the iPhone's edition on a Mac with an Apple chip. `configuration` is what the
    app finds when it starts; `attributes` are Apple's, by their names.
    """
    sources = {
        "iTunesStoreID": itunes_store_id,
        "ManifestURL": manifest_url,
        "Identifier": identifier,
    }
    given = {key: value for key, value in sources.items() if value}
    if len(given) != 1:
        raise ChoiceInvalid(
            "exactly one of store id, manifest URL and bundle identifier",
            parameters=("itunes_store_id", "manifest_url", "identifier"),
        )
    if manifest_url:
        check_address(manifest_url)
    body: Body = {"RequestType": "InstallApplication", **given}
    body |= _build_flags(management_flags, facts=facts)
    if device_license:
        body["Options"] = {"PurchaseMethod": DEVICE_LICENSE}
    if take_over:
        body["ChangeManagementState"] = "Managed"
    if configuration is not None:
        body["Configuration"] = dict(configuration)
    if attributes is not None:
        body["Attributes"] = check_attributes(attributes, facts=facts)
    return body | _build_mac_flags(install_as_managed, ios_app, platform=facts.platform)


def _build_flags(flags: int | None, *, facts: DeviceFacts) -> Body:
    is_mac = facts.platform == MACOS
    knows_none = facts.is_user_enrollment or find_version_refusal(FLAGS_ON_MACS, facts)
    if is_mac and knows_none:
        if flags is not None:
            raise ParameterInvalid("this Mac knows none", parameter="management_flags")
        return {}
    flags = REMOVE_WITH_ENROLLMENT if flags is None else flags
    known = MANAGEMENT_FLAGS[:1] if is_mac else MANAGEMENT_FLAGS
    if flags not in known:
        raise ParameterInvalid(
            f"must be one of {', '.join(map(str, known))}", parameter="management_flags"
        )
    return {"ManagementFlags": flags}


def _build_mac_flags(install_as_managed: bool, ios_app: bool, *, platform: str) -> Body:
    if install_as_managed and platform != MACOS:
        raise ParameterInvalid("is for Macs only", parameter="install_as_managed")
    if ios_app and platform != MACOS:
        raise ParameterInvalid("is for Macs only", parameter="ios_app")
    flags = {"InstallAsManaged": install_as_managed, "iOSApp": ios_app}
    return {key: True for key, is_set in flags.items() if is_set}


INSTALL_APPLICATION = CommandType(
    "InstallApplication",
    "Install an app",
    Kind.APPS,
    {IOS: Needs("5.0", MANAGE_APPS), MACOS: Needs("10.9", MANAGE_APPS)},
    (
        Parameter("itunes_store_id", "iTunesStoreID", INTEGER, "Number in the App Store"),
        Parameter(
            "manifest_url",
            "ManifestURL",
            TEXT,
            "URL of the manifest",
            on={IOS: "7.0"},
            check=check_address,
        ),
        Parameter("identifier", "Identifier", TEXT, "Bundle identifier", on={IOS: "7.0"}),
        Parameter("device_license", "", FLAG, "With the device's licence", on={IOS: "7.0"}),
        Parameter(
            "take_over",
            "",
            FLAG,
            "Manage it if it is there already",
            on={IOS: "9.0", MACOS: "11.0"},
            in_user_enrollment=False,
        ),
        Parameter(
            "install_as_managed",
            "InstallAsManaged",
            FLAG,
            "Install as a managed app",
            on={IOS: None, MACOS: "11.0"},
            in_user_enrollment=False,
        ),
        Parameter(
            "ios_app",
            "iOSApp",
            FLAG,
            "The edition for iPhone and iPad",
            on={IOS: None, MACOS: "11.0"},
        ),
        Parameter(
            "management_flags",
            "ManagementFlags",
            INTEGER,
            "Leaves with the enrollment, stays out of backups",
            choices=(
                (1, "Leaves with the enrollment"),
                (4, "Its data stay out of backups"),
                (5, "Both"),
            ),
            on={MACOS: "11.0"},
        ),
        Parameter(
            "configuration",
            "Configuration",
            DICTIONARY,
            "Managed configuration",
            on={IOS: "7.0", MACOS: "11.0"},
        ),
        Parameter(
            "attributes", "Attributes", DICTIONARY, "Attributes", on={IOS: "7.0", MACOS: None}
        ),
    ),
    build_install_application,
    needs_facts=True,
)
