"""The devices that a group's policies reach."""

from collections.abc import Collection

from devices.models import Device, Enrollment, EnrollmentState


def list_group_devices(group_id: int, *, after: int, count: int) -> list[int]:
    """Return the keys of the group's next devices, at most `count`, in their order."""
    devices = Device.objects.filter(group=group_id, pk__gt=after).order_by("pk")
    return list(devices.values_list("pk", flat=True)[:count])


def list_live_enrollments(devices: Collection[int]) -> list[int]:
    """Return the keys of their live enrollments."""
    live = Enrollment.objects.filter(state=EnrollmentState.LIVE, device__in=devices)
    return list(live.order_by("pk").values_list("pk", flat=True))
