"""The check-in messages of Apple's schema (mdm/checkin), by MessageType."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.errors import MessageInvalid, MessageUnknown
from devices.protocol.reading import find_data, find_text, get_data, get_text, is_user_channel

# It becomes part of a URL; Apple's are 32 bytes and may grow.
LONGEST_PUSH_TOKEN = 256
FACTS = ("DeviceName", "Model", "ModelName", "ProductName", "OSVersion", "BuildVersion")


@dataclass(frozen=True)
class Authenticate:
    """The device asks to enroll; `facts` are what it says of itself, by Apple's names."""

    udid: str
    topic: str
    serial_number: str
    facts: Mapping[str, str]
    is_user_channel: bool = False


@dataclass(frozen=True)
class TokenUpdate:
    """Where pushes go; `unlock_token` comes once and is None afterwards."""

    udid: str
    topic: str
    push_token: bytes = field(repr=False)
    push_magic: str = field(repr=False)
    unlock_token: bytes | None = field(repr=False, default=None)
    is_user_channel: bool = False


@dataclass(frozen=True)
class CheckOut:
    """The profile was removed from the device."""

    udid: str
    is_user_channel: bool = False


@dataclass(frozen=True)
class SetBootstrapToken:
    """A Mac escrows its bootstrap token; None takes it back."""

    udid: str
    bootstrap_token: bytes | None = field(repr=False)
    is_user_channel: bool = False


@dataclass(frozen=True)
class GetBootstrapToken:
    """A Mac asks for the token that it has escrowed."""

    udid: str
    is_user_channel: bool = False


@dataclass(frozen=True)
class UserAuthenticate:
    """A user of a Mac logs in and may get a channel of their own."""

    udid: str
    is_user_channel: bool = True


Checkin = (
    Authenticate | TokenUpdate | CheckOut | SetBootstrapToken | GetBootstrapToken | UserAuthenticate
)
Message = dict[str, Any]


def decode_checkin(message: Message) -> Checkin:
    """Return the dataclass of the MessageType.

    Raises MessageUnknown for a type that is not served (GetToken and DeclarativeManagement
    among them: nothing here makes a device send those), MessageInvalid for wrong keys.
    """
    message_type = get_text(message, "MessageType")
    if message_type not in DECODERS:
        raise MessageUnknown(f"MessageType {message_type[:64]!r} is not served")
    return DECODERS[message_type](message)


def is_checkin(message: Message) -> bool:
    """Tell a check-in message from an answer on the connect URL, whatever its content type."""
    return "MessageType" in message


def _get_udid(message: Message) -> str:
    udid = get_text(message, "UDID")
    if len(udid) > 64:
        raise MessageInvalid("UDID is too long")
    return udid


def _decode_authenticate(message: Message) -> Authenticate:
    serial_number = find_text(message, "SerialNumber")
    if len(serial_number) > 64:
        raise MessageInvalid("SerialNumber is too long")
    facts = {key: find_text(message, key) for key in FACTS}
    return Authenticate(
        udid=_get_udid(message),
        topic=_get_topic(message),
        serial_number=serial_number,
        facts=facts | {"SerialNumber": serial_number},
        is_user_channel=is_user_channel(message),
    )


def _get_topic(message: Message) -> str:
    topic = get_text(message, "Topic")
    if len(topic) > 255:
        raise MessageInvalid("Topic is too long")
    return topic


def _decode_token_update(message: Message) -> TokenUpdate:
    return TokenUpdate(
        udid=_get_udid(message),
        topic=_get_topic(message),
        push_token=get_data(message, "Token", longest=LONGEST_PUSH_TOKEN),
        push_magic=get_text(message, "PushMagic"),
        unlock_token=find_data(message, "UnlockToken"),
        is_user_channel=is_user_channel(message),
    )


def _decode_check_out(message: Message) -> CheckOut:
    return CheckOut(udid=_get_udid(message), is_user_channel=is_user_channel(message))


def _decode_set_bootstrap_token(message: Message) -> SetBootstrapToken:
    return SetBootstrapToken(
        udid=_get_udid(message),
        bootstrap_token=find_data(message, "BootstrapToken") or None,
        is_user_channel=is_user_channel(message),
    )


def _decode_get_bootstrap_token(message: Message) -> GetBootstrapToken:
    return GetBootstrapToken(udid=_get_udid(message), is_user_channel=is_user_channel(message))


def _decode_user_authenticate(message: Message) -> UserAuthenticate:
    return UserAuthenticate(udid=_get_udid(message))


DECODERS: Mapping[str, Callable[[Message], Checkin]] = {
    "Authenticate": _decode_authenticate,
    "TokenUpdate": _decode_token_update,
    "CheckOut": _decode_check_out,
    "SetBootstrapToken": _decode_set_bootstrap_token,
    "GetBootstrapToken": _decode_get_bootstrap_token,
    "UserAuthenticate": _decode_user_authenticate,
}
