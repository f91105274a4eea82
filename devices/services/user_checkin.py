"""Check-in messages of a user's channel: acknowledged, and obeyed where users have channels."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from devices.errors import UserChannelDeclined
from devices.models import Enrollment
from devices.protocol.channel import User
from devices.protocol.checkin import (
    Checkin,
    CheckOut,
    DeclarativeManagement,
    GetToken,
    TokenUpdate,
    UserAuthenticate,
)
from devices.protocol.plist import encode_plist
from devices.protocol.reply import Reply
from devices.services.declarative import manage_declaratively
from devices.services.get_token import refuse_token
from devices.services.locks import lock_enrollment
from devices.services.user_channels import (
    end_user_channels,
    find_user_channel,
    is_wanted,
    open_user_channel,
)


def receive_user_message(
    message: Checkin, *, user: User, enrollment: Enrollment, now: datetime
) -> Reply:
    """Do what a user's message asks; it changes nothing of the device's own channel.

    Kinds that Apple's schema has on the device's channel alone are acknowledged.
    """
    handler = HANDLERS.get(type(message))
    return handler(message, user, enrollment, now) if handler else Reply()


def _token_update(message: TokenUpdate, user: User, enrollment: Enrollment, now: datetime) -> Reply:
    if is_wanted(user):
        open_user_channel(enrollment, user=user, message=message, now=now)
    return Reply()


def _check_out(message: CheckOut, user: User, enrollment: Enrollment, now: datetime) -> Reply:
    with transaction.atomic():
        lock_enrollment(enrollment)  # whoever queues a command for the user holds it, too
        end_user_channels(enrollment, user_id=user.user_id, now=now)
    return Reply()


def _user_authenticate(
    message: UserAuthenticate, user: User, enrollment: Enrollment, now: datetime
) -> Reply:
    """An empty challenge: the device's signature proves enough, the user needs no AuthToken."""
    if not is_wanted(user):
        raise UserChannelDeclined("users have no channel of their own here")
    if message.digest_response:
        return Reply()
    return Reply(encode_plist({"DigestChallenge": ""}))


def _declarative_management(
    message: DeclarativeManagement, user: User, enrollment: Enrollment, now: datetime
) -> Reply:
    channel = find_user_channel(enrollment, user=user)
    return manage_declaratively(message, enrollment=enrollment, user_channel=channel, now=now)


def _get_token(message: GetToken, user: User, enrollment: Enrollment, now: datetime) -> Reply:
    return refuse_token(message)


HANDLERS: dict[type, Callable[[Any, User, Enrollment, datetime], Reply]] = {
    TokenUpdate: _token_update,
    CheckOut: _check_out,
    UserAuthenticate: _user_authenticate,
    DeclarativeManagement: _declarative_management,
    GetToken: _get_token,
}
