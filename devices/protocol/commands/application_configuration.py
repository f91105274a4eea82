"""Settings, item ApplicationConfiguration: another configuration for a managed app."""

from collections.abc import Mapping
from typing import Any

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body


def build_application_configuration(
    *, identifier: str, configuration: Mapping[str, Any] | None = None
) -> Body:
    """Set what the managed app is configured with, or take it away; Apple settings.

    The app is told at once if it runs. Without `configuration` it has none afterwards.
    """
    if not identifier:
        raise CommandInvalid("an app without an identifier")
    setting: Body = {"Item": "ApplicationConfiguration", "Identifier": identifier}
    if configuration:
        setting["Configuration"] = dict(configuration)
    return {"RequestType": "Settings", "Settings": [setting]}
