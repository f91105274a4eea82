"""The usual TokenUpdate: a live enrollment says again where pushes go. One UPDATE.

Everything else is left to devices.services.token_update, as devices.services.known_sender leaves
its messages: the first TokenUpdate, an UnlockToken, a user's channel, and an enrollment whose
token was dead, whose device may have been given up.
"""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import BooleanField, Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from devices.models import Device, Enrollment
from devices.protocol.checkin import Checkin, TokenUpdate
from devices.protocol.identity import Proof
from devices.services.known_sender import (
    GIVEN_UP,
    IS_LIVE,
    IS_NEWS,
    build_trusted,
    find_familiar_issuer,
    note_sender,
)
from devices.services.presence import RESOLUTION
from organization.models import Given, PreparedUpdate


def _select_known(*, is_external: bool) -> QuerySet[Enrollment]:
    """The conditions stand on the row itself as far as they can: of two changes at once the later
    one then sees the earlier.
    """
    device = Device.objects.filter(pk=OuterRef("device_id"), udid=Given("udid"))
    return Enrollment.objects.filter(
        IS_LIVE,
        build_trusted(is_external=is_external),
        Exists(device.exclude(status__in=GIVEN_UP)),
        certificate_sha256=Given("fingerprint"),
        connected_at__isnull=False,
        push_suspended_at=None,
    )


# What devices.services.push.facts.note_push_facts sets.
CHANGES: dict[str, Any] = dict(
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
# By whether the sender's CA is an external one.
RENEW = {
    is_external: PreparedUpdate(
        partial(_select_known, is_external=is_external),
        returning=(F("pk"), F("device_id"), IS_NEWS),
        **CHANGES,
    )
    for is_external in (False, True)
}


def renew_known_token(message: Checkin, *, proof: Proof, now: datetime) -> bool:
    """Store a known device's push facts; False, and nothing done, where anything is unusual."""
    if not isinstance(message, TokenUpdate) or message.user or message.unlock_token:
        return False
    issuer = find_familiar_issuer(proof, now=now)
    if issuer is None:
        return False
    connection = connections[DEFAULT_DB_ALIAS]
    rows = RENEW[issuer.is_external].fetch(
        fingerprint=proof.fingerprint,
        issuer=issuer.fingerprint,
        udid=message.udid,
        push_token=_seal("push_token", message.push_token),
        push_magic=_seal("push_magic", message.push_magic.encode()),
        awaiting_configuration=message.awaiting_configuration,
        now=now,
        minute_ago=now - RESOLUTION,
    )
    for enrollment, device, is_news in rows:
        if is_news:
            note_sender(connection, enrollment=enrollment, device=device, now=now)
    return bool(rows)


def _seal(column: str, value: bytes) -> bytes:
    field: Any = Enrollment._meta.get_field(column)
    sealed: bytes = field.seal(value)
    return sealed
