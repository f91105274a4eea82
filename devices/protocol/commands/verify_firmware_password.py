"""VerifyFirmwarePassword: is the firmware password still this one?"""

from devices.protocol.commands.parameters import SECRET, Parameter
from devices.protocol.commands.requirements import INTEL, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

VERIFY_FIRMWARE_PASSWORD = CommandType(
    "VerifyFirmwarePassword",
    "Verify the firmware password",
    Kind.SECURITY,
    {MACOS: Needs("10.13", chip=INTEL)},
    (
        Parameter(
            "password",
            "Password",
            SECRET,
            "Password",
            "Empty: the one that is kept here.",
            required=True,
            is_made=True,
        ),
    ),
    note="A Mac answers once in 30 seconds.",
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
