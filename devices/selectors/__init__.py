"""Reads that more than one door needs: of devices, their enrollments, commands and counts."""

from devices.selectors.bulk_commands import (
    FAILED,
    count_bulk_states,
    list_bulk_commands,
    list_failed_devices,
    list_refused_devices,
)
from devices.selectors.commands import (
    find_due_commands,
    find_subjects,
    find_waiting_command,
    get_command_body,
    list_commands,
    list_questions,
)
from devices.selectors.counts import (
    COUNTED_DAYS,
    count_devices_by_day,
    count_devices_by_group,
    count_devices_by_platform,
    count_devices_by_status,
    get_start_of_days,
)
from devices.selectors.devices import (
    filter_by_words,
    find_device_ids,
    get_device_facts,
    is_asked_for_everything,
    list_group_device_keys,
)
from devices.selectors.enrollments import (
    find_enrollment_profile,
    find_live_enrollment,
    find_pinned_enrollment,
    get_live_enrollment,
    is_deletable,
    list_enrollments,
    list_status_reports,
    list_user_channels,
)
from devices.selectors.escrowed_secrets import list_latest_secrets, list_secrets
from devices.selectors.push_certificate import (
    count_devices_beyond_topic,
    count_devices_on_topic,
    find_push_certificate,
    find_refusal,
    get_push_certificate,
    is_refused,
)

__all__ = [
    "COUNTED_DAYS",
    "FAILED",
    "count_bulk_states",
    "count_devices_beyond_topic",
    "count_devices_by_day",
    "count_devices_by_group",
    "count_devices_by_platform",
    "count_devices_by_status",
    "count_devices_on_topic",
    "filter_by_words",
    "find_device_ids",
    "find_due_commands",
    "find_enrollment_profile",
    "find_live_enrollment",
    "find_pinned_enrollment",
    "find_push_certificate",
    "find_refusal",
    "find_subjects",
    "find_waiting_command",
    "get_command_body",
    "get_device_facts",
    "get_live_enrollment",
    "get_push_certificate",
    "get_start_of_days",
    "is_asked_for_everything",
    "is_deletable",
    "is_refused",
    "list_bulk_commands",
    "list_commands",
    "list_enrollments",
    "list_failed_devices",
    "list_group_device_keys",
    "list_latest_secrets",
    "list_questions",
    "list_refused_devices",
    "list_secrets",
    "list_status_reports",
    "list_user_channels",
]
