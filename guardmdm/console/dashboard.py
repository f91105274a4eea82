"""The first page: how many devices, how they are, what happened lately, what needs care."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.console import STATUS_ORDER
from devices.models import (
    DeviceStatus,
    Platform,
    PushCertificateState,
)
from devices.selectors import (
    COUNTED_DAYS,
    count_devices_by_day,
    count_devices_by_platform,
    count_devices_by_status,
    find_push_certificate,
    is_refused,
)
from enrollment.models import (
    Anomaly,
    AnomalyKind,
    EnrollmentToken,
    LogEntry,
    LogLevel,
    TokenState,
)
from enrollment.selectors import (
    EXPIRING,
    find_token_warnings,
    list_anomalies,
    list_ending_tokens,
    list_tokens,
    list_waiting_sessions,
    put_devices,
)
from guardmdm.console.charts import build_area, build_donut
from guardmdm.console.checklist import list_failures, list_tasks
from organization.console import role_required
from organization.errors import NotSetUp
from organization.models import Role, may
from organization.selectors import get_organization
from organization.templatetags.console import tone
from policies.selectors.progress import count_failed_items
from scep.models import CertificateAuthorityRole, ScepProfile
from scep.selectors import ExpiringCertificate, get_issuing_ca, list_expiring
from scep.templatetags.scep_console import MOST_WAITING, at_most_99, count_waiting

MOST_NOTICES = 5
CA_NOTICE = timedelta(days=90)
PLATFORM_TONES = {"ios": "blue", "ipados": "green", "macos": "amber", "other": "gray"}


@dataclass(frozen=True)
class Notice:
    """Something an administrator must do soon; `url` leads to where it is done."""

    level: str
    title: str
    text: str
    url: str = ""


@role_required()
def show_dashboard(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    statuses = count_devices_by_status()
    days = count_enrollments_by_day(today=now.date())
    tasks = list_tasks(request.user, now=now)
    entries = list(LogEntry.objects.all()[:8])
    warnings = list(LogEntry.objects.exclude(level=LogLevel.INFO)[:5])
    put_devices([*entries, *warnings])
    context = {
        "tasks": tasks,
        "done_count": sum(task.is_done for task in tasks),
        "notices": [
            *find_doctor_notices(request.user),
            *find_stop_notices(),
            *find_push_notices(now),
            *find_ca_notices(now),
            *find_server_notices(),
            *find_anomaly_notices(now),
            *find_token_notices(now),
            *find_waiting_notices(),
            *find_waiting_people_notices(),
        ],
        "device_count": sum(statuses.values()) - statuses[DeviceStatus.UNENROLLED],
        "week_count": sum(count for _, count in days[-7:]),
        "token_count": list_tokens(now=now, state=TokenState.ACTIVE).count(),
        "failed_count": count_failed_items(),
        "area": build_area(days),
        "first_day": days[0][0],
        "middle_day": days[len(days) // 2][0],
        "donuts": _build_donuts(statuses),
        "entries": entries,
        "warnings": warnings,
    }
    return render(request, "console/dashboard/dashboard.html", context)


def _build_donuts(statuses: dict[str, int]) -> list[dict[str, Any]]:
    by_platform = count_devices_by_platform()
    donuts = {
        _("Status"): [
            (status.label, tone(status), statuses[status])
            for status in STATUS_ORDER
            if status != DeviceStatus.UNENROLLED  # as the number of devices and their platforms
        ],
        _("Platform"): [
            (platform.label, PLATFORM_TONES[platform], by_platform[platform])
            for platform in Platform
        ],
    }
    return [
        {
            "title": title,
            "slices": [part for part in build_donut(parts) if part.count],
            "total": sum(count for *_, count in parts),
        }
        for title, parts in donuts.items()
    ]


def count_enrollments_by_day(*, today: date) -> list[tuple[date, int]]:
    """Return the last COUNTED_DAYS days (UTC), oldest first, with the devices enrolled on each."""
    first, counts = today - timedelta(days=COUNTED_DAYS - 1), count_devices_by_day()
    days = (first + timedelta(days=number) for number in range(COUNTED_DAYS))
    return [(day, counts[day]) for day in days]


def find_doctor_notices(user: Any) -> list[Notice]:
    """Tell administrators what the doctor's last examination found."""
    failures = list_failures() if may(user, Role.ADMINISTRATOR) else []
    if not failures:
        return []
    title = ngettext(
        "The doctor found %(count)s thing to be mended.",
        "The doctor found %(count)s things to be mended.",
        len(failures),
    ) % {"count": len(failures)}
    text = "; ".join(f"{each.name}: {each.text}" for each in failures[:MOST_NOTICES])
    return [Notice("error", title, text, reverse("console:doctor"))]


def find_stop_notices() -> list[Notice]:
    """Tell that nobody can enroll, lest the switch is forgotten."""
    try:
        organization = get_organization()
    except NotSetUp:
        return []
    if organization.enrollment_stopped_at is None:
        return []
    text = _("%(who)s has stopped them on %(when)s; no token enrolls a device.") % {
        "who": organization.enrollment_stopped_by,
        "when": date_format(localtime(organization.enrollment_stopped_at), "DATETIME_FORMAT"),
    }
    title = _("New enrollments are stopped.")
    return [Notice("error", title, text, reverse("console:tokens"))]


def find_push_notices(now: datetime) -> list[Notice]:
    certificate, url = find_push_certificate(), reverse("console:push-certificate")
    if certificate is None or certificate.not_after is None:
        text = _("No device can enroll or be woken until it is imported.")
        return [Notice("error", _("There is no Apple push certificate."), text, url)]
    if is_refused(certificate):
        title = _("Apple refuses the push certificate: %s.") % certificate.refusal
        text = _("No device is woken until it is renewed and imported.")
        return [Notice("error", title, text, url)]
    state = certificate.get_state(now)
    if state == PushCertificateState.VALID:
        return []
    title = _("Apple push certificate %s.") % _tell_expiry(certificate.not_after, now=now)
    text = _("Renew it with the same Apple Account, or every device must re-enroll.")
    level = "error" if state == PushCertificateState.EXPIRED else "warning"
    return [Notice(level, title, text, url)]


def find_ca_notices(now: datetime) -> list[Notice]:
    """Tell of each CA and server certificate that ends soon."""
    try:
        get_issuing_ca()
    except NotSetUp:
        text = _("Run manage.py bootstrap.")
        return [Notice("error", _("There is no certificate authority."), text)]
    return [_build_ca_notice(each, now=now) for each in list_expiring(now=now, within=CA_NOTICE)]


def _build_ca_notice(expiring: ExpiringCertificate, *, now: datetime) -> Notice:
    title = _("%(name)s: the certificate %(expiry)s.") % {
        "name": expiring.name,
        "expiry": _tell_expiry(expiring.not_after, now=now),
    }
    if expiring.is_automatic:
        text = _("It should have been replaced by itself: check that scheduler and workers run.")
    elif expiring.kind == CertificateAuthorityRole.EXTERNAL:
        text = _("Add its new certificate to the SCEP profile; what it signed is refused then.")
    else:
        text = _("Prepare or import the next CA; what it issues ends with it.")
    level = "error" if expiring.not_after <= now else "warning"
    return Notice(level, title, text, reverse("console:authorities"))


def find_server_notices() -> list[Notice]:
    """Tell of each external SCEP server that did not answer as it should when last asked."""
    profiles = ScepProfile.objects.exclude(check_code="").order_by("name")[:MOST_NOTICES]
    return [
        Notice(
            "error",
            _("SCEP profile %s: nobody can enroll with it now.") % profile.name,
            profile.check_message,
            reverse("console:scep-profile", args=[profile.public_id]),
        )
        for profile in profiles
    ]


def find_waiting_people_notices() -> list[Notice]:
    count = list_waiting_sessions(now=timezone.now())[: MOST_WAITING + 1].count()
    if not count:
        return []
    title = ngettext(
        "%(count)s person waits for approval on the enrollment page.",
        "%(count)s people wait for approval on the enrollment page.",
        count,
    ) % {"count": at_most_99(count)}
    text = _("They can download the profile once an administrator has approved it.")
    return [Notice("warning", title, text, reverse("console:waiting-sessions"))]


def find_anomaly_notices(now: datetime) -> list[Notice]:
    """Tell of what was unusual in the last day, each once, and what to do about it."""
    latest: dict[tuple[str, str], Anomaly] = {}
    for row in list_anomalies(now=now)[:100]:
        latest.setdefault((row.kind, row.subject), row)
    return [_build_anomaly_notice(row) for row in islice(latest.values(), MOST_NOTICES)]


def _build_anomaly_notice(row: Anomaly) -> Notice:
    facts = {
        "name": row.token.name if row.token else row.remote_address,
        "count": row.count,
    }
    if row.kind == AnomalyKind.ADDRESS_REFUSALS:
        title = _("%(name)s was refused %(count)s times within ten minutes.") % facts
        text = _("People with an old link, or somebody who tries to get in.")
        return Notice("warning", title, text, f"{reverse('console:log')}?q={row.remote_address}")
    if row.kind == AnomalyKind.BURST:
        title = _("Token “%(name)s”: %(count)s enrollments began within ten minutes.") % facts
        text = _("If this is no roll-out of yours, say on its page that the link leaked.")
    else:
        title = _("Token “%(name)s” was refused %(count)s times within ten minutes.") % facts
        text = _("If the link has leaked, revoke it on its page; if not, hand out another one.")
    return Notice("warning", title, text, reverse("console:token-page", args=[row.subject]))


def find_token_notices(now: datetime) -> list[Notice]:
    """Tell of tokens that will soon enroll nobody."""
    notices = []
    for token in list_ending_tokens(now=now)[:100]:
        for code in find_token_warnings(token, now=now):
            title = _("Token “%(name)s”: %(end)s.") % {
                "name": token.name,
                "end": _tell_end(token, code=code),
            }
            url = reverse("console:token-page", args=[token.jti])
            notices.append(Notice("warning", title, _("After that nobody enrolls with it."), url))
    return notices[:MOST_NOTICES]


def _tell_end(token: EnrollmentToken, *, code: str) -> str:
    if code == EXPIRING and token.expires_at is not None:
        return _("expires on %s") % date_format(localtime(token.expires_at), "DATETIME_FORMAT")
    left = token.max_uses - token.use_count
    return ngettext("%(left)s use is left", "%(left)s uses are left", left) % {"left": left}


def find_waiting_notices() -> list[Notice]:
    count = count_waiting()
    if not count:
        return []
    title = ngettext(
        "%(count)s enrollment waits for approval.",
        "%(count)s enrollments wait for approval.",
        count,
    ) % {"count": at_most_99(count)}
    text = _("The devices get their certificates once an administrator has approved them.")
    return [Notice("warning", title, text, reverse("console:held-requests"))]


def _tell_expiry(moment: datetime, *, now: datetime) -> str:
    days = (moment - now).days
    if days < 0:
        return _("has expired")
    return ngettext("expires in %(days)d day", "expires in %(days)d days", days) % {"days": days}
