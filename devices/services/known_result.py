"""The usual result: a device says how a command went that concerns nothing else. One UPDATE.

It ends less than devices.services.answers does and never more: that the message comes from the
command's own device, about which nothing is unusual (devices.services.known_sender), and that the
command is open still, are conditions of the statement. What an answer teaches, secrets and
renewals are left to the other ways, and so is what is put off.
"""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from devices.models import Command, Enrollment
from devices.protocol.connect import FINAL, Report
from devices.protocol.identity import Proof
from devices.protocol.json_values import build_json_value, encode_answer, encode_errors
from devices.services.answers import FINISHING, MAY_FINISH, STATE_OF_STATUS
from devices.services.identities.renewed import RENEWAL_ORIGIN
from devices.services.known_sender import IS_NEWS, build_known, find_familiar_issuer, note_sender
from devices.services.lessons import ALWAYS_LESSONS, SUBJECTS
from devices.services.presence import RESOLUTION
from devices.services.queue import offer_commands
from devices.services.told_secrets import CONCERNED
from devices.signals import command_finished
from organization.models import Given, PreparedUpdate

# Of the finished command; in the order of the model's fields, as from_db wants them.
COLUMNS = ("id", "uuid", "enrollment_id", "device_id", "request_type", "origin")
TAUGHT = frozenset(SUBJECTS.values())


def _select_plain(*, is_external: bool) -> QuerySet[Command]:
    sender = build_known(is_external=is_external).filter(pk=OuterRef("enrollment_id"))
    plain = Command.objects.filter(MAY_FINISH, Exists(sender), uuid=Given("uuid"))
    special = sorted(ALWAYS_LESSONS | CONCERNED)
    return (
        plain.filter(user_channel=None)
        .exclude(origin=RENEWAL_ORIGIN)
        .exclude(request_type__in=special)
    )


RETURNED = (
    *(F(name) for name in COLUMNS),
    Subquery(
        Enrollment.objects.filter(pk=OuterRef("enrollment_id"))
        .annotate(is_news=IS_NEWS)
        .values("is_news")
    ),
    Exists(
        offer_commands(enrollment=OuterRef("enrollment_id"), now=Given("now")).exclude(
            uuid=Given("uuid")
        )
    ),
)
# By whether the sender's CA is an external one.
FINISH = {
    is_external: PreparedUpdate(
        partial(_select_plain, is_external=is_external), returning=RETURNED, **FINISHING
    )
    for is_external in (False, True)
}


def finish_known_command(report: Report, *, proof: Proof, now: datetime) -> bool | None:
    """Store a plain result; return whether there is another command to hand out.

    None, and nothing done, where anything is unusual: the other ways then find out what it is.
    """
    if report.status not in FINAL or not TAUGHT.isdisjoint(report.answer):
        return None
    issuer = find_familiar_issuer(proof, now=now)
    if issuer is None:
        return None
    state = STATE_OF_STATUS[report.status].value
    result, error_chain = build_json_value(report.answer), build_json_value(report.error_chain)
    rows = FINISH[issuer.is_external].fetch(
        uuid=report.command_uuid,
        fingerprint=proof.fingerprint,
        issuer=issuer.fingerprint,
        udid=report.udid,
        state=state,
        result=encode_answer(result),
        error_chain=encode_errors(error_chain),
        now=now,
        minute_ago=now - RESOLUTION,
    )
    if not rows:
        return None
    *columns, is_news, has_next = rows[0]
    command = Command.from_db(DEFAULT_DB_ALIAS, COLUMNS, columns)
    command.state, command.completed_at = state, now
    command.result, command.error_chain = result, error_chain
    if is_news:
        _note_sender(command, now=now)
    command_finished.send(Command, command=command)
    return bool(has_next)


def _note_sender(command: Command, *, now: datetime) -> None:
    connection: Any = connections[DEFAULT_DB_ALIAS]
    keys = {"enrollment": command.enrollment_id, "device": command.device_id}
    note_sender(connection, **keys, now=now)
