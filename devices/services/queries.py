"""The questions that every enrolled device is asked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from devices.models import OPEN_STATES, Command, Device, Enrollment
from devices.protocol.commands import (
    COMMAND_TYPES,
    DeviceFacts,
    build_certificate_list,
    build_device_information,
    build_installed_application_list,
    build_managed_application_list,
    build_profile_list,
    build_security_info,
    build_user_list,
)
from devices.protocol.commands.requirements import find_version_refusal, get_system
from devices.protocol.commands.table import Body
from devices.protocol.platform import MACOS
from devices.selectors import is_asked_for_everything
from devices.services.queue import enqueue_together

# A set of facts, by its name in URLs, and the question that it answers.
QUESTIONS: Mapping[str, Callable[[Device], Body]] = {
    "information": lambda device: build_device_information(facts=get_system_facts(device)),
    "security": lambda device: build_security_info(),
    "profiles": lambda device: build_profile_list(),
    "apps": lambda device: build_installed_application_list(
        managed_apps_only=not is_asked_for_everything(device)
    ),
    "certificates": lambda device: build_certificate_list(
        managed_only=not is_asked_for_everything(device)
    ),
    "users": lambda device: build_user_list(),
    "managed_apps": lambda device: build_managed_application_list(),
}
FACT_SETS = ("information", "security", "apps", "profiles", "certificates", "users")
"""Those that have a page of their own."""
REQUEST_TYPES = {
    "information": "DeviceInformation",
    "security": "SecurityInfo",
    "profiles": "ProfileList",
    "apps": "InstalledApplicationList",
    "certificates": "CertificateList",
    "users": "UserList",
    "managed_apps": "ManagedApplicationList",
}


def get_system_facts(device: Device) -> DeviceFacts:
    """Return what decides which commands and keys a device's system knows."""
    return DeviceFacts(
        platform=device.platform,
        os_version=device.os_version,
        is_user_enrollment=device.is_user_enrollment,
    )


def queue_queries(enrollment: Enrollment, *, origin: str = "", priority: int = 0) -> list[Command]:
    """Ask for facts, security and profiles, each unless it is already on its way.

    The managed apps are asked for again where a policy has asked before.
    """
    names = ["information", "security", "profiles"]
    if enrollment.applications_reported_at is not None:
        names.append("managed_apps")
    return queue_questions(enrollment, names=names, origin=origin, priority=priority)


def queue_details(enrollment: Enrollment, *, after: Command) -> list[Command]:
    """Ask for apps, certificates and users, once the device has said whose it is.

    `after`: the DeviceInformation that has just been answered; who asked for that asks on.
    """
    device = enrollment.device
    names = ["apps", "certificates"]
    if device.platform == MACOS and device.is_supervised:
        names.append("users")
    return queue_questions(
        enrollment,
        names=names,
        origin=after.origin,
        priority=after.priority,
        is_connected=True,
    )


def queue_questions(
    enrollment: Enrollment,
    *,
    names: Iterable[str],
    origin: str = "",
    priority: int = 0,
    is_connected: bool = False,
) -> list[Command]:
    """Queue these of QUESTIONS, but none that is already on its way or that has no right to ask."""
    waiting = set(
        Command.objects.filter(enrollment=enrollment, state__in=OPEN_STATES)
        .order_by()
        .values_list("request_type", flat=True)
    )
    asked = [
        QUESTIONS[name](enrollment.device)
        for name in names
        if REQUEST_TYPES[name] not in waiting and not find_right_refusal(enrollment, name=name)
    ]
    return enqueue_together(
        enrollment, commands=asked, origin=origin, priority=priority, is_connected=is_connected
    )


def find_right_refusal(enrollment: Enrollment, *, name: str) -> str:
    """Return why the device is not asked, such as a right that its enrollment did not bring, or "".

    A system that is too old for the question is not asked either. What is not known of a device
    refuses nothing. DeviceInformation needs no right: Apple asks one for each of its queries, and
    the device leaves out what it may not tell.
    """
    facts = replace(get_system_facts(enrollment.device), access_rights=enrollment.access_rights)
    refusal = COMMAND_TYPES[REQUEST_TYPES[name]].find_refusal(facts)
    return refusal or _find_whole_list(enrollment.device, name=name)


def _find_whole_list(device: Device, *, name: str) -> str:
    """Return why a list would hold what a person has installed on their own device, or "".

    Older systems do not know the key that leaves that out, and would list everything.
    """
    kind = COMMAND_TYPES[REQUEST_TYPES[name]]
    if name not in ("apps", "certificates") or is_asked_for_everything(device):
        return ""
    since = next(each.on for each in kind.parameters if each.name == "managed_only")
    version = since.get(get_system(device.platform)) or ""
    refusal = find_version_refusal(version, get_system_facts(device))
    return f"to list only what came from here {refusal}" if refusal else ""


def forget_answers(enrollment: Enrollment, *, origin: str) -> None:
    """Delete the questions of this origin that are over: their answers stand as facts."""
    over = Command.objects.filter(enrollment=enrollment, origin=origin)
    over.exclude(state__in=OPEN_STATES).delete()
