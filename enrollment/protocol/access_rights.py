"""What an MDM profile asks to be allowed (com.apple.mdm, AccessRights), in people's words.

Rights may be given up by a later profile but never added, so a token's level is for life:
profile, consent, page and console all take it from here. `_` marks the texts for translation
and does nothing here.
"""

from dataclasses import dataclass


def _(text: str) -> str:
    return text


@dataclass(frozen=True)
class AccessRight:
    """One bit: something the organization can see, or (`is_action`) something it can do."""

    bit: int
    text: str
    is_action: bool


ACCESS_RIGHTS = (
    AccessRight(1, _("List the configuration profiles on the device"), False),
    AccessRight(2, _("Install and remove configuration profiles"), True),
    AccessRight(4, _("Lock the device and remove its passcode"), True),
    AccessRight(8, _("Erase the device"), True),
    AccessRight(16, _("See the device's name, model, serial number and system version"), False),
    AccessRight(32, _("See network details such as hardware addresses and carrier"), False),
    AccessRight(64, _("List provisioning profiles"), False),
    AccessRight(128, _("Install and remove provisioning profiles"), True),
    AccessRight(256, _("List the installed apps"), False),
    AccessRight(512, _("See which restrictions are in force"), False),
    AccessRight(1024, _("See security settings such as passcode and encryption"), False),
    AccessRight(2048, _("Change settings such as the device's name"), True),
    AccessRight(4096, _("Install, manage and remove the organization's apps"), True),
)
# What no MDM server can, whatever its rights.
NEVER = (
    _("Read your messages, mail, photos or files"),
    _("See your browsing history or passwords"),
    _("Listen to calls or use the camera"),
)
ALL_RIGHTS = sum(right.bit for right in ACCESS_RIGHTS)
# A bit that Apple refuses without another one.
REQUIRES = {2: 1, 128: 64}


@dataclass(frozen=True)
class RightsLevel:
    """How much a token asks of a device; `name` is what forms, programs and scripts call it."""

    name: str
    label: str
    summary: str
    rights: int


# What a person does not expect on a device of their own: that it is locked, erased or renamed,
# and that their apps, networks and provisioning profiles are looked through.
NOT_ON_PRIVATE_DEVICES = 4 | 8 | 32 | 64 | 128 | 256 | 2048
ERASE = 8
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
