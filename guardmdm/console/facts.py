"""What a device said of itself, in words: a label, a text, and whether it is as it should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from devices.models import Device
from devices.protocol.direction import leave_direction

MOST_ROWS, LONGEST = 400, 300


@dataclass(frozen=True)
class Fact:
    """`tone`: green, red, or "" where there is nothing to judge."""

    label: str
    text: str
    tone: str = ""


def describe_information(device: Device) -> list[Fact]:
    """Return what is known of the hardware and who owns it; nothing that was not said."""
    facts = [
        _judge(_("Supervised"), device.is_supervised),
        _judge(_("Activation lock"), device.activation_lock_enabled),
        Fact(_("Capacity"), _format_size(device.capacity)),
        Fact(_("Free"), _format_size(device.available_capacity)),
        Fact(_("Battery"), _format_share(device.battery_level)),
        Fact(_("IMEI"), device.imei),
        Fact(_("Phone number"), device.phone_number),
        Fact(_("Wi-Fi address"), device.wifi_mac),
        Fact(_("Bluetooth address"), device.bluetooth_mac),
        Fact(_("Ethernet address"), device.ethernet_mac),
    ]
    return [fact for fact in facts if fact.text]


def describe_security(device: Device) -> list[Fact]:
    """Return what is known of its protection; nothing that was not said."""
    facts = [
        _judge(_("FileVault"), device.filevault_enabled, good=True),
        Fact(_("Recovery key"), _name_recovery_key(device.recovery_key)),
        _judge(_("Recovery key escrowed"), device.recovery_key_escrowed),
        _judge(_("Passcode set"), device.passcode_present, good=True),
        _judge(_("Passcode meets the rules"), device.passcode_compliant, good=True),
        Fact(_("Hardware encryption"), _name_encryption(device.hardware_encryption)),
        _judge(_("Firewall"), device.firewall_enabled, good=True),
        _judge(_("System Integrity Protection"), device.sip_enabled, good=True),
        Fact(_("Secure boot"), device.secure_boot),
        _judge(_("Remote desktop"), device.remote_desktop_enabled, good=False),
        _judge(_("User Enrollment"), device.is_user_enrollment),
    ]
    return [fact for fact in facts if fact.text]


def _judge(label: str, value: bool | None, *, good: bool | None = None) -> Fact:
    """`good`: which of the two is as it should be; None: neither is better."""
    if value is None:
        return Fact(label, "")
    text = pgettext("of a fact", "Yes") if value else pgettext("of a fact", "No")
    return Fact(label, text, "" if good is None else ("green" if value is good else "red"))


def _format_size(capacity: float | None) -> str:
    return "" if capacity is None else _("%(size).1f GB") % {"size": capacity}


def _format_share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _name_recovery_key(kind: str) -> str:
    names = {
        "personal": _("Personal"),
        "institutional": _("Institutional"),
        "both": _("Personal and institutional"),
        "none": _("None"),
    }
    return names.get(kind, "")


def _name_encryption(caps: int | None) -> str:
    names = {0: _("None"), 1: _("Blocks"), 2: _("Files"), 3: _("Blocks and files")}
    return "" if caps is None else names.get(caps, "")


def list_answer(answer: dict[str, Any]) -> list[Fact]:
    """Return the whole answer under Apple's names, what is inside another key as `Outer.Inner`."""
    facts = [
        Fact(leave_direction(label), leave_direction(text)[:LONGEST])
        for label, text in _flatten(answer, path="")
    ]
    return sorted(facts[:MOST_ROWS], key=lambda fact: fact.label)


def _flatten(value: Any, *, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _flatten(child, path=f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(child, dict) for child in value):
        for number, child in enumerate(value[:MOST_ROWS], start=1):
            yield from _flatten(child, path=f"{path}[{number}]")
    elif isinstance(value, list):
        yield path, ", ".join(str(child) for child in value) or "—"
    else:
        yield path, str(value) if value not in ("", None, {}) else "—"
