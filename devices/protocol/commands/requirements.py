"""What a device must be to obey a command, and whether one is.

The facts are those of Apple's device-management schema (`supportedOS` of each command).
What is not known of a device refuses nothing: it may still obey.
"""

import re
from collections.abc import Iterable, Mapping
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
from devices.protocol.platform import IOS, IPADOS, MACOS, OTHER

RIGHTS = {
    INSPECT: "list configuration profiles",
    MANAGE_PROFILES: "install and remove configuration profiles",
    LOCK: "lock the device and remove its passcode",
    ERASE: "erase the device",
    QUERY_DEVICE: "ask for device facts",
    QUERY_NETWORK: "ask for network facts",
    INSPECT_PROVISIONING: "list provisioning profiles",
    MANAGE_PROVISIONING: "install and remove provisioning profiles",
    QUERY_APPS: "list installed apps",
    QUERY_RESTRICTIONS: "ask for restrictions",
    QUERY_SECURITY: "ask for security facts",
    CHANGE_SETTINGS: "change settings",
    MANAGE_APPS: "manage apps",
}
ALLOWED, REQUIRED, FORBIDDEN = "allowed", "required", "forbidden"
DEVICE_CHANNEL, USER_CHANNEL = "device", "user"
APPLE_SILICON, INTEL = "Apple silicon", "Intel"
SYSTEMS = {IOS: "iOS", IPADOS: "iPadOS", MACOS: "macOS"}
HARDWARE = {IOS: "iPhone", IPADOS: "iPad", MACOS: "Mac"}


@dataclass(frozen=True)
class Needs:
    """What one platform asks: iPads are `ios` with iOS's versions, as in Apple's schema.

    `right` is bits of the access rights, 0 where none is asked. `shared_ipad`: whether an
    iPad must, may or must not be shared. `automated`: only devices of Automated Device
    Enrollment. `chip`: only Macs with this one. `in_user_enrollment`: whether a device obeys that
    is enrolled for a user alone, `on_user_channel`: whether a user's channel takes it; of whole
    commands channels.py says both.
    """

    version: str
    right: int = 0
    supervised: bool = False
    shared_ipad: str = ALLOWED
    channel: str = DEVICE_CHANNEL
    automated: bool = False
    chip: str = ""
    in_user_enrollment: bool = True
    on_user_channel: bool = True


@dataclass(frozen=True)
class DeviceFacts:
    """What is known of a device; None and "" where it has not been told."""

    platform: str = OTHER
    os_version: str = ""
    is_supervised: bool | None = None
    is_shared: bool | None = None
    is_automated: bool | None = None
    is_apple_silicon: bool | None = None
    access_rights: int | None = None
    has_unlock_token: bool = True
    channel: str = DEVICE_CHANNEL
    is_user_enrollment: bool = False

    @property
    def hardware(self) -> str:
        return HARDWARE.get(self.platform, "device")


def find_refusal(needs_by_platform: Mapping[str, Needs], facts: DeviceFacts) -> str:
    """Return in plain words why the device cannot obey, "" where it may."""
    if facts.platform == OTHER:
        # Apple TVs and the like, or a device that has not said what it is.
        reasons = [_find_reason(needs, facts) for needs in needs_by_platform.values()]
        return "" if "" in reasons else reasons[0]
    needs = needs_by_platform.get(get_system(facts.platform))
    if needs is None:
        return f"does not exist on {SYSTEMS[facts.platform]}"
    return find_version_refusal(needs.version, facts) or _find_reason(needs, facts)


def get_system(platform: str) -> str:
    """Return the platform of Apple's schema, which has no iPadOS."""
    return IOS if platform == IPADOS else platform


def find_version_refusal(version: str, facts: DeviceFacts) -> str:
    """Return `needs iOS 17; this iPhone has 16.4`, or ""."""
    if not version or not facts.os_version or facts.platform == OTHER:
        return ""
    if _read_version(facts.os_version) >= _read_version(version):
        return ""
    return (
        f"needs {SYSTEMS[facts.platform]} {version}; this {facts.hardware} has {facts.os_version}"
    )


def _read_version(text: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"[0-9]{1,9}", text)[:4]]
    return tuple(numbers + [0] * (4 - len(numbers)))


def _find_reason(needs: Needs, facts: DeviceFacts) -> str:
    return next(filter(None, _list_reasons(needs, facts)), "")


def _list_reasons(needs: Needs, facts: DeviceFacts) -> Iterable[str]:
    # What else goes to a user's channel is in channels.py: most of that goes to both.
    if needs.channel == USER_CHANNEL != facts.channel:
        yield "goes to a user's channel, not to the device's"
    if facts.channel == USER_CHANNEL and not needs.on_user_channel:
        yield "goes to the device's channel, not to a user's"
    yield from _list_kinds(needs, facts)
    if needs.chip and facts.is_apple_silicon is (needs.chip != APPLE_SILICON):
        yield f"only Macs with an {needs.chip} chip obey"
    if facts.access_rights is not None:
        for bit, words in RIGHTS.items():
            if bit & needs.right & ~facts.access_rights:
                yield f"the enrollment profile did not ask for the right to {words}"


def _list_kinds(needs: Needs, facts: DeviceFacts) -> Iterable[str]:
    """Yield what a device's enrollment, and for whom it is, keeps it from."""
    if needs.supervised and facts.is_supervised is False:
        yield f"only supervised devices obey; this {facts.hardware} is not supervised"
    if facts.is_user_enrollment and not needs.in_user_enrollment:
        yield "a User Enrollment does not allow it"
    if needs.automated and facts.is_automated is False:
        yield "only devices of Automated Device Enrollment obey"
    if needs.shared_ipad == REQUIRED and facts.is_shared is False:
        yield "only a Shared iPad obeys"
    if needs.shared_ipad == FORBIDDEN and facts.is_shared:
        yield "a Shared iPad does not obey"
