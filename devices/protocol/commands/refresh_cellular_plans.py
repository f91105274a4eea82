"""RefreshCellularPlans: asks the carrier for eSIM plans."""

from functools import partial

from devices.protocol.commands.address import check_address
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import CommandType, Kind
from devices.protocol.platform import IOS

REFRESH_CELLULAR_PLANS = CommandType(
    "RefreshCellularPlans",
    "Refresh cellular plans",
    Kind.SETTINGS,
    {IOS: Needs("13.0")},
    (
        Parameter(
            "esim_server_url",
            "eSIMServerURL",
            TEXT,
            "URL of the carrier's eSIM server",
            required=True,
            check=partial(check_address, of="eSIM server"),
        ),
    ),
)
