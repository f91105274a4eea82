"""Reads of devices that more than one door needs."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Case, Count, F, Func, Q, QuerySet, TextField, When, Window
from django.db.models.functions import RowNumber, TruncDate
from django.utils import timezone

from devices.errors import NotEnrolled, PlistInvalid, PushCertificateMissing
from devices.models import (
    OPEN_STATES,
    BulkCommand,
    Command,
    CommandState,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    EscrowedSecret,
    Group,
    PushCertificate,
    SecretKind,
    StatusReport,
    UserChannel,
)
from devices.models.command import IS_OPEN
from devices.protocol.command_subject import WITH_SUBJECT, describe_subject
from devices.protocol.commands import DeviceFacts
from devices.protocol.plist import decode_plist
from organization.errors import SecretUnreadable
from organization.models import Given, PreparedSelect
from organization.selectors import Counts

MOST_ENROLLMENTS, LATEST_SECRETS = 50, 3
WORD_COLUMNS = (
    *("name", "serial_number", "udid", "owner", "owner_name", "model_name", "product_name"),
)
MOST_WORDS = 8  # of a search: each is looked for in all devices that have those before it
MOST_FOUND = 200  # of a search, from pages that show something else of devices
COUNTED_DAYS = 30
MDM_PAYLOAD = "com.apple.mdm"
LARGE_FACTS = ("information", "security", "users")
PINNED = PreparedSelect(
    lambda: Enrollment.objects.select_related("device").filter(
        Q(certificate_sha256=Given("fingerprint"))
        | Q(previous_certificate_sha256=Given("fingerprint"))
    )
)
PUSH_CERTIFICATE = PreparedSelect(
    lambda: PushCertificate.objects.filter(is_active=True, certificate__isnull=False).order_by("pk")
)


def find_live_enrollment(device: Device) -> Enrollment | None:
    """Return the enrollment that commands go to, or None."""
    live = Enrollment.objects.select_related("device")
    return live.filter(device=device, state=EnrollmentState.LIVE).first()


def is_deletable(device: Device) -> bool:
    """Whether its record may be deleted: it is Unenrolled, or has never enrolled."""
    return device.status == DeviceStatus.UNENROLLED or find_live_enrollment(device) is None


def list_enrollments(device: Device) -> QuerySet[Enrollment]:
    """Return the newest MOST_ENROLLMENTS of the device's enrollments, whatever became of them."""
    rows = Enrollment.objects.filter(device=device).select_related("group")
    large = ("reported_profiles", "reported_applications", "unlock_token", "bootstrap_token")
    return rows.defer(*large)[:MOST_ENROLLMENTS]


def get_live_enrollment(device: Device) -> Enrollment:
    """Like find_live_enrollment, but raises NotEnrolled."""
    enrollment = find_live_enrollment(device)
    if enrollment is None:
        raise NotEnrolled(f"{device} is not enrolled")
    return enrollment


def is_asked_for_everything(device: Device) -> bool:
    """Whether its lists may hold what a person has installed, or only what this server has.

    Only a supervised device is the organization's for certain; of the others, the group's word
    counts. On a User Enrollment it never does.
    """
    if device.is_user_enrollment:
        return False
    return bool(device.is_supervised or (device.group and device.group.lists_all_apps))


def find_pinned_enrollment(certificate_sha256: str) -> Enrollment | None:
    """Return the enrollment that this identity certificate (hex) belongs to, whatever its state.

    That is also the one whose identity it was before the last renewal.
    """
    return PINNED.first(fingerprint=certificate_sha256) if certificate_sha256 else None


def get_device_facts(device: Device, *, enrollment: Enrollment | None) -> DeviceFacts:
    """Return what is known of the device that decides which commands it can obey."""
    information, management = device.information, device.security.get("ManagementStatus")
    return DeviceFacts(
        platform=device.platform,
        os_version=device.os_version,
        is_supervised=_find_flag(information, "IsSupervised"),
        is_shared=_find_flag(information, "IsMultiUser"),
        is_automated=_find_flag(management, "EnrolledViaDEP"),
        is_apple_silicon=_find_flag(information, "IsAppleSilicon"),
        access_rights=enrollment.access_rights if enrollment else None,
        has_unlock_token=enrollment is None or enrollment.unlock_token is not None,
        is_user_enrollment=device.is_user_enrollment,
    )


def _find_flag(facts: Any, name: str) -> bool | None:
    value = facts.get(name) if isinstance(facts, dict) else None
    return value if isinstance(value, bool) else None


def find_enrollment_profile(enrollment: Enrollment) -> str:
    """Return the identifier of the profile with the MDM payload, "" before it was reported."""
    for profile in enrollment.reported_profiles:
        types = [payload.get("PayloadType") for payload in profile.get("PayloadContent", [])]
        if MDM_PAYLOAD in types:
            return str(profile.get("PayloadIdentifier", ""))
    return ""


def list_user_channels(device: Device) -> QuerySet[UserChannel]:
    """Open channels of the users of the device's live enrollment, by name."""
    going = UserChannel.objects.filter(
        enrollment__device=device, enrollment__state=EnrollmentState.LIVE, ended_at=None
    )
    return going.order_by("long_name", "short_name", "id")


def list_status_reports(device: Device) -> QuerySet[StatusReport]:
    """What the device's live enrollment has reported on each of its channels, its own first."""
    reports = StatusReport.objects.filter(
        enrollment__device=device, enrollment__state=EnrollmentState.LIVE
    )
    return reports.select_related("user_channel").order_by(F("user_channel").asc(nulls_first=True))


def find_push_certificate() -> PushCertificate | None:
    """Return the active APNs certificate, expired or not."""
    return PUSH_CERTIFICATE.first()


def get_push_certificate() -> PushCertificate:
    """Like find_push_certificate, but raises PushCertificateMissing."""
    certificate = find_push_certificate()
    if certificate is None:
        raise PushCertificateMissing("no APNs push certificate has been imported")
    return certificate


def is_refused(certificate: PushCertificate) -> bool:
    """Whether APNs' last word on the certificate, since it was imported, was a refusal."""
    refused_at = certificate.refused_at
    return refused_at is not None and refused_at > certificate.updated_at


def find_refusal(certificate: PushCertificate) -> str:
    """Return APNs' reason for refusing the certificate, or ""."""
    return certificate.refusal if is_refused(certificate) else ""


def count_devices_on_topic(topic: str) -> int:
    """Return how many enrolled devices listen to this push topic."""
    return Enrollment.objects.filter(state=EnrollmentState.LIVE, topic=topic).count()


def count_devices_beyond_topic(topic: str) -> int:
    """Return how many enrolled devices listen to another push topic, and so are out of reach."""
    return Enrollment.objects.filter(state=EnrollmentState.LIVE).exclude(topic=topic).count()


class DeviceWords(Func):
    """All that a device is searched by, as one text; a word holds no space, so none spans two.

    On PostgreSQL `icontains` of it is answered by the index `device_words` (docs/adr/0220).
    """

    template, arg_joiner = "(%(expressions)s)", " || ' ' || "
    output_field = TextField()

    def __init__(self, *columns: str, **options: Any) -> None:
        super().__init__(*(columns or WORD_COLUMNS), **options)


def filter_by_words(rows: QuerySet[Device], text: str) -> QuerySet[Device]:
    """Keep devices whose name, numbers, owner or model hold the text's first MOST_WORDS words."""
    found = Q()
    for word in text.split()[:MOST_WORDS]:
        found &= Q(words__icontains=word)
    return rows.alias(words=DeviceWords()).filter(found) if found else rows


def find_device_ids(text: str) -> list[str]:
    """Return the public ids of at most 200 devices that hold every word; none for no word."""
    if not text.strip():
        return []
    rows = filter_by_words(Device.objects.order_by(), text)
    return list(rows.values_list("public_id", flat=True)[:MOST_FOUND])


def list_group_device_keys(group: Group) -> list[int]:
    """Return the keys of the group's devices that commands can reach."""
    live = Enrollment.objects.filter(device__group=group, state=EnrollmentState.LIVE)
    return list(live.values_list("device_id", flat=True))


def list_commands(device: Device) -> QuerySet[Command]:
    """Every command of the device, through all its enrollments, newest first.

    Bodies and results, which may be large, are fetched only where they are read.
    """
    rows = Command.objects.filter(device=device).select_related(
        "enrollment__device", "user_channel"
    )
    return rows.defer("body", "result")


def list_questions(
    device: Device, enrollment: Enrollment | None, *, request_type: str
) -> QuerySet[Command]:
    """What the device's enrollment was asked by this RequestType, newest first.

    By the device its history is one walk; by the enrollment alone PostgreSQL reads every command
    there is, from the newest on, to find one that was never sent.
    """
    history = Command.objects.filter(device=device, enrollment=enrollment)
    asked = history.filter(request_type=request_type)
    return asked.only("state", "created_at", "completed_at", "error_chain", "request_type")


def list_bulk_commands(bulk: BulkCommand) -> QuerySet[Command]:
    """The commands that a bulk command has brought to devices, newest first."""
    rows = Command.objects.filter(bulk=bulk).select_related("device")
    return rows.defer("body", "result", *(f"device__{name}" for name in LARGE_FACTS))


def count_bulk_states(bulk: BulkCommand) -> Counter[str]:
    """Return how many of its commands are in which state, in the order of the states.

    Of more than 10,000 it may be ten seconds old: a page that is watched asks every three.
    """
    counts = _get_bulk_counts(bulk.pk).get()
    return Counter(
        {state.value: counts[state.value] for state in CommandState if state.value in counts}
    )


@lru_cache(64)
def _get_bulk_counts(key: int) -> Counts[str]:
    rows = Command.objects.filter(bulk=key).order_by().values_list("state")
    return Counts(lambda: rows.annotate(number=Count("pk")).all())


def list_refused_devices(bulk: BulkCommand) -> list[tuple[Device, str]]:
    """Return the first devices that it was not sent to, each with the reason."""
    reasons: dict[int, str] = dict(bulk.refused_devices)
    rows = Device.objects.filter(pk__in=list(reasons)).defer(*LARGE_FACTS).order_by("pk")
    return [(device, reasons[device.pk]) for device in rows]


def list_secrets(device: Device) -> QuerySet[EscrowedSecret]:
    """Return what is kept for people of the device, through all its enrollments, newest first."""
    kept = EscrowedSecret.objects.filter(enrollment__device=device)
    return kept.exclude(kind=SecretKind.REPLY_KEY).select_related("enrollment__device")


def list_latest_secrets(device: Device) -> QuerySet[EscrowedSecret]:
    """Return the latest few of each kind: ten places of a lost Mac hide no recovery key of it."""
    place = Window(RowNumber(), partition_by="kind", order_by="-id")
    return list_secrets(device).annotate(place=place).filter(place__lte=LATEST_SECRETS)


def get_command_body(command: Command) -> dict[str, Any]:
    """Return the Command dictionary as it goes to the device, secrets included."""
    body = command.body or b""
    return decode_plist(body, max_bytes=len(body))


def find_subjects(commands: Iterable[Command]) -> dict[int, str]:
    """Return what each of these is about, by its key; a body that nobody can read tells nothing."""
    keys = [row.pk for row in commands if row.request_type in WITH_SUBJECT]
    rows = Command.objects.filter(pk__in=keys, forgotten_at=None).only("body") if keys else []
    return {row.pk: text for row in rows if (text := _describe_subject(row))}


def _describe_subject(command: Command) -> str:
    try:
        return describe_subject(get_command_body(command))
    except (PlistInvalid, SecretUnreadable):
        return ""


def _count_by_status() -> Iterable[tuple[str, int]]:
    return Device.objects.order_by().values_list("status").annotate(Count("id"))


def get_start_of_days(count: int) -> datetime:
    """Return when the first of the last `count` days began (UTC, whoever asks), today the last."""
    first = timezone.now().date() - timedelta(days=count - 1)
    return datetime.combine(first, time.min, tzinfo=UTC)


def _count_by_platform_and_day() -> Iterable[tuple[tuple[bool, str, date | None], int]]:
    """One reading of all devices for everything that the dashboard draws."""
    midnight = get_start_of_days(COUNTED_DAYS)
    # UTC: the counts are kept for everybody.
    day = Case(When(enrolled_at__gte=midnight, then=TruncDate("enrolled_at", tzinfo=UTC)))
    is_left = Case(When(status=DeviceStatus.UNENROLLED, then=True), default=False)
    rows = Device.objects.order_by().values_list(is_left, "platform", day)
    for *kind, count in rows.annotate(Count("id")):
        yield tuple(kind), count


def _count_by_group() -> Iterable[tuple[int, int]]:
    here = Device.objects.order_by().exclude(status=DeviceStatus.UNENROLLED)
    return here.exclude(group=None).values_list("group").annotate(Count("id"))


_by_status = Counts(_count_by_status)
_by_group = Counts(_count_by_group)
_by_platform_and_day = Counts(_count_by_platform_and_day)


def count_devices_by_status() -> dict[str, int]:
    """Return the number of devices for every DeviceStatus.

    Of more than 10,000 devices it may be ten seconds old, and another process's be another one.
    So with what the next three return.
    """
    return dict.fromkeys(DeviceStatus.values, 0) | _by_status.get()


def count_devices_by_group() -> Counter[int]:
    """Return the number of each group's devices that are not unenrolled, by the group's key."""
    return _by_group.get()


def count_devices_by_platform() -> Counter[str]:
    """Return the number of devices of each Platform, without those that are unenrolled."""
    counts: Counter[str] = Counter()
    for (is_left, platform, _), count in _by_platform_and_day.get().items():
        counts[platform] += 0 if is_left else count
    return counts


def count_devices_by_day() -> Counter[date]:
    """Return how many devices enrolled on each of the last COUNTED_DAYS days (UTC)."""
    counts: Counter[date] = Counter()
    for (_, _, day), count in _by_platform_and_day.get().items():
        if day is not None:
            counts[day] += count
    return counts


def find_waiting_command(
    enrollment: Enrollment, *, request_type: str, user_channel: UserChannel | None = None
) -> Command | None:
    """Return an unanswered command of this type to the device's channel, or a user's.

    One whose time is over makes no other superfluous, though the sweep may not have ended it yet.
    """
    queue = Command.objects.filter(enrollment=enrollment, user_channel=user_channel)
    in_time = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return queue.filter(in_time, request_type=request_type, state__in=OPEN_STATES).first()


def find_due_commands(now: datetime) -> QuerySet[Command]:
    """Commands, to any channel, that should be pushed for where their enrollment is live."""
    waited = Q(state__in=(CommandState.SENT, CommandState.NOT_NOW), not_before__lte=now)
    return Command.objects.filter(IS_OPEN, Q(state=CommandState.QUEUED) | waited)
