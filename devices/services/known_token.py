"""The usual TokenUpdate: a live enrollment says again where pushes go. Two statements.

Everything else is left to devices.services.token_update, as devices.services.known_sender leaves
its messages: the first TokenUpdate, an UnlockToken, a user's channel, and an enrollment whose
token was dead, whose device may have been given up.
"""

from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import BooleanField, Exists, F, OuterRef
from django.db.models.functions import Coalesce

from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.checkin import Checkin, TokenUpdate
from devices.protocol.identity import Proof
from devices.services.known_sender import find_known_sender
from organization.models import Given, PreparedUpdate

# What devices.services.push_facts.note_push_facts sets. The conditions stand on the row itself
# as far as they can: of two changes at once the later one then sees the earlier.
RENEW = PreparedUpdate(
    lambda: Enrollment.objects.filter(
        ~Exists(Device.objects.filter(pk=OuterRef("device_id"), status=DeviceStatus.UNENROLLED)),
        pk=Given("pk"),
        state=EnrollmentState.LIVE,
        push_suspended_at=None,
    ),
    push_token=Given("push_token"),
    push_magic=Given("push_magic"),
    token_update_count=F("token_update_count") + 1,
    token_updated_at=Given("now"),
    push_attempts=0,
    push_not_before=None,
    push_error="",
    awaiting_configuration=Coalesce(
        Given("awaiting_configuration"),
        F("awaiting_configuration"),
        output_field=BooleanField(),
    ),
    updated_at=Given("now"),
)


def renew_known_token(message: Checkin, *, proof: Proof, now: datetime) -> bool:
    """Store a known device's push facts; False, and nothing done, where anything is unusual."""
    if not isinstance(message, TokenUpdate) or message.user or message.unlock_token:
        return False
    sender = find_known_sender(proof, udid=message.udid, now=now)
    if sender is None:
        return False
    return bool(
        RENEW.run(
            pk=sender.enrollment_id,
            push_token=_seal("push_token", message.push_token),
            push_magic=_seal("push_magic", message.push_magic.encode()),
            awaiting_configuration=message.awaiting_configuration,
            now=now,
        )
    )


def _seal(column: str, value: bytes) -> Any:
    field: Any = Enrollment._meta.get_field(column)
    return field.get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])
