"""The channels of a Mac's users: each has a token and a queue, and never touches the device's."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from devices.errors import CommandInvalid
from devices.models import OPEN_STATES, Command, CommandState, Enrollment, UserChannel
from devices.protocol.channel import User
from devices.protocol.checkin import TokenUpdate
from devices.protocol.direction import leave_direction
from devices.services.locks import lock_enrollment
from devices.services.presence import RESOLUTION
from devices.services.push.facts import note_push_facts
from devices.services.sender import check_not_over
from devices.services.warnings import flag_many_users

LONGEST_NAME = 255
# More than work on most Macs. A device that invents users must end somewhere, and where more do
# work, as in a lecture hall, those who were there last are the ones to reach.
MOST_USERS = 200


def is_wanted(user: User) -> bool:
    """Whether this user gets a channel here; Shared iPads name nobody by their UserID."""
    return bool(settings.MDM_USER_CHANNEL) and user.is_person


def find_user_channel(enrollment: Enrollment, *, user: User) -> UserChannel | None:
    """Return the user's open channel, None before their TokenUpdate and after their CheckOut."""
    if not is_wanted(user):
        return None
    channels = UserChannel.objects.filter(enrollment=enrollment, ended_at=None)
    return channels.filter(user_id=user.user_id).first()


def get_user_channel(enrollment: Enrollment, *, public_id: str) -> UserChannel:
    """Return an open channel by its `usr_…`; raises CommandInvalid."""
    channels = UserChannel.objects.filter(enrollment=enrollment, ended_at=None)
    channel = channels.filter(public_id=public_id).first()
    if channel is None or not settings.MDM_USER_CHANNEL:
        raise CommandInvalid(f"{public_id} is no user's channel of this device", field="user")
    return channel


@transaction.atomic
def open_user_channel(
    enrollment: Enrollment, *, user: User, message: TokenUpdate, now: datetime
) -> None:
    """Store where the user's pushes go; raises MessageRefused for an enrollment that is over."""
    # The lock keeps an enrollment that ends at this moment from leaving an open channel behind.
    enrollment = lock_enrollment(enrollment)
    check_not_over(enrollment)
    channels = UserChannel.objects.filter(enrollment=enrollment)
    channel = channels.filter(user_id=user.user_id).first()
    if channel is None:
        _make_room(enrollment)
        channel = UserChannel(enrollment=enrollment, user_id=user.user_id)
    _write_user(channel, user=user)
    note_push_facts(channel, message=message, now=now)
    channel.ended_at, channel.last_seen_at = None, now
    channel.save()


def _make_room(enrollment: Enrollment) -> None:
    """Where there are MOST_USERS, forget those who have left and those not seen for longest.

    What waits for them goes with them; their next TokenUpdate makes them known again.
    """
    channels = UserChannel.objects.filter(enrollment=enrollment)
    surplus = channels.count() - MOST_USERS + 1
    if surplus <= 0:
        return
    oldest = channels.order_by(F("ended_at").asc(nulls_last=True), "last_seen_at", "pk")
    keys = list(oldest.values_list("pk", flat=True)[:surplus])
    channels.filter(pk__in=keys).delete()
    flag_many_users(enrollment.device, most=MOST_USERS)


def _write_user(channel: UserChannel, *, user: User) -> None:
    channel.short_name = leave_direction(user.short_name)[:LONGEST_NAME] or channel.short_name
    channel.long_name = leave_direction(user.long_name)[:LONGEST_NAME] or channel.long_name
    if user.not_on_console is not None:
        channel.not_on_console = user.not_on_console


def note_user_presence(channel: UserChannel, *, now: datetime) -> None:
    """The user is here: remember it to the minute, and forget that pushes went unanswered."""
    rows = UserChannel.objects.filter(pk=channel.pk)
    if channel.push_attempts and not channel.push_error:
        rows.update(push_attempts=0, push_not_before=None)
    if channel.last_seen_at is None or channel.last_seen_at <= now - RESOLUTION:
        rows.update(last_seen_at=now)


@transaction.atomic
def end_user_channels(enrollment: Enrollment, *, user_id: str | None = None, now: datetime) -> None:
    """End one user's channel, or all of the enrollment: no push, no command any more."""
    going = UserChannel.objects.filter(enrollment=enrollment, ended_at=None)
    if user_id is not None:
        going = going.filter(user_id=user_id)
    ended = list(going.values_list("pk", flat=True))
    Command.objects.filter(user_channel__in=ended, state__in=OPEN_STATES).update(
        state=CommandState.CANCELLED, completed_at=now, not_before=None, updated_at=now
    )
    going.filter(pk__in=ended).update(
        ended_at=now, push_token=None, push_magic=None, push_requested_at=None, updated_at=now
    )
