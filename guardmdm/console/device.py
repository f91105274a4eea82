"""One device's page: who it is, how it is, what it should have, what was asked of it."""

from dataclasses import replace
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from devices.models import (
    OPEN_STATES,
    Command,
    Device,
    DeviceStatus,
    Enrollment,
    ManagedApplication,
)
from devices.protocol.commands import COMMAND_TYPES, DeviceFacts
from devices.selectors import (
    find_subjects,
    get_device_facts,
    is_deletable,
    list_commands,
    list_enrollments,
    list_latest_secrets,
    list_status_reports,
    list_user_channels,
)
from devices.services.silence import describe_silence
from enrollment.models import EnrollmentSession, LogEntry
from enrollment.protocol.access_rights import list_refused_rights
from organization.console import role_required
from policies.models import ItemState, PolicyItem
from policies.selectors import ItemProgress, PolicyProgress, get_progress, list_item_statuses
from policies.services.installs import ITEM_ORIGIN
from scep.models import IssuedCertificate

SHOWN_COMMANDS, SHOWN_ENTRIES, SHOWN_ENROLLMENTS = 25, 25, 10
BUTTONS = ("DeviceLock", "EraseDevice")
# Whose items still move by themselves: a device that is gone is not asked about every 3 s.
LIVE_STATUSES = (DeviceStatus.PENDING, DeviceStatus.ENROLLED, DeviceStatus.MANAGED)
MOVING = (ItemState.PENDING, ItemState.INSTALLING, ItemState.REMOVING)


@role_required()
def show_device(request: HttpRequest, key: str) -> HttpResponse:
    """Answer with the page; htmx's polling gets its moving parts alone."""
    device = get_object_or_404(Device.objects.select_related("group"), public_id=key)
    partial = bool(request.htmx)  # type: ignore[attr-defined]
    context = {"device": device, "partial": partial} | _describe_progress(device)
    if not partial:
        context |= _describe_identity(device)
        context |= {
            "users": list_user_channels(device),
            "status_reports": list_status_reports(device),
        }
    template = "console/device/live.html" if partial else "console/device/device.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _describe_progress(device: Device) -> dict[str, Any]:
    policies = list_item_statuses(device)
    failures = find_failures(device)
    commands = list(list_commands(device)[:SHOWN_COMMANDS])
    return {
        "progress": get_progress(device),
        "policies": [
            {"policy": part.policy, "items": _describe_items(part, failures=failures)}
            for part in policies
        ],
        "commands": _name_subjects(commands, policies=policies),
        "timeline": list_timeline(device),
        "is_moving": is_moving(device, policies=policies, commands=commands),
    }


def _name_subjects(
    commands: list[Command], *, policies: list[PolicyProgress]
) -> list[tuple[Command, str]]:
    """Put beside each command what it is about: the policy's item, or what its body says."""
    items = {
        f"{ITEM_ORIGIN}{row.item.public_id}": row.name
        for part in policies
        for row in part.items
        if row.item
    }
    subjects = find_subjects(row for row in commands if row.origin not in items)
    # What is removed goes by its identifier alone, and a profile's says nothing to people.
    removed = PolicyItem.objects.filter(profile_identifier__in=set(subjects.values()))
    names = dict(removed.values_list("profile_identifier", "name")) if subjects else {}
    told = {key: names.get(text, text) for key, text in subjects.items()}
    return [(row, items.get(row.origin) or told.get(row.pk, "")) for row in commands]


def _describe_items(part: PolicyProgress, *, failures: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "item": row.item,
            "name": row.name,
            "kind": row.kind,
            "state": row.state,
            "label": ItemState(row.state).label,
            "error": row.error,
            "status": row.status,
            "has_failed": row.state == ItemState.FAILED or _is_stuck(row),
            "log_entry": failures.get(row.item.public_id) if row.item else None,
        }
        for row in part.items
    ]


def _is_stuck(row: ItemProgress) -> bool:
    """Whether a device refuses to part with it."""
    return row.state == ItemState.REMOVING and bool(row.error)


def _describe_identity(device: Device) -> dict[str, Any]:
    enrollment = Enrollment.objects.filter(device=device).first()
    session = certificate = None
    if enrollment:
        sessions = EnrollmentSession.objects.select_related("token")
        session = sessions.filter(public_id=enrollment.session_id).first()
        certificates = IssuedCertificate.objects.select_related("issuer")
        certificate = certificates.filter(fingerprint=enrollment.certificate_sha256).first()
    return {
        "enrollment": enrollment,
        "silence": describe_silence(enrollment) if enrollment else None,
        "session": session,
        "certificate": certificate,
        "is_deletable": is_deletable(device),
        **_describe_rights(device, enrollment=enrollment),
        "secrets": list(list_latest_secrets(device)),
        "managed_applications": ManagedApplication.objects.filter(enrollment=enrollment),
        "earlier": _describe_earlier(device),
    }


def _describe_earlier(device: Device) -> list[dict[str, Any]]:
    """Describe the enrollments before the newest one: when, by which token, what became of it."""
    rows = list(list_enrollments(device)[: SHOWN_ENROLLMENTS + 1])[1:]
    if not rows:
        return []
    sessions = EnrollmentSession.objects.select_related("token").in_bulk(
        [row.session_id for row in rows], field_name="public_id"
    )
    certificates = IssuedCertificate.objects.in_bulk(
        [row.certificate_sha256 for row in rows], field_name="fingerprint"
    )
    return [
        {
            "enrollment": row,
            "session": sessions.get(row.session_id),
            "certificate": certificates.get(row.certificate_sha256),
        }
        for row in rows
    ]


def _describe_rights(device: Device, *, enrollment: Enrollment | None) -> dict[str, Any]:
    """Describe what its profile did not ask for, in the enrollment page's words, and what else
    keeps it from obeying the commands that have a button of their own."""
    facts = get_device_facts(device, enrollment=enrollment)
    rights = facts.access_rights
    refused = [] if rights is None else list_refused_rights(rights)
    others = _find_refusals(replace(facts, access_rights=None))
    return {
        "refusals": _find_refusals(facts),
        "refused_rights": [gettext(right.text) for right in refused],
        "obstacles": {COMMAND_TYPES[name].title: reason for name, reason in others.items()},
    }


def _find_refusals(facts: DeviceFacts) -> dict[str, str]:
    """Return why a device would refuse the commands of BUTTONS, if it would."""
    reasons = {name: COMMAND_TYPES[name].find_refusal(facts) for name in BUTTONS}
    return {name: reason for name, reason in reasons.items() if reason}


def is_moving(device: Device, *, policies: list[PolicyProgress], commands: list[Command]) -> bool:
    """Say whether the page may look different in a few seconds without anybody's doing."""
    if device.status not in LIVE_STATUSES:
        return False
    waiting = any(item.state in MOVING for policy in policies for item in policy.items)
    is_open = any(command.state in OPEN_STATES for command in commands)
    return waiting or is_open or device.status == DeviceStatus.PENDING


def list_timeline(device: Device) -> list[LogEntry]:
    """Return what the log says of the device's newest enrollment and since, oldest first."""
    enrollment = Enrollment.objects.filter(device=device).only("session_id").first()
    about = Q(device_id=device.public_id)
    if enrollment and enrollment.session_id:
        about |= Q(session_id=enrollment.session_id)
    return list(LogEntry.objects.filter(about)[:SHOWN_ENTRIES])[::-1]


def find_failures(device: Device) -> dict[str, str]:
    """Return the newest log entry (public id) of each item's failure, by the item's public id."""
    rows = LogEntry.objects.filter(device_id=device.public_id, code="policy_item_failed")
    return {str(entry.detail.get("item", "")): entry.public_id for entry in reversed(rows[:100])}
