"""What stands between a new server and its first managed devices; the dashboard shows it until
all of it is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from devices.models import Device, Group, PushCertificateState
from devices.selectors import find_push_certificate, is_refused
from enrollment.models import TokenState
from enrollment.selectors import list_tokens
from guardmdm.examination import decode_findings, find_latest_finished
from guardmdm.health import Finding
from guardmdm.health.address import is_https
from guardmdm.heartbeat import STALE_AFTER
from guardmdm.models import Heart, Heartbeat
from organization.models import Role, may
from policies.models import PolicyItem

TOLD_ELSEWHERE = ("push certificate", "CA")


@dataclass(frozen=True)
class Task:
    """`url` leads to where it is done, "" for people who may not."""

    title: str
    text: str
    is_done: bool
    url: str = ""


def list_failures() -> list[Finding]:
    """Return what the doctor's last complete examination found, but for notices of their own."""
    findings = decode_findings(find_latest_finished())
    return [each for each in findings if each.is_failure and each.name not in TOLD_ELSEWHERE]


def list_tasks(user: Any, *, now: datetime) -> list[Task]:
    """Return the checklist; none where all is done, or where the person may do nothing of it."""
    if not may(user, Role.OPERATOR):
        return []
    tasks = list(_look_at_each(now=now, is_administrator=may(user, Role.ADMINISTRATOR)))
    return [] if all(task.is_done for task in tasks) else tasks


def _look_at_each(*, now: datetime, is_administrator: bool) -> Iterator[Task]:
    doctor = reverse("console:doctor") if is_administrator else ""
    push = reverse("console:push-certificate") if is_administrator else ""
    yield _look_at_address(doctor)
    yield Task(
        _("Workers and scheduler"),
        _("They push, apply policies and renew certificates: start them beside the web process."),
        _is_at_work(now),
        doctor,
    )
    yield Task(
        _("Apple push certificate"),
        _("Without it no device can enroll or be woken."),
        _can_push(now),
        push,
    )
    yield Task(
        _("Group"),
        _("Devices join one when they enroll."),
        Group.objects.exists(),
        reverse("console:groups"),
    )
    yield Task(
        _("Policy"),
        _("What a group’s devices get: a policy with an item, and a group that it is for."),
        PolicyItem.objects.filter(policy__groups__isnull=False).exists(),
        reverse("console:policies"),
    )
    yield Task(
        _("Enrollment token"),
        _("The link and the QR code that people open."),
        list_tokens(now=now, state=TokenState.ACTIVE).exists(),
        reverse("console:tokens"),
    )
    yield Task(
        _("First device"),
        _("Open an enrollment link on an iPhone, iPad or Mac and follow its steps."),
        Device.objects.filter(enrolled_at__isnull=False).exists(),
        reverse("console:devices"),
    )


def _look_at_address(url: str) -> Task:
    title = _("Address with HTTPS")
    if not is_https():
        text = _("%s is for this machine alone: devices need HTTPS. Set GUARDMDM_BASE_URL.")
        return Task(title, text % settings.BASE_URL, False, url)
    findings = {each.name: each for each in decode_findings(find_latest_finished())}
    looked_at = [findings.get("base URL"), findings.get("TLS certificate")]
    failure = next((each for each in looked_at if each and each.is_failure), None)
    if failure is not None:
        return Task(title, f"{failure.text}. {failure.fix}", False, url)
    text = _("Not examined yet: a worker does it within a minute.")
    return Task(title, text, None not in looked_at, url)


def _is_at_work(now: datetime) -> bool:
    beats = Heartbeat.objects.filter(beaten_at__gt=now - STALE_AFTER)
    return beats.count() == len(Heart)


def _can_push(now: datetime) -> bool:
    row = find_push_certificate()
    if row is None or row.not_after is None or is_refused(row):
        return False
    return row.get_state(now) != PushCertificateState.EXPIRED
