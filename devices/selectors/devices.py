"""Reads of devices: what one may be asked, and those that a search finds."""

from typing import Any

from django.db.models import Func, Q, QuerySet, TextField

from devices.models import Device, Enrollment, EnrollmentState, Group
from devices.protocol.commands import DeviceFacts

WORD_COLUMNS = (
    *("name", "serial_number", "udid", "owner", "owner_name", "model_name", "product_name"),
)
MOST_WORDS = 8  # of a search: each is looked for in all devices that have those before it
MOST_FOUND = 200  # of a search, from pages that show something else of devices


def is_asked_for_everything(device: Device) -> bool:
    """Whether its lists may hold what a person has installed, or only what this server has.

    Only a supervised device is the organization's for certain; of the others, the group's word
    counts. On a User Enrollment it never does.
    """
    if device.is_user_enrollment:
        return False
    return bool(device.is_supervised or (device.group and device.group.lists_all_apps))


def get_device_facts(device: Device, *, enrollment: Enrollment | None) -> DeviceFacts:
    """Return what is known of the device that decides which commands it can obey."""
    information, management = device.information, device.security.get("ManagementStatus")
    return DeviceFacts(
        platform=device.platform,
        os_version=device.os_version,
        is_supervised=_find_flag(information, "IsSupervised"),
        is_shared=_find_flag(information, "IsMultiUser"),
        is_automated=_find_flag(management, "EnrolledViaDEP"),
        is_apple_silicon=_find_flag(information, "IsAppleSilicon"),
        access_rights=enrollment.access_rights if enrollment else None,
        has_unlock_token=enrollment is None or enrollment.unlock_token is not None,
        is_user_enrollment=device.is_user_enrollment,
    )


def _find_flag(facts: Any, name: str) -> bool | None:
    value = facts.get(name) if isinstance(facts, dict) else None
    return value if isinstance(value, bool) else None


class DeviceWords(Func):
    """All that a device is searched by, as one text; a word holds no space, so none spans two.

    On PostgreSQL `icontains` of it is answered by the index `device_words` (docs/adr/0220).
    """

    template, arg_joiner = "(%(expressions)s)", " || ' ' || "
    output_field = TextField()

    def __init__(self, *columns: str, **options: Any) -> None:
        super().__init__(*(columns or WORD_COLUMNS), **options)


def filter_by_words(rows: QuerySet[Device], text: str) -> QuerySet[Device]:
    """Keep devices whose name, numbers, owner or model hold the text's first MOST_WORDS words."""
    found = Q()
    for word in text.split()[:MOST_WORDS]:
        found &= Q(words__icontains=word)
    return rows.alias(words=DeviceWords()).filter(found) if found else rows


def find_device_ids(text: str) -> list[str]:
    """Return the public ids of at most 200 devices that hold every word; none for no word."""
    if not text.strip():
        return []
    rows = filter_by_words(Device.objects.order_by(), text)
    return list(rows.values_list("public_id", flat=True)[:MOST_FOUND])


def list_group_device_keys(group: Group) -> list[int]:
    """Return the keys of the group's devices that commands can reach."""
    live = Enrollment.objects.filter(device__group=group, state=EnrollmentState.LIVE)
    return list(live.values_list("device_id", flat=True))
