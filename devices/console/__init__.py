"""Administrators' doors: Devices, their commands, Groups, System › Push certificate."""

from django.urls import URLPattern

from devices.console import devices, push_certificate
from devices.console.bulk_commands import bulk_urlpatterns
from devices.console.bulk_progress import progress_urlpatterns
from devices.console.commands import command_urlpatterns
from devices.console.device_list import STATUS_ORDER, list_urlpatterns
from devices.console.groups import group_urlpatterns
from devices.console.selection import selection_urlpatterns

__all__ = ["STATUS_ORDER", "console_urlpatterns"]
console_urlpatterns: list[URLPattern] = [
    *list_urlpatterns,
    *devices.console_urlpatterns,
    *group_urlpatterns,
    *command_urlpatterns,
    *bulk_urlpatterns,
    *progress_urlpatterns,
    *selection_urlpatterns,
    *push_certificate.console_urlpatterns,
]
