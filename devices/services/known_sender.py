"""The usual message, from a device that nothing has changed about: one SELECT.

It finds the enrollment by its pinned certificate and brings the next command; where the last note
that the device is here is a minute old, another statement writes that down. It finds less than
devices.services.sender does and never more: revocation, the enrollment's state, the device's
status and the UDID are conditions of the statement, the issuer's signature has been verified in
this process, and where nothing is found the ordinary way decides and refuses.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from devices.models import Command, CommandState, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.identity import Proof
from devices.services.presence import RESOLUTION
from devices.services.queue import offer_commands
from devices.services.sender import CLOCK_SKEW
from organization.models import LATER, Given, has_own_commit, inline_constants
from organization.models.statement import Statement, adapt_moment
from scep.models import CertificateAuthorityRole, CertificateStatus, IssuedCertificate
from scep.services.verified_identities import VerifiedIssuer, find_verified_issuer

SENDER = ("enrollment_key", "device_key", "is_news")
# Of a command, behind the sender's own columns; in the order of the model's fields, as from_db
# wants them.
COLUMNS = ("id", "uuid", "enrollment_id", "request_type", "body", "origin", "state", "attempts")
# Of the command that the device reports about.
REPORTED = (
    *("id", "public_id", "uuid", "enrollment_id", "device_id", "user_channel_id", "request_type"),
    *("body", "origin", "attempts", "forgotten_at"),
)
JOIN_REPORTED = (
    " LEFT JOIN devices_command AS reported ON reported.uuid = %s "
    "AND reported.enrollment_id = sender.enrollment_key AND reported.user_channel_id IS NULL"
)
# Whether it is to be written down that the device is here.
IS_NEWS = ExpressionWrapper(
    Q(last_seen_at__lte=Given("minute_ago")) | Q(push_attempts__gt=0, push_error=""),
    output_field=BooleanField(),
)
GIVEN_UP = (DeviceStatus.NOT_MANAGED.value, DeviceStatus.UNENROLLED.value)
# Worded so that no index of live enrollments alone fits. Until its first ANALYZE, PostgreSQL takes
# such an index for tiny and reads it whole (docs/adr/0195).
IS_LIVE = Exact(Coalesce("state", Value("")), EnrollmentState.LIVE.value)
# What devices.services.presence.note_presence writes: statement, table, and whose key it is.
NOTES = (
    (
        "UPDATE devices_enrollment SET last_seen_at = %s, "
        "push_attempts = CASE WHEN push_error = '' THEN 0 ELSE push_attempts END, "
        "push_not_before = CASE WHEN push_error = '' THEN NULL ELSE push_not_before END",
        "devices_enrollment",
        "enrollment",
    ),
    ("UPDATE devices_device SET last_seen_at = %s", "devices_device", "device"),
)


@dataclass(frozen=True)
class KnownSender:
    """`command` is the next one, as it is before it is taken.

    Or one that was put off: has_put_off. `reported` is the one that was asked for by its UUID.
    """

    enrollment_id: int
    command: Command | None
    reported: Command | None = None

    @property
    def has_put_off(self) -> bool:
        return self.command is not None and self.command.state == CommandState.NOT_NOW

    @property
    def enrollment(self) -> Enrollment:
        """The row, of which only the key is there until more is asked for."""
        return Enrollment.from_db(DEFAULT_DB_ALIAS, ["id"], [self.enrollment_id])


def find_familiar_issuer(proof: Proof, *, now: datetime) -> VerifiedIssuer | None:
    """Return the CA whose signature under the certificate has been verified, if that is valid now.

    None says nothing about right or wrong.
    """
    is_valid = proof.not_before <= now + CLOCK_SKEW and now - CLOCK_SKEW <= proof.not_after
    return find_verified_issuer(proof.fingerprint) if is_valid else None


def find_known_sender(
    proof: Proof,
    *,
    udid: str,
    now: datetime,
    with_put_off: bool = False,
    reported: str | None = None,
) -> KnownSender | None:
    """Return the live enrollment that the message comes from, and note that it is here.

    None where anything is unusual: the ordinary way then finds out what it is. `with_put_off`:
    of the commands, one that the device has put off comes before all that can be handed out.
    `reported`: the CommandUUID that a result is for; the next command is then another one.
    """
    issuer = find_familiar_issuer(proof, now=now)
    if issuer is None:
        return None
    connection = connections[DEFAULT_DB_ALIAS]
    query = _Query.get(
        connection.vendor,
        is_external=issuer.is_external,
        with_put_off=with_put_off,
        is_report=reported is not None,
    )
    row = query.run(
        connection,
        fingerprint=proof.fingerprint,
        issuer=issuer.fingerprint,
        udid=udid,
        reported=reported,
        now=now,
        minute_ago=now - RESOLUTION,
    )
    return None if row is None else _decode(row, connection=connection)


def _decode(row: tuple[Any, ...], *, connection: Any) -> KnownSender:
    enrollment_id, _, _, *columns = row
    end = len(COLUMNS)
    return KnownSender(
        enrollment_id,
        _build_command(COLUMNS, columns[:end], connection=connection),
        _build_command(REPORTED, columns[end:], connection=connection),
    )


def _build_command(
    names: tuple[str, ...], columns: list[Any], *, connection: Any
) -> Command | None:
    if not columns or columns[0] is None:
        return None
    field: Any = Command._meta.get_field("body")
    body = names.index("body")
    columns[body] = field.from_db_value(columns[body], None, connection)
    return Command.from_db(connection.alias, names, columns)


class _Query:
    """The statements for one kind of database."""

    def __init__(
        self, vendor: str, *, is_external: bool, with_put_off: bool, is_report: bool
    ) -> None:
        compiled = _compile(is_external=is_external, with_put_off=with_put_off, is_report=is_report)
        select, parameters = inline_constants(*compiled)
        self._names = [each.name for each in parameters]
        # Were command_key among them, PostgreSQL would look for the command twice.
        columns = [f"sender.{name}" for name in SENDER] + [f"command.{name}" for name in COLUMNS]
        joins = "LEFT JOIN devices_command AS command ON command.id = sender.command_key"
        if is_report:
            columns += [f"reported.{name}" for name in REPORTED]
            joins += JOIN_REPORTED
            self._names.append("reported")
        self._find = Statement(
            f"SELECT {', '.join(columns)} FROM ({select}) AS sender {joins}"  # noqa: S608
        )

    @staticmethod
    @cache
    def get(vendor: str, *, is_external: bool, with_put_off: bool, is_report: bool) -> "_Query":
        return _Query(
            vendor, is_external=is_external, with_put_off=with_put_off, is_report=is_report
        )

    def run(self, connection: Any, **given: Any) -> tuple[Any, ...] | None:
        values = {
            name: adapt_moment(value, connection) if isinstance(value, datetime) else value
            for name, value in given.items()
        }
        rows = self._find.fetch(connection, [values[name] for name in self._names])
        if not rows:
            return None
        enrollment_key, device_key, is_news, *_ = rows[0]
        if is_news:
            note_sender(connection, enrollment=enrollment_key, device=device_key, now=given["now"])
        return rows[0]


def note_sender(connection: Any, *, enrollment: int, device: int, now: datetime) -> None:
    """Write down that the device is here; the keys of its rows."""
    keys = {"enrollment": enrollment, "device": device, "now": adapt_moment(now, connection)}
    for note, names in _build_notes(connection.vendor, is_alone=has_own_commit(connection)):
        note.run(connection, [keys[name] for name in names])


@cache
def _build_notes(vendor: str, *, is_alone: bool) -> list[tuple[Statement, list[str]]]:
    """Return what writes that the device is here, each with the names of its values.

    PostgreSQL does both in one. A row that another message of the device holds is left to that
    one: waiting for two rows, each in its own order, would be a deadlock. Nor does it wait for the
    disk where nothing else is committed with it: what is lost the next message says again.
    """
    if vendor != "postgresql":
        return [(Statement(f"{note} WHERE id = %s"), ["now", key]) for note, _, key in NOTES]
    (first, *_), (last, *_) = notes = [
        (
            f"{note} WHERE id = (SELECT id FROM {table} WHERE id = %s "  # noqa: S608
            "FOR NO KEY UPDATE SKIP LOCKED)",
            key,
        )
        for note, table, key in NOTES
    ]
    names = [name for _, key in notes for name in ("now", key)]
    later = f" AND {LATER}" if is_alone else ""
    return [(Statement(f"WITH noted AS ({first}) {last}{later}"), names)]


def build_trusted(*, is_external: bool) -> Exists:
    """Return the condition that the identity of `fingerprint`, from the CA `issuer`, is valid.

    An external CA must be trusted by a SCEP profile still, and not have expired.
    """
    issued = IssuedCertificate.objects.filter(
        fingerprint=Given("fingerprint"),
        status=CertificateStatus.ISSUED,
        issuer__fingerprint=Given("issuer"),
    )
    of_stranger = Q(issuer__role=CertificateAuthorityRole.EXTERNAL)
    if not is_external:
        return Exists(issued.exclude(of_stranger))
    return Exists(
        issued.filter(
            of_stranger,
            issuer__trusting_profiles__isnull=False,
            # Ten minutes are allowed for clocks; the ordinary way does.
            issuer__not_after__gte=Given("minute_ago"),
        )
    )


def build_known(*, is_external: bool) -> QuerySet[Enrollment]:
    """Return the live enrollment of `fingerprint`, `issuer` and `udid`."""
    return Enrollment.objects.filter(
        IS_LIVE,
        build_trusted(is_external=is_external),
        ~Q(device__status__in=GIVEN_UP),  # the ordinary way takes it back
        certificate_sha256=Given("fingerprint"),
        connected_at__isnull=False,  # the first time is news, which the ordinary way tells
        device__udid=Given("udid"),
    )


def _compile(*, is_external: bool, with_put_off: bool, is_report: bool) -> tuple[str, list[Any]]:
    """Return the SELECT as Django words it, and its parameters."""
    commands = offer_commands(
        enrollment=OuterRef("pk"), now=Given("now"), with_put_off=with_put_off
    )
    if is_report:
        commands = commands.exclude(uuid=Given("reported"))
    rows = build_known(is_external=is_external).annotate(
        enrollment_key=F("pk"),
        device_key=F("device_id"),
        is_news=IS_NEWS,
        command_key=Subquery(commands.values("pk")[:1]),
    )
    # There is one at most. PostgreSQL would turn a SELECT without limit and the join into one, and
    # then read the whole table of commands.
    chosen = rows.order_by().values_list(*SENDER, "command_key")[:1]
    sql, parameters = chosen.query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    return sql, list(parameters)
