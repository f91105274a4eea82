"""VerifyFirmwarePassword: is the firmware password still this one?"""

from devices.protocol.commands.kept_passwords import PASSWORD
from devices.protocol.commands.requirements import INTEL, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

VERIFY_FIRMWARE_PASSWORD = CommandType(
    "VerifyFirmwarePassword",
    "Verify the firmware password",
    Kind.SECURITY,
    {MACOS: Needs("10.13", chip=INTEL)},
    (PASSWORD,),
    note="A Mac answers once in 30 seconds.",
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
