"""Administrators' doors: Enrollment › OTA and Enrollment › Log with its sessions."""

from django.urls import URLPattern

from enrollment.console import (
    approvals,
    handout,
    invitations,
    kiosks,
    log,
    sessions,
    stop,
    token_page,
    tokens,
)

console_urlpatterns: list[URLPattern] = [
    *tokens.urlpatterns,
    *token_page.urlpatterns,
    *handout.urlpatterns,
    *kiosks.urlpatterns,
    *invitations.urlpatterns,
    *approvals.urlpatterns,
    *stop.urlpatterns,
    *log.urlpatterns,
    *sessions.urlpatterns,
]
