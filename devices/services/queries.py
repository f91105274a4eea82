"""The questions that every enrolled device is asked."""

from devices.models import Command, Enrollment
from devices.protocol.commands import (
    build_device_information,
    build_profile_list,
    build_security_info,
)
from devices.services.queue import enqueue


def queue_queries(enrollment: Enrollment, *, origin: str = "") -> list[Command]:
    """Ask for facts, security and profiles; what is on its way already is not asked twice."""
    questions = (
        build_device_information(platform=enrollment.device.platform),
        build_security_info(),
        build_profile_list(),
    )
    return [enqueue(enrollment, command=question, origin=origin) for question in questions]
