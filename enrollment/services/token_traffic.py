"""Who came by a token, those made from it included: attempts, devices, refusals."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from devices.models import Device, Enrollment
from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry, LogLevel
from enrollment.selectors import filter_by_family


@dataclass(frozen=True)
class TokenDevice:
    """A device and the attempt that it came by; `has_moved_on`: another token's since."""

    device: Device
    session: EnrollmentSession
    has_moved_on: bool


def list_token_sessions(token: EnrollmentToken) -> QuerySet[EnrollmentSession]:
    """Return every attempt with the token, newest first."""
    return filter_by_family(EnrollmentSession.objects.all(), token.pk)


def list_device_sessions(token: EnrollmentToken) -> QuerySet[EnrollmentSession]:
    """Return the attempts that brought a device at least as far as Authenticate."""
    return list_token_sessions(token).exclude(device_id="")


def find_token_devices(
    token: EnrollmentToken, sessions: Iterable[EnrollmentSession]
) -> list[TokenDevice]:
    """Return each device once, by its newest attempt among the token's `sessions`."""
    newest: dict[str, EnrollmentSession] = {}
    for session in sessions:
        newest.setdefault(session.device_id, session)
    rows = Device.objects.select_related("group").in_bulk(list(newest), field_name="public_id")
    present = _find_present_sessions(rows.values())
    own = list_token_sessions(token).filter(public_id__in=list(present.values()))
    ours = set(own.values_list("public_id", flat=True))
    return [
        TokenDevice(
            rows[public_id], session, has_moved_on=present.get(rows[public_id].pk) not in ours
        )
        for public_id, session in newest.items()
        if public_id in rows
    ]


def list_refusals(token: EnrollmentToken) -> QuerySet[LogEntry]:
    """Return the token's log entries that are more than news, newest first."""
    entries = LogEntry.objects.filter(level__in=(LogLevel.WARNING, LogLevel.ERROR))
    return filter_by_family(entries, token.pk)


def list_acted_on(token: EnrollmentToken) -> list[int]:
    """Return the keys of the devices whose present enrollment came by the token."""
    sessions = list_device_sessions(token).order_by().values("public_id")
    later = Enrollment.objects.filter(device=OuterRef("device"), pk__gt=OuterRef("pk"))
    newest = Enrollment.objects.filter(~Exists(later.order_by()), session_id__in=sessions)
    return list(newest.order_by("device_id").values_list("device_id", flat=True))


def _find_present_sessions(devices: Iterable[Device]) -> dict[int, str]:
    """Return the session of each device's newest enrollment, by the device's key."""
    rows = Enrollment.objects.filter(device__in=list(devices)).order_by("id")
    return dict(rows.values_list("device_id", "session_id"))
