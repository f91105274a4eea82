"""EnableLostMode: an iPhone or iPad shows a message and nothing else."""

from devices.errors import ChoiceInvalid
from devices.protocol.commands.parameters import TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import OUTRANKING, Body, CommandType, Kind
from devices.protocol.platform import IOS


def build_enable_lost_mode(
    *, message: str = "", phone_number: str = "", footnote: str = ""
) -> Body:
    """A finder needs a message or a number; Apple device.lostmode.enable."""
    if not message and not phone_number:
        raise ChoiceInvalid("a message or a phone number", parameters=("message", "phone_number"))
    body: Body = {"RequestType": "EnableLostMode"}
    texts = {"Message": message, "PhoneNumber": phone_number, "Footnote": footnote}
    return body | {key: text for key, text in texts.items() if text}


ENABLE_LOST_MODE = CommandType(
    "EnableLostMode",
    "Enable lost mode",
    Kind.LOST_MODE,
    {IOS: Needs("9.3", supervised=True)},
    (
        Parameter("message", "Message", TEXT, "Message"),
        Parameter("phone_number", "PhoneNumber", TEXT, "Phone number"),
        Parameter("footnote", "Footnote", TEXT, "Footnote"),
    ),
    build_enable_lost_mode,
    is_unique=True,
    takes_back="DisableLostMode",
    priority=OUTRANKING,
)
