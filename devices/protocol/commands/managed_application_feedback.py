"""ManagedApplicationFeedback: what managed apps have left for their organization."""

from collections.abc import Sequence

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body
from devices.protocol.platform import MACOS, OTHER


def build_managed_application_feedback(
    *, identifiers: Sequence[str], delete_feedback: bool = False, platform: str = OTHER
) -> Body:
    """Ask for the feedback of these apps; `delete_feedback` has the device forget it then.

    A Mac hands it out to a user's channel only.
    """
    if platform == MACOS:
        raise CommandInvalid("a Mac itself hands out no feedback of its apps")
    if not identifiers:
        raise CommandInvalid("whose feedback? At least one bundle identifier")
    body: Body = {"RequestType": "ManagedApplicationFeedback", "Identifiers": list(identifiers)}
    return body | ({"DeleteFeedback": True} if delete_feedback else {})
