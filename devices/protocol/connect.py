"""What a device says on the connect URL: Idle, or how its last command went.

Keys: Apple, "Implementing Device Management", the response of every command.
"""

from dataclasses import dataclass, field
from typing import Any

from devices.errors import MessageInvalid
from devices.protocol.channel import ChannelMessage, decode_channel
from devices.protocol.direction import leave_direction
from devices.protocol.inner_refusals import list_entries, list_refusals
from devices.protocol.reading import find_text, get_text

IDLE, NOT_NOW = "Idle", "NotNow"
ACKNOWLEDGED, ERROR, COMMAND_FORMAT_ERROR = "Acknowledged", "Error", "CommandFormatError"
FINAL = (ACKNOWLEDGED, ERROR, COMMAND_FORMAT_ERROR)
LONGEST_TEXT = 2000  # of the words for one failure; real ones are a sentence or two
STATUSES = (IDLE, NOT_NOW, *FINAL)
ENVELOPE = frozenset(
    {
        "Status",
        "UDID",
        "CommandUUID",
        "ErrorChain",
        "UserID",
        "UserShortName",
        "UserLongName",
        "EnrollmentID",
        "EnrollmentUserID",
        "NotOnConsole",
    }
)


@dataclass(frozen=True)
class Report(ChannelMessage):
    """`answer`: everything beyond the keys that each report has.

    `command_uuid` is "" for Idle, and where the device could not read the command it refuses.
    """

    status: str
    command_uuid: str = ""
    error_chain: list[dict[str, Any]] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict, repr=False)


def decode_report(message: dict[str, Any]) -> Report:
    """Raises MessageInvalid when a key is missing, or a status unknown.

    What is acknowledged as a whole and refused inside is an error.
    """
    status = get_text(message, "Status")
    if status not in STATUSES:
        raise MessageInvalid("a Status that no device has")
    answer = {key: value for key, value in message.items() if key not in ENVELOPE}
    # How the command went counts, whatever of the words for it can be read.
    chain = list_entries(message.get("ErrorChain"))
    if status == ACKNOWLEDGED and (refusals := list_refusals(answer)):
        status, chain = ERROR, [*chain, *refusals]
    return Report(
        channel=decode_channel(message),
        status=status,
        command_uuid="" if status == IDLE else find_text(message, "CommandUUID"),
        error_chain=chain,
        answer=answer,
    )


def get_error_text(chain: list[dict[str, Any]]) -> str:
    """Return the US English texts of an ErrorChain as one line, from the outside inwards."""
    texts = [
        link.get("USEnglishDescription") or link.get("LocalizedDescription") or "" for link in chain
    ]
    lines = [text.strip() for text in texts if isinstance(text, str)]
    words = " / ".join(line for line in dict.fromkeys(lines) if line)
    return leave_direction(words)[:LONGEST_TEXT]
