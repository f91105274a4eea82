"""RequestMirroring: the screen goes to an AirPlay receiver."""

from typing import Any

from devices.errors import ChoiceInvalid
from devices.protocol.commands.parameters import INTEGER, SECRET, TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

KEYS = {"scan_time": "ScanTime", "password": "Password"}


def build_request_mirroring(
    *, destination_name: str = "", destination_device_id: str = "", **options: Any
) -> Body:
    """Exactly one of name and hardware address; Apple mirroring.request."""
    if bool(destination_name) == bool(destination_device_id):
        raise ChoiceInvalid(
            "exactly one of name and hardware address",
            parameters=("destination_name", "destination_device_id"),
        )
    body: Body = {"RequestType": "RequestMirroring"}
    if destination_name:
        body["DestinationName"] = destination_name
    else:
        body["DestinationDeviceID"] = destination_device_id
    return body | {KEYS[name]: value for name, value in options.items()}


REQUEST_MIRRORING = CommandType(
    "RequestMirroring",
    "Mirror its screen",
    Kind.SCREEN,
    {IOS: Needs("7.0"), MACOS: Needs("10.10")},
    (
        Parameter("destination_name", "DestinationName", TEXT, "Name of the receiver"),
        Parameter(
            "destination_device_id",
            "DestinationDeviceID",
            TEXT,
            "Hardware address of the receiver",
            "Like xx:xx:xx:xx:xx:xx; instead of a name.",
        ),
        Parameter(
            "scan_time",
            "ScanTime",
            INTEGER,
            "Seconds to look for it",
            "10 to 300.",
            least=10,
            most=300,
        ),
        Parameter("password", "Password", SECRET, "Password of the receiver"),
    ),
    build_request_mirroring,
)
