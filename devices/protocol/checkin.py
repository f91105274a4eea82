"""The check-in messages of Apple's schema (mdm/checkin), by MessageType."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.errors import MessageInvalid, MessageUnknown
from devices.protocol.channel import ChannelMessage, decode_channel
from devices.protocol.declarative import (
    STATUS,
    DeviceStatus,
    decode_endpoint,
    decode_status,
)
from devices.protocol.reading import (
    find_data,
    find_flag,
    find_text,
    get_data,
    get_text,
)

# It becomes part of a URL; Apple's are 32 bytes and may grow.
LONGEST_PUSH_TOKEN = 256
# A status report may tell of everything on a device; the door bounds the whole message.
LONGEST_STATUS = 1024 * 1024
FACTS = ("DeviceName", "Model", "ModelName", "ProductName", "OSVersion", "BuildVersion")


@dataclass(frozen=True)
class Authenticate(ChannelMessage):
    """The device asks to enroll; `facts` are what it says of itself, by Apple's names."""

    topic: str
    serial_number: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class TokenUpdate(ChannelMessage):
    """Where pushes go; `unlock_token` comes once and is None afterwards.

    `awaiting_configuration` is None where the device does not say.
    """

    topic: str
    push_token: bytes = field(repr=False)
    push_magic: str = field(repr=False)
    unlock_token: bytes | None = field(repr=False, default=None)
    awaiting_configuration: bool | None = None


@dataclass(frozen=True)
class CheckOut(ChannelMessage):
    """The profile was removed from the device, or a user from it."""


@dataclass(frozen=True)
class SetBootstrapToken(ChannelMessage):
    """A Mac escrows its bootstrap token; None takes it back."""

    bootstrap_token: bytes | None = field(repr=False)


@dataclass(frozen=True)
class GetBootstrapToken(ChannelMessage):
    """A Mac asks for the token that it has escrowed."""


@dataclass(frozen=True)
class GetToken(ChannelMessage):
    """A device wants to prove to one of Apple's services that it is managed here."""

    service_type: str


@dataclass(frozen=True)
class DeclarativeManagement(ChannelMessage):
    """`endpoint` says what is asked for; `status` comes with `status` alone."""

    endpoint: str
    status: DeviceStatus | None = field(repr=False, default=None)


@dataclass(frozen=True)
class UserAuthenticate(ChannelMessage):
    """A user of a Mac logs in and may get a channel of their own.

    `digest_response` is empty in the first of two messages.
    """

    digest_response: str = field(repr=False, default="")


Checkin = (
    Authenticate
    | TokenUpdate
    | CheckOut
    | SetBootstrapToken
    | GetBootstrapToken
    | GetToken
    | DeclarativeManagement
    | UserAuthenticate
)
Message = dict[str, Any]


def decode_checkin(message: Message) -> Checkin:
    """Return the dataclass of the MessageType.

    Raises MessageUnknown for a type that Apple's schema does not have, MessageInvalid for
    wrong keys.
    """
    message_type = get_text(message, "MessageType")
    if message_type not in DECODERS:
        raise MessageUnknown(f"MessageType {message_type[:64]!r} is not served")
    return DECODERS[message_type](message)


def is_checkin(message: Message) -> bool:
    """Tell a check-in message from an answer on the connect URL, whatever its content type."""
    return "MessageType" in message


def _decode_authenticate(message: Message) -> Authenticate:
    channel = decode_channel(message)
    serial_number = find_text(message, "SerialNumber")
    if len(serial_number) > 64:
        raise MessageInvalid("SerialNumber is too long")
    if channel.is_user_enrollment and serial_number:
        raise MessageInvalid("EnrollmentID and SerialNumber together")
    facts = {key: find_text(message, key) for key in FACTS}
    return Authenticate(
        channel=channel,
        topic=_get_topic(message),
        serial_number=serial_number,
        facts=facts | {"SerialNumber": serial_number},
    )


def _get_topic(message: Message) -> str:
    topic = get_text(message, "Topic")
    if len(topic) > 255:
        raise MessageInvalid("Topic is too long")
    return topic


def _decode_token_update(message: Message) -> TokenUpdate:
    return TokenUpdate(
        channel=decode_channel(message),
        topic=_get_topic(message),
        push_token=get_data(message, "Token", longest=LONGEST_PUSH_TOKEN),
        push_magic=get_text(message, "PushMagic"),
        unlock_token=find_data(message, "UnlockToken"),
        awaiting_configuration=find_flag(message, "AwaitingConfiguration"),
    )


def _decode_check_out(message: Message) -> CheckOut:
    return CheckOut(decode_channel(message))


def _decode_set_bootstrap_token(message: Message) -> SetBootstrapToken:
    find_flag(message, "AwaitingConfiguration")
    return SetBootstrapToken(
        channel=decode_channel(message),
        bootstrap_token=find_data(message, "BootstrapToken") or None,
    )


def _decode_get_bootstrap_token(message: Message) -> GetBootstrapToken:
    find_flag(message, "AwaitingConfiguration")
    return GetBootstrapToken(decode_channel(message))


def _decode_get_token(message: Message) -> GetToken:
    if not isinstance(message.get("TokenParameters", {}), dict):
        raise MessageInvalid("TokenParameters is not a dictionary")
    return GetToken(
        channel=decode_channel(message), service_type=get_text(message, "TokenServiceType")
    )


def _decode_declarative_management(message: Message) -> DeclarativeManagement:
    endpoint = decode_endpoint(get_text(message, "Endpoint"))
    data = find_data(message, "Data", longest=LONGEST_STATUS)
    return DeclarativeManagement(
        channel=decode_channel(message),
        endpoint=endpoint,
        status=decode_status(data or b"") if endpoint == STATUS else None,
    )


def _decode_user_authenticate(message: Message) -> UserAuthenticate:
    channel = decode_channel(message)
    if channel.is_user_enrollment or channel.user is None:
        raise MessageInvalid("UserAuthenticate needs UDID and UserID")
    return UserAuthenticate(channel=channel, digest_response=find_text(message, "DigestResponse"))


DECODERS: Mapping[str, Callable[[Message], Checkin]] = {
    "Authenticate": _decode_authenticate,
    "TokenUpdate": _decode_token_update,
    "CheckOut": _decode_check_out,
    "SetBootstrapToken": _decode_set_bootstrap_token,
    "GetBootstrapToken": _decode_get_bootstrap_token,
    "GetToken": _decode_get_token,
    "DeclarativeManagement": _decode_declarative_management,
    "UserAuthenticate": _decode_user_authenticate,
}
