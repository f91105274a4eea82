"""Administrators' doors: Enrollment › OTA › Tokens and Enrollment › Log."""

from django.urls import URLPattern

from enrollment.console import handout, invitations, kiosks, log, stop, tokens

console_urlpatterns: list[URLPattern] = [
    *tokens.urlpatterns,
    *handout.urlpatterns,
    *kiosks.urlpatterns,
    *invitations.urlpatterns,
    *stop.urlpatterns,
    *log.urlpatterns,
]
