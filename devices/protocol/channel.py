"""Who speaks: the device that a message names, and its user where it is a user's message."""

from dataclasses import dataclass
from typing import Any

from devices.errors import MessageInvalid
from devices.protocol.reading import find_flag, find_text

LONGEST_ID = 64
USER_IDS = frozenset({"UserID", "EnrollmentUserID"})
USER_KEYS = USER_IDS | {"UserShortName", "UserLongName", "NotOnConsole"}
# Apple: the UserID of everybody on a Shared iPad.
SHARED_IPAD = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"


@dataclass(frozen=True)
class User:
    """`user_id` is UserID, or EnrollmentUserID; `not_on_console` is None where it is not told."""

    user_id: str
    short_name: str = ""
    long_name: str = ""
    not_on_console: bool | None = None

    @property
    def is_person(self) -> bool:
        return self.user_id.upper() != SHARED_IPAD


@dataclass(frozen=True)
class Channel:
    """`udid` is the device's UDID, or the EnrollmentID of a User Enrollment."""

    udid: str
    is_user_enrollment: bool = False
    user: User | None = None


@dataclass(frozen=True)
class ChannelMessage:
    """What every message of a device tells: from whom it is."""

    channel: Channel

    @property
    def udid(self) -> str:
        return self.channel.udid

    @property
    def user(self) -> User | None:
        return self.channel.user

    @property
    def is_user_channel(self) -> bool:
        return self.channel.user is not None


def decode_channel(message: dict[str, Any]) -> Channel:
    """Raises MessageInvalid unless the message has either UDID or EnrollmentID.

    UserID, EnrollmentUserID and the names come only in a user's messages (Macs, Shared iPads). With
    an empty id, or names alone, it is nobody's: taken for the device's own, a user's CheckOut would
    end the enrollment, and a user's token take the place of the device's.
    """
    udid, enrollment_id = _find_id(message, "UDID"), _find_id(message, "EnrollmentID")
    if udid and enrollment_id:
        raise MessageInvalid("UDID and EnrollmentID together")
    if not (udid or enrollment_id):
        raise MessageInvalid("UDID is missing")
    return Channel(
        udid=udid or enrollment_id,
        is_user_enrollment=bool(enrollment_id),
        user=_decode_user(message),
    )


def _decode_user(message: dict[str, Any]) -> User | None:
    if USER_KEYS.isdisjoint(message):
        return None
    user_id = _find_id(message, "UserID")
    user_id = _find_id(message, "EnrollmentUserID") or user_id
    user = User(
        user_id=user_id,
        short_name=find_text(message, "UserShortName"),
        long_name=find_text(message, "UserLongName"),
        not_on_console=find_flag(message, "NotOnConsole"),
    )
    if user_id:
        return user
    if not USER_IDS.isdisjoint(message):
        raise MessageInvalid("UserID is empty")
    if user.short_name or user.long_name:
        raise MessageInvalid("UserID is missing beside a user's name")
    return None


def _find_id(message: dict[str, Any], key: str) -> str:
    text = find_text(message, key)
    if len(text) > LONGEST_ID:
        raise MessageInvalid(f"{key} is too long")
    return text
