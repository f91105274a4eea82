"""ApplyRedemptionCode: pays an app that waits for a code."""

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import SECRET, TEXT, Parameter
from devices.protocol.commands.requirements import FORBIDDEN, Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

APPLY_REDEMPTION_CODE = CommandType(
    "ApplyRedemptionCode",
    "Redeem a code for an app",
    Kind.APPS,
    {IOS: Needs("5.0", MANAGE_APPS, shared_ipad=FORBIDDEN)},
    (
        Parameter("identifier", "Identifier", TEXT, "Bundle identifier", required=True),
        Parameter("redemption_code", "RedemptionCode", SECRET, "Redemption code", required=True),
    ),
)
