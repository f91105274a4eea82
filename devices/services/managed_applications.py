"""What devices tell of managed apps' configuration and feedback, with the moment they told it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from devices.models import Command, Enrollment, ManagedApplication
from devices.protocol.commands import build_managed_application_feedback
from devices.protocol.platform import MACOS
from devices.selectors import find_waiting_command
from devices.services.queue import enqueue

FEEDBACK = "ManagedApplicationFeedback"
CONFIGURATIONS = "ApplicationConfigurations"
LONGEST_IDENTIFIER = 255


def note_configurations(command: Command, answer: dict[str, Any], now: datetime) -> None:
    """Store what apps are configured with, sealed; it stands nowhere else."""
    listed = _list_entries(command.result.get(CONFIGURATIONS))
    for identifier, entry in listed.items():
        found = entry.get("Configuration")
        configuration = found if isinstance(found, dict) else {}
        ManagedApplication.objects.update_or_create(
            enrollment=command.enrollment,
            identifier=identifier,
            defaults={
                "configuration": _encode(configuration) if configuration else None,
                "configuration_reported_at": now,
            },
        )
    command.result = {CONFIGURATIONS: [{"Identifier": identifier} for identifier in listed]}
    Command.objects.filter(pk=command.pk).update(result=command.result)


def _encode(configuration: dict[str, Any]) -> bytes:
    return json.dumps(configuration, indent=2, ensure_ascii=False).encode()


def note_feedback(command: Command, answer: dict[str, Any], now: datetime) -> None:
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
        if isinstance(facts, dict) and facts.get("HasFeedback") is True and _is_fine(identifier)
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
        if isinstance(entry, dict) and _is_fine(entry.get("Identifier"))
    }


def _is_fine(identifier: Any) -> bool:
    """Whether it can be stored, and sent back in a property list."""
    is_text = isinstance(identifier, str) and identifier.isprintable()
    return is_text and 0 < len(identifier) <= LONGEST_IDENTIFIER
