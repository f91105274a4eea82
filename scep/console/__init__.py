"""Administrators' doors: Enrollment › SCEP, and System › Certificates › Authorities."""

from django.urls import URLPattern

from scep.console import authorities, profiles

console_urlpatterns: list[URLPattern] = [
    *profiles.console_urlpatterns,
    *authorities.console_urlpatterns,
]
