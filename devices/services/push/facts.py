"""Where pushes go: what a TokenUpdate says of it, a device's or a user's."""

from datetime import datetime

from devices.models import PushTarget
from devices.protocol.checkin import TokenUpdate

# The columns that a TokenUpdate changes.
PUSH_FACTS = (
    *("push_token", "push_magic", "token_update_count", "token_updated_at", "push_requested_at"),
    *("push_suspended_at", "push_not_before", "push_attempts", "push_error"),
)


def note_push_facts(target: PushTarget, *, message: TokenUpdate, now: datetime) -> None:
    """Set token and magic, and forget what became of the old ones; the caller saves the row."""
    target.push_token = message.push_token
    target.push_magic = message.push_magic.encode()
    target.token_update_count += 1
    target.token_updated_at = now
    if target.push_suspended_at is not None:
        target.push_requested_at = None  # it went to the token that is dead
    target.push_suspended_at = target.push_not_before = None
    target.push_attempts, target.push_error = 0, ""
