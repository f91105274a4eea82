"""The usual message, from a device that nothing has changed about: one statement.

It finds the enrollment by its pinned certificate, writes down that the device is here, and brings
the next command. It finds less than devices.services.identity does and never more: revocation,
the enrollment's state, the device's status and the UDID are conditions of the statement, the
issuer's signature has been verified in this process, and where nothing is found the ordinary way
decides and refuses.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery

from devices.models import Command, CommandState, DeviceStatus, Enrollment, EnrollmentState
from devices.models.command import IS_OPEN
from devices.protocol.identity import Proof
from devices.services.identity import CLOCK_SKEW
from devices.services.presence import RESOLUTION
from devices.services.queue import offer_commands
from organization.models import Given
from organization.models.statement import Statement, adapt_moment
from scep.models import CertificateAuthorityRole, CertificateStatus, IssuedCertificate
from scep.services.verified_identities import find_verified_issuer

# Of a command, behind the sender's own columns; in the order of the model's fields, as from_db
# wants them.
COLUMNS = ("id", "uuid", "enrollment_id", "request_type", "body", "origin", "state", "attempts")
# What devices.services.presence.note_presence writes: statement, table, and the sender's column.
NOTES = (
    (
        "UPDATE devices_enrollment SET last_seen_at = %s, "
        "push_attempts = CASE WHEN push_error = '' THEN 0 ELSE push_attempts END, "
        "push_not_before = CASE WHEN push_error = '' THEN NULL ELSE push_not_before END",
        "devices_enrollment",
        "enrollment_key",
    ),
    ("UPDATE devices_device SET last_seen_at = %s", "devices_device", "device_key"),
)


@dataclass(frozen=True)
class KnownSender:
    """`command` is the next one, as it is before it is taken."""

    enrollment_id: int
    has_put_off: bool
    command: Command | None

    @property
    def enrollment(self) -> Enrollment:
        """The row, of which only the key is there until more is asked for."""
        return Enrollment.from_db(DEFAULT_DB_ALIAS, ["id"], [self.enrollment_id])


def is_familiar(proof: Proof, *, now: datetime) -> bool:
    """Whether the certificate is valid now and our CA's signature under it has been verified."""
    certificate = proof.certificate
    begins = certificate.not_valid_before_utc - CLOCK_SKEW
    ends = certificate.not_valid_after_utc + CLOCK_SKEW
    return begins <= now <= ends and find_verified_issuer(proof.fingerprint) is not None


def find_known_sender(proof: Proof, *, udid: str, now: datetime) -> KnownSender | None:
    """Return the live enrollment that the message comes from, and note that it is here.

    None where anything is unusual: the ordinary way then finds out what it is.
    """
    if not is_familiar(proof, now=now):
        return None
    connection = connections[DEFAULT_DB_ALIAS]
    row = _Query.get(connection.vendor).run(
        connection,
        fingerprint=proof.fingerprint,
        issuer=find_verified_issuer(proof.fingerprint) or "",
        udid=udid,
        now=now,
        minute_ago=now - RESOLUTION,
    )
    return None if row is None else _decode(row, connection=connection)


def _decode(row: tuple[Any, ...], *, connection: Any) -> KnownSender:
    enrollment_id, _, _, has_put_off, _, *columns = row
    command = None
    if columns[0] is not None:
        field: Any = Command._meta.get_field("body")
        body = COLUMNS.index("body")
        columns[body] = field.from_db_value(columns[body], None, connection)
        command = Command.from_db(connection.alias, COLUMNS, columns)
    return KnownSender(enrollment_id, bool(has_put_off), command)


class _Query:
    """The statement for one kind of database; PostgreSQL reads and writes in one."""

    def __init__(self, vendor: str) -> None:
        select, self._names = _inline(*_compile())
        columns = ", ".join(f"command.{name}" for name in COLUMNS)
        self._writes_itself = vendor == "postgresql"
        notes = _build_notes() if self._writes_itself else ""
        self._names += ["now"] * notes.count("%s")
        self._find = Statement(
            f"WITH sender AS ({select}){notes} SELECT sender.*, {columns} FROM sender "  # noqa: S608
            "LEFT JOIN devices_command AS command ON command.id = sender.command_key"
        )
        self._notes = [Statement(f"{note} WHERE id = %s") for note, *_ in NOTES]

    @staticmethod
    @cache
    def get(vendor: str) -> "_Query":
        return _Query(vendor)

    def run(self, connection: Any, **given: Any) -> tuple[Any, ...] | None:
        values = {
            name: adapt_moment(value, connection) if isinstance(value, datetime) else value
            for name, value in given.items()
        }
        rows = self._find.fetch(connection, [values[name] for name in self._names])
        if not rows:
            return None
        enrollment_key, device_key, is_news, *_ = rows[0]
        if is_news and not self._writes_itself:
            for note, key in zip(self._notes, (enrollment_key, device_key), strict=True):
                note.run(connection, [values["now"], key])
        return rows[0]


def _build_notes() -> str:
    """Return the two writes as further parts of the statement; most messages change nothing.

    A row that another message of the device holds is left to that one: waiting for two rows, each
    in its own order, would be a deadlock.
    """
    return "".join(
        f", {table}_noted AS ({note} WHERE id = (SELECT id FROM {table} WHERE id = "  # noqa: S608
        f"(SELECT {key} FROM sender WHERE is_news) FOR NO KEY UPDATE SKIP LOCKED))"
        for note, table, key in NOTES
    )


def _compile() -> tuple[str, list[Any]]:
    """Return the SELECT as Django words it, and its parameters."""
    is_news = Q(last_seen_at__lte=Given("minute_ago")) | Q(push_attempts__gt=0, push_error="")
    put_off = Command.objects.filter(
        IS_OPEN, enrollment=OuterRef("pk"), user_channel=None, state=CommandState.NOT_NOW
    )
    offered = offer_commands(enrollment=OuterRef("pk"), now=Given("now"))
    trusted = IssuedCertificate.objects.filter(
        fingerprint=Given("fingerprint"),
        status=CertificateStatus.ISSUED,
        issuer__fingerprint=Given("issuer"),
    ).exclude(issuer__role=CertificateAuthorityRole.EXTERNAL)
    rows = Enrollment.objects.filter(
        Exists(trusted),
        ~Q(device__status=DeviceStatus.NOT_MANAGED),  # given up; the ordinary way takes it back
        certificate_sha256=Given("fingerprint"),
        state=EnrollmentState.LIVE,
        device__udid=Given("udid"),
    ).annotate(
        enrollment_key=F("pk"),
        device_key=F("device_id"),
        is_news=ExpressionWrapper(is_news, output_field=BooleanField()),
        has_put_off=Exists(put_off),
        command_key=Subquery(offered.values("pk")[:1]),
    )
    chosen = rows.order_by().values_list(
        "enrollment_key", "device_key", "is_news", "has_put_off", "command_key"
    )
    sql, parameters = chosen.query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    return sql, list(parameters)


def _inline(sql: str, parameters: list[Any]) -> tuple[str, list[str]]:
    """Write the constants into the SQL; return it with the names of the values that remain.

    A prepared statement's plan can use the indexes of open commands only where it knows that
    the states are these.
    """
    first, *pieces = sql.split("%s")
    written, names = [first], []
    for parameter, piece in zip(parameters, pieces, strict=True):
        if isinstance(parameter, Given):
            written.append("%s")
            names.append(parameter.name)
        elif isinstance(parameter, str):
            written.append("'" + parameter.replace("'", "''") + "'")
        else:
            written.append(str(int(parameter)))
        written.append(piece)
    return "".join(written), names
