"""Declarative management as far as there are no declarations: documents out, status in."""

import json
import logging
from datetime import datetime

from django.db import transaction

from devices.models import Enrollment, StatusReport, UserChannel
from devices.protocol.checkin import DeclarativeManagement
from devices.protocol.declarative import (
    DeviceStatus,
    build_document,
    merge_status,
)
from devices.protocol.reply import JSON, Reply

log = logging.getLogger(__name__)
# Of the JSON, in characters: what one report may bring, whatever came before it.
LARGEST = 1024 * 1024


def manage_declaratively(
    message: DeclarativeManagement,
    *,
    enrollment: Enrollment,
    user_channel: UserChannel | None = None,
    now: datetime,
) -> Reply:
    """Answer with the document of the endpoint, or take a status report.

    A user without a channel gets the same answers, and its status is not kept.
    Raises DeclarationMissing.
    """
    if message.status is None:
        document = build_document(message.endpoint, since=enrollment.created_at)
        return Reply(document, JSON)
    if user_channel is not None or not message.is_user_channel:
        record_status(message.status, enrollment=enrollment, user_channel=user_channel, now=now)
    # Not the 204 of Apple's table: a device takes only 200 for a report that has arrived.
    return Reply()


@transaction.atomic
def record_status(
    status: DeviceStatus,
    *,
    enrollment: Enrollment,
    user_channel: UserChannel | None,
    now: datetime,
) -> StatusReport:
    """Merge the report into what the channel has said before; where that grows too large, it alone
    is kept."""
    # The lock makes two reports at once merge one after the other.
    Enrollment.objects.select_for_update().only("pk").get(pk=enrollment.pk)
    channel = {"enrollment": enrollment, "user_channel": user_channel}
    row = StatusReport.objects.filter(**channel).first() or StatusReport(**channel)
    row.items = merge_status({} if status.is_full else row.items, status.items)
    if len(json.dumps(row.items)) > LARGEST:
        log.warning("%s: its status has grown too large", enrollment.public_id)
        row.items = merge_status({}, status.items)
    row.errors, row.reported_at = status.errors, now
    row.save()
    return row
