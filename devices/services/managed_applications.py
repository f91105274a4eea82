"""What devices tell of managed apps' configuration and feedback, with the moment they told it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from devices.models import Command, Enrollment, ManagedApplication
from devices.protocol.commands import build_managed_application_feedback
from devices.protocol.platform import MACOS
from devices.protocol.plist import encode_plist
from devices.selectors import find_waiting_command
from devices.services.queue import enqueue

FEEDBACK = "ManagedApplicationFeedback"
CONFIGURATIONS = "ApplicationConfigurations"
LONGEST_IDENTIFIER = 255


def note_configurations(command: Command, now: datetime) -> None:
    """Store what apps are configured with, sealed; it stands nowhere else."""
    listed = _list_entries(command.result.get(CONFIGURATIONS))
    for identifier, entry in listed.items():
        found = entry.get("Configuration")
        configuration = found if isinstance(found, dict) else {}
        ManagedApplication.objects.update_or_create(
            enrollment=command.enrollment,
            identifier=identifier,
            defaults={
                "configuration": encode_plist(configuration) if configuration else None,
                "configuration_reported_at": now,
            },
        )
    command.result = {CONFIGURATIONS: [{"Identifier": identifier} for identifier in listed]}
    Command.objects.filter(pk=command.pk).update(result=command.result)


def note_feedback(command: Command, now: datetime) -> None:
    """Store what apps have left for the organization."""
    for identifier, entry in _list_entries(command.result.get(FEEDBACK)).items():
        feedback = entry.get("Feedback")
        ManagedApplication.objects.update_or_create(
            enrollment=command.enrollment,
            identifier=identifier,
            defaults={
                "feedback": feedback if isinstance(feedback, dict) else {},
                "feedback_reported_at": now,
            },
        )


def ask_for_feedback(enrollment: Enrollment, *, applications: Mapping[str, Any]) -> None:
    """Ask after the apps that say they have some, in an answer to ManagedApplicationList."""
    having = sorted(
        identifier
        for identifier, facts in applications.items()
        if isinstance(facts, dict) and facts.get("HasFeedback") is True
    )
    # A Mac's apps leave theirs to a user's channel.
    if not having or enrollment.device.platform == MACOS:
        return
    if find_waiting_command(enrollment, request_type=FEEDBACK) is None:
        enqueue(enrollment, command=build_managed_application_feedback(identifiers=having))


def _list_entries(value: Any) -> dict[str, dict[str, Any]]:
    entries = value if isinstance(value, list) else []
    return {
        entry["Identifier"]: entry
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("Identifier"), str)
        and 0 < len(entry["Identifier"]) <= LONGEST_IDENTIFIER
    }
