"""Administrators' doors: Enrollment › OTA › Tokens Enrollment › Log and its sessions."""

from django.urls import URLPattern

from enrollment.console import handout, invitations, kiosks, log, sessions, stop, tokens

console_urlpatterns: list[URLPattern] = [
    *tokens.urlpatterns,
    *handout.urlpatterns,
    *kiosks.urlpatterns,
    *invitations.urlpatterns,
    *stop.urlpatterns,
    *log.urlpatterns,
    *sessions.urlpatterns,
]
