"""Administrators' doors: Enrollment › OTA › Tokens and Enrollment › Log."""

from django.urls import URLPattern

from enrollment.console import invitations, log, stop, tokens

console_urlpatterns: list[URLPattern] = [
    *tokens.urlpatterns,
    *invitations.urlpatterns,
    *stop.urlpatterns,
    *log.urlpatterns,
]
