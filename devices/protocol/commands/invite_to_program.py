"""InviteToProgram: asks the user to join volume purchasing with their Apple Account."""

from functools import partial

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.address import check_address
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import FORBIDDEN, USER_CHANNEL, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS, MACOS

INVITE_TO_PROGRAM = CommandType(
    "InviteToProgram",
    "Invite to volume purchasing",
    Kind.APPS,
    {
        # A Shared iPad's users would be asked on channels of their own, which they have not here.
        IOS: Needs("7.0", MANAGE_APPS, shared_ipad=FORBIDDEN),
        MACOS: Needs("10.9", channel=USER_CHANNEL),
    },
    (
        Parameter(
            "program_id",
            "ProgramID",
            TEXT,
            "Program",
            required=True,
            choices=(("com.apple.cloudvpp", "Volume purchasing"),),
        ),
        Parameter(
            "invitation_url",
            "InvitationURL",
            TEXT,
            "Invitation URL",
            required=True,
            check=partial(check_address, of="invitation"),
        ),
    ),
)
