"""ManagedApplicationList: how far each managed app is."""

from collections.abc import Iterable

from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_managed_application_list(identifiers: Iterable[str] = ()) -> Body:
    """Ask for the apps with these bundle identifiers, or for all; Apple application.list."""
    body: Body = {"RequestType": "ManagedApplicationList"}
    wanted = list(identifiers)
    return body | {"Identifiers": wanted} if wanted else body


MANAGED_APPLICATION_LIST = CommandType(
    "ManagedApplicationList",
    "Ask for its managed apps",
    Kind.INFORMATION,
    {IOS: Needs("5.0", MANAGE_APPS), MACOS: Needs("11.0", MANAGE_APPS)},
    (
        Parameter(
            "identifiers",
            "Identifiers",
            TEXTS,
            "Bundle identifiers",
            "One a line; none: all.",
            on={IOS: "7.0"},
        ),
    ),
    build_managed_application_list,
)
