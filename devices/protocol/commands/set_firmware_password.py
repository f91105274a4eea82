"""SetFirmwarePassword: who starts an Intel Mac from another disk must know it."""

from devices.protocol.access_rights import LOCK
from devices.protocol.commands.kept_passwords import CURRENT_PASSWORD, NEW_PASSWORD
from devices.protocol.commands.parameters import FLAG, Parameter
from devices.protocol.commands.requirements import INTEL, Needs
from devices.protocol.commands.table import ADMINISTRATOR, CommandType, Kind
from devices.protocol.platform import MACOS

SET_FIRMWARE_PASSWORD = CommandType(
    "SetFirmwarePassword",
    "Set the firmware password",
    Kind.SECURITY,
    {MACOS: Needs("10.13", LOCK, chip=INTEL)},
    (
        CURRENT_PASSWORD,
        NEW_PASSWORD,
        Parameter("remove", "", FLAG, "Remove the password"),
        Parameter("allow_option_roms", "AllowOroms", FLAG, "Allow option ROMs"),
    ),
    minimum_role=ADMINISTRATOR,
    is_unique=True,
)
