"""What managed apps are told."""

from devices.protocol.commands.parameters import DICTIONARY, FLAG, TEXT, TEXTS, Parameter
from devices.protocol.commands.requirements import MANAGE_APPS
from devices.protocol.commands.settings.row import describe_setting, on_ios, on_mac
from devices.protocol.commands.table import Kind
from devices.protocol.platform import IOS

IDENTIFIER = Parameter("identifier", "Identifier", TEXT, "Bundle identifier", required=True)

APP_SETTINGS = (
    describe_setting(
        "ApplicationConfiguration",
        "Configure a managed app",
        on_ios("7.0", right=MANAGE_APPS, in_user_enrollment=True)
        | on_mac("10.15", right=MANAGE_APPS, in_user_enrollment=True, on_user_channel=False),
        IDENTIFIER,
        Parameter(
            "configuration",
            "Configuration",
            DICTIONARY,
            "Configuration",
            "A property list; none: the app's configuration is removed.",
        ),
        kind=Kind.APPS,
    ),
    describe_setting(
        "ApplicationAttributes",
        "Set a managed app's attributes",
        on_ios("7.0", right=MANAGE_APPS, in_user_enrollment=True),
        IDENTIFIER,
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
        Parameter(
            "relay_uuid", "Attributes.RelayUUID", TEXT, "UUID of its relay", on={IOS: "17.0"}
        ),
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
        Parameter(
            "hideable", "Attributes.Hideable", FLAG, "The user may hide it", on={IOS: "18.1"}
        ),
        Parameter(
            "lockable", "Attributes.Lockable", FLAG, "The user may lock it", on={IOS: "18.1"}
        ),
        kind=Kind.APPS,
    ),
)
