"""What an MDM profile asks to be allowed (com.apple.mdm, AccessRights), in people's words.

Rights may be given up by a later profile but never added, so a token's level is for life:
profile, consent, page and console all take it from here. `_` marks the texts for translation
and does nothing here.
"""

from dataclasses import dataclass

from devices.protocol.access_rights import (
    CHANGE_SETTINGS,
    ERASE,
    INSPECT,
    INSPECT_PROVISIONING,
    LOCK,
    MANAGE_APPS,
    MANAGE_PROFILES,
    MANAGE_PROVISIONING,
    QUERY_APPS,
    QUERY_DEVICE,
    QUERY_NETWORK,
    QUERY_RESTRICTIONS,
    QUERY_SECURITY,
)


def _(text: str) -> str:
    return text


@dataclass(frozen=True)
class AccessRight:
    """One bit: something the organization can see, or (`is_action`) something it can do."""

    bit: int
    text: str
    is_action: bool


ACCESS_RIGHTS = (
    AccessRight(INSPECT, _("List the configuration profiles on the device"), False),
    AccessRight(MANAGE_PROFILES, _("Install and remove configuration profiles"), True),
    AccessRight(LOCK, _("Lock the device and remove its passcode"), True),
    AccessRight(ERASE, _("Erase the device"), True),
    AccessRight(
        QUERY_DEVICE, _("See the device's name, model, serial number and system version"), False
    ),
    AccessRight(
        QUERY_NETWORK, _("See network details such as hardware addresses and carrier"), False
    ),
    AccessRight(INSPECT_PROVISIONING, _("List provisioning profiles"), False),
    AccessRight(MANAGE_PROVISIONING, _("Install and remove provisioning profiles"), True),
    AccessRight(QUERY_APPS, _("List the installed apps"), False),
    AccessRight(QUERY_RESTRICTIONS, _("See which restrictions are in force"), False),
    AccessRight(QUERY_SECURITY, _("See security settings such as passcode and encryption"), False),
    AccessRight(CHANGE_SETTINGS, _("Change settings such as the device's name"), True),
    AccessRight(MANAGE_APPS, _("Install, manage and remove the organization's apps"), True),
)
# What no MDM server can, whatever its rights.
NEVER = (
    _("Read your messages, mail, photos or files"),
    _("See your browsing history or passwords"),
    _("Listen to calls or use the camera"),
)
ALL_RIGHTS = sum(right.bit for right in ACCESS_RIGHTS)
# A bit that Apple refuses without another one.
REQUIRES = {MANAGE_PROFILES: INSPECT, MANAGE_PROVISIONING: INSPECT_PROVISIONING}


@dataclass(frozen=True)
class RightsLevel:
    """How much a token asks of a device; `name` is what forms, programs and scripts call it."""

    name: str
    label: str
    summary: str
    rights: int


# What a person does not expect on a device of their own: that it is locked, erased or renamed,
# and that their apps, networks and provisioning profiles are looked through.
NOT_ON_PRIVATE_DEVICES = (
    LOCK
    | ERASE
    | QUERY_NETWORK
    | INSPECT_PROVISIONING
    | MANAGE_PROVISIONING
    | QUERY_APPS
    | CHANGE_SETTINGS
)
BYOD, STANDARD, FULL = "byod", "standard", "full"
RIGHTS_LEVELS = {
    level.name: level
    for level in (
        RightsLevel(
            BYOD,
            _("BYOD light"),
            _("For people's own devices: profiles, the organization's apps and security checks."),
            ALL_RIGHTS & ~NOT_ON_PRIVATE_DEVICES,
        ),
        RightsLevel(STANDARD, _("Standard"), _("Everything but erasing."), ALL_RIGHTS & ~ERASE),
        RightsLevel(
            FULL,
            _("Full"),
            _("Everything, erasing the device included: for the organization's own devices."),
            ALL_RIGHTS,
        ),
    )
}


def get_access_rights(level: str) -> int:
    """Return the bits of a level; raises KeyError for one that does not exist."""
    return RIGHTS_LEVELS[level].rights


def check_access_rights(rights: int) -> int:
    """Return `rights`; raises ValueError for what a device would refuse."""
    if rights <= 0 or rights & ~ALL_RIGHTS:
        raise ValueError("access rights are none, or unknown ones")
    for bit, required in REQUIRES.items():
        if rights & bit and not rights & required:
            raise ValueError(f"access right {bit} requires {required}")
    return rights


def list_access_rights(rights: int) -> list[AccessRight]:
    """Return what the bits in `rights` allow, in their order."""
    return [right for right in ACCESS_RIGHTS if rights & right.bit]


def list_refused_rights(rights: int) -> list[AccessRight]:
    """Return what the bits in `rights` do not allow, in their order."""
    return [right for right in ACCESS_RIGHTS if not rights & right.bit]
