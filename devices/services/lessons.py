"""What an acknowledged command teaches about its device: a table of handlers.

A handler gets the command and the answer as the device gave it: bytes are bytes, secrets are
not withheld yet. What it stores is bounded by devices.protocol.inventory.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from devices.models import Command, Device, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.inventory import (
    Application,
    bound_facts,
    build_version_number,
    decode_applications,
    decode_information,
    decode_profiles,
    decode_security,
    decode_users,
    list_certificates,
    read_text,
)
from devices.protocol.platform import MACOS, OTHER, get_platform
from devices.selectors import (
    find_enrollment_profile,
    get_command_body,
    is_asked_for_everything,
)
from devices.services.device_certificates import replace_certificates
from devices.services.erase import finish_erase
from devices.services.managed_applications import (
    ask_for_feedback,
    leave_out_configurations,
    note_configurations,
    note_feedback,
)
from devices.services.queries import queue_details
from devices.services.removal import end_enrollment
from devices.services.software import learn_applications, replace_applications
from devices.services.status import set_status
from devices.services.warnings import flag_shared_serial
from devices.signals import applications_reported, profiles_reported
from organization.models import update_row

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


Answer = dict[str, Any]
Applications = dict[str, Application]
# Lists that have tables of their own; a copy in each command would be the larger part of a
# database of 100,000 devices.
APPS = "InstalledApplicationList"
LISTS = frozenset({APPS, "CertificateList", "Users"})
# The keys that the handlers of questions read.
SUBJECTS = {
    "DeviceInformation": "QueryResponses",
    "SecurityInfo": "SecurityInfo",
    "ProfileList": "ProfileList",
    "ManagedApplicationList": "ManagedApplicationList",
    "InstalledApplicationList": "InstalledApplicationList",
    "CertificateList": "CertificateList",
    "UserList": "Users",
}
MOST_APPLICATIONS, LONGEST_APPLICATION = 1000, 4096
MOST_CHARACTERS = 1024 * 1024  # of all managed apps together


def is_lesson(command: Command, *, answer: Answer) -> bool:
    """Whether an answer of this command's device teaches something of it."""
    kind = command.request_type
    return kind in HANDLERS and (kind not in SUBJECTS or SUBJECTS[kind] in answer)


def read_lesson(command: Command, *, answer: Answer) -> Any:
    """Return what apply_lesson takes: the answer, or what was made of it before rows are locked."""
    read = READERS.get(command.request_type)
    return read(command, answer) if read else answer


def apply_lesson(command: Command, *, lesson: Any, now: datetime) -> None:
    """Write the facts of a finished command whose answer is a lesson."""
    HANDLERS[command.request_type](command, lesson, now)


def leave_out_lists(command: Command, answer: Answer) -> Answer:
    """Return what of an answer is kept with its command; of apps, those asked for by name."""
    answer = leave_out_configurations(answer)
    if LISTS.isdisjoint(answer):
        return answer
    kept = {key: value for key, value in answer.items() if key not in LISTS}
    if command.request_type != APPS or not isinstance(answer.get(APPS), list):
        return kept
    asked = get_command_body(command).get("Identifiers")
    if not isinstance(asked, list):
        return kept
    return kept | {APPS: [entry for entry in answer[APPS] if _find_identifier(entry) in asked]}


def _find_identifier(entry: Any) -> Any:
    return entry.get("Identifier") if isinstance(entry, dict) else None


def _device_information(command: Command, answer: Answer, now: datetime) -> None:
    enrollment, responses = command.enrollment, command.result.get("QueryResponses")
    if not isinstance(responses, dict):
        return
    device = enrollment.device
    write_facts(device, facts=responses)
    flag_shared_serial(device)
    facts = bound_facts(responses)
    earlier = {key: fact for key, fact in device.information.items() if key not in facts}
    _write(
        device,
        information=bound_facts(facts | earlier),
        information_reported_at=now,
        **decode_information(responses),
    )
    queue_details(enrollment, after=command)


def write_facts(device: Device, *, facts: dict[str, Any], **others: Any) -> None:
    """Bring the device's columns up to date from Apple's names, and `others`; absent ones stay."""
    changes: dict[str, Any] = dict(others)
    for query, column in FIELDS_BY_QUERY.items():
        value = read_text(facts, query, longest=LONGEST[column])
        if value:
            changes[column] = value
    if "os_version" in changes:
        changes["os_version_number"] = build_version_number(changes["os_version"])
    for column, value in changes.items():
        setattr(device, column, value)
    platform = get_platform(device.product_name, device.model_name, device.model)
    if platform != OTHER:
        changes["platform"] = platform
    if changes:
        _write(device, **changes)


def _write(device: Device, **changes: Any) -> None:
    """Write these columns, and nothing else of the row."""
    for column, value in changes.items():
        setattr(device, column, value)
    Device.objects.filter(pk=device.pk).update(**changes)


def _security_info(command: Command, answer: Answer, now: datetime) -> None:
    security = command.result.get("SecurityInfo")
    if isinstance(security, dict):
        _write(
            command.enrollment.device,
            security=bound_facts(security),
            security_reported_at=now,
            **decode_security(security),
        )


def _read_applications(command: Command, answer: Answer) -> Applications | None:
    """Return the apps by digest; None of a list that is not kept, of which no name is stored."""
    device = Device.objects.select_related("group").get(pk=command.device_id)
    if not _is_kept(command, device=device):
        return None
    listed = decode_applications(answer["InstalledApplicationList"])
    learn_applications(listed)
    return listed


def _is_kept(command: Command, *, device: Device) -> bool:
    """A list that was narrowed, or that asked for more than the group allows, is not."""
    body = get_command_body(command)
    is_everything = not body.get("ManagedAppsOnly", False)
    is_narrowed = "Identifiers" in body or "Items" in body
    return not is_narrowed and is_everything == is_asked_for_everything(device)


def _installed_application_list(
    command: Command, listed: Applications | None, now: datetime
) -> None:
    device = command.enrollment.device
    if listed is not None and _is_kept(command, device=device):  # the group may be another now
        replace_applications(device, listed)
        _write(device, applications_reported_at=now)
        if device.platform == MACOS:  # of the others' apps the managed ones are listed apart
            applications_reported.send(Enrollment, enrollment=command.enrollment)


def _certificate_list(command: Command, answer: Answer, now: datetime) -> None:
    device = command.enrollment.device
    is_everything = not get_command_body(command).get("ManagedOnly", False)
    if is_everything == is_asked_for_everything(device):
        replace_certificates(device, list_certificates(answer["CertificateList"]))
        _write(device, certificates_reported_at=now)


def _user_list(command: Command, answer: Answer, now: datetime) -> None:
    device = command.enrollment.device
    _write(device, users=decode_users(answer["Users"]), users_reported_at=now)


def _profile_list(command: Command, answer: Answer, now: datetime) -> None:
    enrollment, profiles = command.enrollment, command.result.get("ProfileList")
    if not isinstance(profiles, list) or get_command_body(command).get("ManagedOnly"):
        return  # an administrator's own question; the enrollment's profile may not be among them
    enrollment.reported_profiles = decode_profiles(profiles)
    enrollment.profiles_reported_at = now
    fields = ("reported_profiles", "profiles_reported_at", "updated_at")
    update_row(enrollment, fields=fields)
    profiles_reported.send(Enrollment, enrollment=enrollment)


def _managed_application_list(command: Command, answer: Answer, now: datetime) -> None:
    enrollment, applications = command.enrollment, command.result.get("ManagedApplicationList")
    if not isinstance(applications, dict):
        return
    applications = _bound_applications(applications)
    asked = get_command_body(command).get("Identifiers")
    # In an administrator's own command it may be anything; the device has then listed them all.
    asked = asked if isinstance(asked, list) else []
    known = enrollment.reported_applications if asked else {}
    told = {*applications, *(key for key in asked if isinstance(key, str))}
    others = {key: facts for key, facts in known.items() if key not in told}
    enrollment.reported_applications = _bound_applications(applications | others)
    enrollment.applications_reported_at = now
    fields = ("reported_applications", "applications_reported_at", "updated_at")
    update_row(enrollment, fields=fields)
    ask_for_feedback(enrollment, applications=applications)
    applications_reported.send(Enrollment, enrollment=enrollment)


def _bound_applications(applications: dict[str, Any]) -> dict[str, Any]:
    return bound_facts(
        applications,
        most=MOST_APPLICATIONS,
        longest=LONGEST_APPLICATION,
        together=MOST_CHARACTERS,
    )


def _remove_profile(command: Command, answer: Answer, now: datetime) -> None:
    """Without the profile that enrolled it the device is gone; a CheckOut may never come."""
    removed = get_command_body(command).get("Identifier")
    if removed and removed == find_enrollment_profile(command.enrollment):
        end_enrollment(command.enrollment, state=EnrollmentState.REMOVED, now=now)
        device = command.enrollment.device
        if device.status != DeviceStatus.UNENROLLED:
            set_status(device, status=DeviceStatus.UNENROLLED, reason=PROFILE_REMOVED)


READERS: dict[str, Callable[[Command, Answer], Any]] = {
    "InstalledApplicationList": _read_applications,
}
HANDLERS: dict[str, Callable[[Command, Any, datetime], None]] = {
    "DeviceInformation": _device_information,
    "SecurityInfo": _security_info,
    "ProfileList": _profile_list,
    "RemoveProfile": _remove_profile,
    "ManagedApplicationList": _managed_application_list,
    "InstalledApplicationList": _installed_application_list,
    "CertificateList": _certificate_list,
    "UserList": _user_list,
    "ManagedApplicationConfiguration": note_configurations,
    "ManagedApplicationFeedback": note_feedback,
    "EraseDevice": finish_erase,
}
# Whatever their answer says, it is a lesson.
ALWAYS_LESSONS = HANDLERS.keys() - SUBJECTS.keys()
