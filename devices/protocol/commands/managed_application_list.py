"""ManagedApplicationList: how far each managed app is."""

from collections.abc import Iterable

from devices.protocol.commands.table import Body


def build_managed_application_list(identifiers: Iterable[str] = ()) -> Body:
    """Ask for the apps with these bundle identifiers, or for all; Apple application.list."""
    body: Body = {"RequestType": "ManagedApplicationList"}
    wanted = list(identifiers)
    return body | {"Identifiers": wanted} if wanted else body
