"""What devices tell of managed apps' configuration and feedback, with the moment they told it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from devices.models import Command, Enrollment, ManagedApplication
from devices.protocol.commands import build_managed_application_feedback
from devices.protocol.inventory import bound_facts
from devices.protocol.json_values import build_json_value
from devices.protocol.platform import MACOS
from devices.selectors import find_waiting_command
from devices.services.queue import enqueue

FEEDBACK = "ManagedApplicationFeedback"
CONFIGURATIONS = "ApplicationConfigurations"
LONGEST_IDENTIFIER = 255
MOST = 1000


def note_configurations(command: Command, answer: dict[str, Any], now: datetime) -> None:
    """Store what apps are configured with, sealed; it stands nowhere else."""
    listed = _list_entries(build_json_value(answer.get(CONFIGURATIONS)))
    rows = [
        ManagedApplication(
            enrollment=command.enrollment,
            identifier=identifier,
            configuration=_encode_configuration(entry.get("Configuration")),
            configuration_reported_at=now,
        )
        for identifier, entry in listed.items()
    ]
    _write(command, rows, fields=("configuration", "configuration_reported_at"))


def leave_out_configurations(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what of an answer is kept with its command, whoever gave it and however it went."""
    if CONFIGURATIONS not in answer:
        return answer
    listed = _list_entries(answer[CONFIGURATIONS])
    return answer | {CONFIGURATIONS: [{"Identifier": identifier} for identifier in listed]}


def _encode_configuration(told: Any) -> bytes | None:
    if not isinstance(told, dict) or not told:
        return None
    return json.dumps(bound_facts(told), indent=2, ensure_ascii=False).encode()


def note_feedback(command: Command, answer: dict[str, Any], now: datetime) -> None:
    """Store what apps have left for the organization."""
    listed = _list_entries(command.result.get(FEEDBACK))
    rows = [
        ManagedApplication(
            enrollment=command.enrollment,
            identifier=identifier,
            feedback=_find_feedback(entry),
            feedback_reported_at=now,
        )
        for identifier, entry in listed.items()
    ]
    _write(command, rows, fields=("feedback", "feedback_reported_at"))


def _find_feedback(entry: dict[str, Any]) -> dict[str, Any]:
    feedback = entry.get("Feedback")
    return bound_facts(feedback) if isinstance(feedback, dict) else {}


def _write(command: Command, rows: Sequence[ManagedApplication], *, fields: Sequence[str]) -> None:
    """Insert these rows, or update the fields of those that are there, in one statement.

    An enrollment has MOST at most: a device that names others each time must end somewhere.
    """
    known = ManagedApplication.objects.filter(enrollment=command.enrollment_id)
    identifiers = set(known.values_list("identifier", flat=True))
    room = MOST - len(identifiers)
    new = [row for row in rows if row.identifier not in identifiers][: max(room, 0)]
    ManagedApplication.objects.bulk_create(
        [*(row for row in rows if row.identifier in identifiers), *new],
        update_conflicts=True,
        unique_fields=("enrollment", "identifier"),
        update_fields=fields,
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
        for entry in entries[:MOST]
        if isinstance(entry, dict) and _is_fine(entry.get("Identifier"))
    }


def _is_fine(identifier: Any) -> bool:
    """Whether it can be stored, and sent back in a property list."""
    is_text = isinstance(identifier, str) and identifier.isprintable()
    return is_text and 0 < len(identifier) <= LONGEST_IDENTIFIER
