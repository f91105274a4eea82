"""LOMDeviceRequest: a Mac switches another one on or off."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import INTEGER, TEXT, TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

LOM_DEVICE_REQUEST = CommandType(
    "LOMDeviceRequest",
    "Switch another Mac",
    Kind.POWER,
    {MACOS: Needs("11.0", LOCK)},
    (
        Parameter(
            "device_request_type",
            "RequestList.[].DeviceRequestType",
            TEXT,
            "What to do",
            required=True,
            choices=(("PowerON", "Switch on"), ("PowerOFF", "Switch off"), ("Reset", "Reset")),
        ),
        Parameter(
            "device_request_uuid",
            "RequestList.[].DeviceRequestUUID",
            TEXT,
            "UUID of the request",
            required=True,
            is_supplied=True,
        ),
        Parameter(
            "device_dns_name",
            "RequestList.[].DeviceDNSName",
            TEXT,
            "DNS name of the other Mac",
            required=True,
        ),
        Parameter(
            "primary_ipv6_addresses",
            "RequestList.[].PrimaryIPv6AddressList",
            TEXTS,
            "Its first IPv6 addresses",
            "One a line, as LOMSetupRequest has answered.",
            required=True,
        ),
        Parameter(
            "secondary_ipv6_addresses",
            "RequestList.[].SecondaryIPv6AddressList",
            TEXTS,
            "Its second IPv6 addresses",
            "One a line.",
            required=True,
        ),
        Parameter(
            "lom_protocol_version",
            "RequestList.[].LOMProtocolVersion",
            INTEGER,
            "Protocol version",
            required=True,
        ),
    ),
    note="This Mac is the controller; the lights-out payload names both.",
    minimum_role=ADMINISTRATOR,
)
