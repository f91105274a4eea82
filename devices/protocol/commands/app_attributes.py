"""The attributes of a managed app: set with InstallApplication, or later with Settings."""

from collections.abc import Mapping
from typing import Any

from devices.errors import ParameterInvalid
from devices.protocol.commands.parameters import FLAG, TEXT, TEXTS, Parameter
from devices.protocol.commands.requirements import DeviceFacts
from devices.protocol.platform import IOS, MACOS

KEY = "Attributes."
APP_ATTRIBUTES = (
    Parameter("vpn_uuid", "Attributes.VPNUUID", TEXT, "UUID of its VPN"),
    Parameter(
        "content_filter_uuid",
        "Attributes.ContentFilterUUID",
        TEXT,
        "UUID of its content filter",
        on={IOS: "16.0"},
    ),
    Parameter(
        "dns_proxy_uuid",
        "Attributes.DNSProxyUUID",
        TEXT,
        "UUID of its DNS proxy",
        on={IOS: "16.0"},
    ),
    Parameter("relay_uuid", "Attributes.RelayUUID", TEXT, "UUID of its relay", on={IOS: "17.0"}),
    Parameter(
        "cellular_slice_uuid",
        "Attributes.CellularSliceUUID",
        TEXT,
        "Its network slice",
        on={IOS: "17.0"},
    ),
    Parameter(
        "associated_domains",
        "Attributes.AssociatedDomains",
        TEXTS,
        "Associated domains",
        "One a line.",
        on={IOS: "13.0"},
    ),
    Parameter(
        "associated_domains_direct",
        "Attributes.AssociatedDomainsEnableDirectDownloads",
        FLAG,
        "Ask those domains directly",
        on={IOS: "14.0"},
    ),
    Parameter(
        "removable", "Attributes.Removable", FLAG, "The user may remove it", on={IOS: "14.0"}
    ),
    Parameter(
        "tap_to_pay_screen_lock",
        "Attributes.TapToPayScreenLock",
        FLAG,
        "Lock the screen after Tap to Pay",
        on={IOS: "16.4"},
    ),
    Parameter("hideable", "Attributes.Hideable", FLAG, "The user may hide it", on={IOS: "18.1"}),
    Parameter("lockable", "Attributes.Lockable", FLAG, "The user may lock it", on={IOS: "18.1"}),
)
BY_KEY: Mapping[str, Parameter] = {each.key.removeprefix(KEY): each for each in APP_ATTRIBUTES}


def check_attributes(attributes: Mapping[str, Any], *, facts: DeviceFacts) -> dict[str, Any]:
    """Return attributes by Apple's names; raises CommandInvalid for what the device knows not."""
    if facts.platform == MACOS:
        raise ParameterInvalid("a Mac's apps have none", parameter="attributes")
    return {name: _read(name, value, facts=facts) for name, value in attributes.items()}


def _read(name: str, value: Any, *, facts: DeviceFacts) -> Any:
    if name not in BY_KEY:
        raise ParameterInvalid(f"{name[:40]} is none of an app", parameter="attributes")
    try:
        return BY_KEY[name].read(value, facts=facts)
    except ParameterInvalid as error:
        raise ParameterInvalid(f"{name} {error.reason}", parameter="attributes") from error
