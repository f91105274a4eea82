"""What an acknowledged command teaches about its device: a table of handlers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from devices.models import Command, Device, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.platform import OTHER, get_platform
from devices.selectors import find_enrollment_profile, get_command_body
from devices.services.erase import finish_erase
from devices.services.managed_applications import (
    ask_for_feedback,
    note_configurations,
    note_feedback,
)
from devices.services.removal import end_enrollment
from devices.services.status import set_status
from devices.services.warnings import flag_shared_serial
from devices.signals import applications_reported, profiles_reported

PROFILE_REMOVED = "The enrollment profile was removed."
LONGEST = {field.name: field.max_length or 0 for field in Device._meta.local_fields}
FIELDS_BY_QUERY = {
    "DeviceName": "name",
    "OSVersion": "os_version",
    "BuildVersion": "build_version",
    "Model": "model",
    "ModelName": "model_name",
    "ProductName": "product_name",
    "SerialNumber": "serial_number",
}


def apply_answer(command: Command, *, now: datetime) -> None:
    """Write the facts of a finished command; commands that teach nothing are not listed."""
    handler = HANDLERS.get(command.request_type)
    if handler is not None:
        handler(command, now)


def _device_information(command: Command, now: datetime) -> None:
    enrollment = command.enrollment
    responses = command.result.get("QueryResponses")
    if isinstance(responses, dict):
        write_facts(enrollment.device, facts=responses)
        flag_shared_serial(enrollment.device)
        Device.objects.filter(pk=enrollment.device_id).update(information=responses)


def write_facts(device: Device, *, facts: dict[str, Any]) -> None:
    """Bring the device's columns up to date from Apple's names; absent ones stay."""
    changes: dict[str, str] = {}
    for query, column in FIELDS_BY_QUERY.items():
        value = facts.get(query)
        if isinstance(value, str) and value:
            changes[column] = value[: LONGEST[column]]
    for column, value in changes.items():
        setattr(device, column, value)
    platform = get_platform(device.product_name, device.model_name, device.model)
    if platform != OTHER:
        device.platform = changes["platform"] = platform
    if changes:
        Device.objects.filter(pk=device.pk).update(**changes)


def _security_info(command: Command, now: datetime) -> None:
    security = command.result.get("SecurityInfo")
    if isinstance(security, dict):
        Device.objects.filter(pk=command.enrollment.device_id).update(security=security)


def _profile_list(command: Command, now: datetime) -> None:
    enrollment, profiles = command.enrollment, command.result.get("ProfileList")
    if not isinstance(profiles, list):
        return
    enrollment.reported_profiles = [
        _summarise(profile) for profile in profiles if isinstance(profile, dict)
    ]
    enrollment.profiles_reported_at = now
    enrollment.save(update_fields=["reported_profiles", "profiles_reported_at", "updated_at"])
    profiles_reported.send(Enrollment, enrollment=enrollment)


def _summarise(profile: dict[str, Any]) -> dict[str, Any]:
    """Keep the profile's own keys, and of its payloads the type and identifier."""
    kept = {k: v for k, v in profile.items() if k not in ("PayloadContent", "SignerCertificates")}
    payloads = profile.get("PayloadContent")
    kept["PayloadContent"] = [
        {key: payload.get(key, "") for key in ("PayloadType", "PayloadIdentifier")}
        for payload in (payloads if isinstance(payloads, list) else [])
        if isinstance(payload, dict)
    ]
    return kept


def _managed_application_list(command: Command, now: datetime) -> None:
    enrollment, applications = command.enrollment, command.result.get("ManagedApplicationList")
    if not isinstance(applications, dict):
        return
    asked = get_command_body(command).get("Identifiers")
    known = enrollment.reported_applications if asked else {}
    others = {key: value for key, value in known.items() if key not in (asked or ())}
    enrollment.reported_applications = others | applications
    enrollment.applications_reported_at = now
    fields = ["reported_applications", "applications_reported_at", "updated_at"]
    enrollment.save(update_fields=fields)
    ask_for_feedback(enrollment, applications=applications)
    applications_reported.send(Enrollment, enrollment=enrollment)


def _remove_profile(command: Command, now: datetime) -> None:
    """Without the profile that enrolled it the device is gone; a CheckOut may never come."""
    removed = get_command_body(command).get("Identifier")
    if removed == find_enrollment_profile(command.enrollment):
        end_enrollment(command.enrollment, state=EnrollmentState.REMOVED, now=now)
        device = command.enrollment.device
        if device.status != DeviceStatus.UNENROLLED:
            set_status(device, status=DeviceStatus.UNENROLLED, reason=PROFILE_REMOVED)


HANDLERS: dict[str, Callable[[Command, datetime], None]] = {
    "DeviceInformation": _device_information,
    "SecurityInfo": _security_info,
    "ProfileList": _profile_list,
    "RemoveProfile": _remove_profile,
    "ManagedApplicationList": _managed_application_list,
    "ManagedApplicationConfiguration": note_configurations,
    "ManagedApplicationFeedback": note_feedback,
    "EraseDevice": finish_erase,
}
