"""Administrators' doors: Devices, Groups, System › Push certificate."""

from django.urls import URLPattern

from devices.console import devices, push_certificate

STATUS_ORDER = devices.STATUS_ORDER
console_urlpatterns: list[URLPattern] = [
    *devices.console_urlpatterns,
    *push_certificate.console_urlpatterns,
]
