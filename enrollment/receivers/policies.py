"""What policies bring to devices: in the log, and a device that has all of it on its session."""

from typing import Any

from django.dispatch import receiver

from devices.models import Device, Enrollment
from enrollment.protocol.funnel.steps import StepKind
from enrollment.receivers.entries import record_now, write_device_entry
from policies import signals as policies
from policies.models import ItemStatus


@receiver(policies.policies_applied)
def log_policies(enrollment: Enrollment, queued: int, **_: Any) -> None:
    if queued:
        write_device_entry(
            "policies_queued",
            enrollment,
            message=f"{queued} policy command{'' if queued == 1 else 's'} queued",
            detail={"queued": queued},
        )


@receiver(policies.item_installed)
def log_item_installed(status: ItemStatus, **_: Any) -> None:
    write_device_entry("item_installed", status.enrollment, message=f"{status.name}: installed")


@receiver(policies.item_failed)
def log_item_failed(status: ItemStatus, message: str, **_: Any) -> None:
    item = status.find_item()
    write_device_entry(
        "policy_item_failed",
        status.enrollment,
        message=f"{status.name}: {message}",
        detail={"item": item.public_id if item else "", "kind": status.kind},
    )


@receiver(policies.device_managed)
def log_managed(device: Device, **_: Any) -> None:
    enrollment = device.enrollments.order_by("id").last()
    if enrollment is not None:
        record_now(enrollment.session_id, StepKind.ITEMS_APPLIED)
        write_device_entry("device_managed", enrollment)
