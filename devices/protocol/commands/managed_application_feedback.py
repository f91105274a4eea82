"""ManagedApplicationFeedback: what managed apps have left for their organization."""

from collections.abc import Sequence

from devices.errors import CommandInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.parameters import FLAG, TEXTS, Parameter
from devices.protocol.commands.requirements import USER_CHANNEL, Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_managed_application_feedback(
    *, identifiers: Sequence[str], delete_feedback: bool = False
) -> Body:
    """Ask for the feedback of these apps; `delete_feedback` has the device forget it then.

    A Mac hands it out to a user's channel only.
    """
    if not identifiers:
        raise CommandInvalid("whose feedback? At least one bundle identifier")
    body: Body = {"RequestType": "ManagedApplicationFeedback", "Identifiers": list(identifiers)}
    return body | ({"DeleteFeedback": True} if delete_feedback else {})


MANAGED_APPLICATION_FEEDBACK = CommandType(
    "ManagedApplicationFeedback",
    "Ask for the feedback of apps",
    Kind.APPS,
    {
        IOS: Needs("7.0", MANAGE_APPS),
        MACOS: Needs("11.0", MANAGE_APPS, channel=USER_CHANNEL),
    },
    (
        Parameter(
            "identifiers",
            "Identifiers",
            TEXTS,
            "Bundle identifiers",
            "One a line.",
            required=True,
        ),
        Parameter("delete_feedback", "DeleteFeedback", FLAG, "The device forgets it then"),
    ),
    build_managed_application_feedback,
)
