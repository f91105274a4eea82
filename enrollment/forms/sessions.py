"""The filters of enrollment sessions."""

from types import MappingProxyType

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.models import DeviceStatus
from devices.selectors import find_device_ids
from enrollment.models import EnrollmentSession, SessionState
from enrollment.selectors import list_absent
from organization.forms import ConsoleFilterSet, NewestSearch


class SessionSearch(NewestSearch):
    """By what the session knows, or the device that it brought: its name, numbers or owner."""

    identifiers = MappingProxyType({"ses": "public_id", "dev": "device_id"})

    def find_elsewhere(
        self, rows: "QuerySet[EnrollmentSession]", text: str
    ) -> "list[QuerySet[EnrollmentSession]]":
        devices = find_device_ids(text)
        return [rows.filter(device_id__in=devices)] if devices else []


class SessionFilter(ConsoleFilterSet):
    q = SessionSearch(
        "public_id",
        "device_id",
        "remote_address",
        "user_agent",
        "person_name",
        "person_email",
        "token__name",
        placeholder=_("Search session, device, address, person, token…"),
    )
    absent = django_filters.ChoiceFilter(
        label=_("Without a device"),
        choices=(
            ("all", _("Last 7 days")),
            (DeviceStatus.PENDING.value, DeviceStatus.PENDING.label),
            (DeviceStatus.NOT_MANAGED.value, DeviceStatus.NOT_MANAGED.label),
        ),
        method="filter_absent",
        empty_label=_("All"),
    )
    state = django_filters.ChoiceFilter(
        label=_("State"), choices=SessionState, empty_label=_("All")
    )

    class Meta:
        model = EnrollmentSession
        fields: tuple[str, ...] = ()

    def filter_absent(
        self, rows: "QuerySet[EnrollmentSession]", name: str, value: str
    ) -> "QuerySet[EnrollmentSession]":
        return list_absent(rows, now=timezone.now(), status="" if value == "all" else value)
