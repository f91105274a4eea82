"""Pages of the console that speak of several apps at once: dashboard, device, certificates."""

from django.urls import URLPattern, path

from guardmdm.console import certificate, certificates, held_requests, inventory, software
from guardmdm.console.dashboard import show_dashboard
from guardmdm.console.device import show_device
from guardmdm.console.doctor import show_doctor
from guardmdm.console.search import search

console_urlpatterns: list[URLPattern] = [
    path("", show_dashboard, name="dashboard"),
    path("search", search, name="search"),
    path("devices/apps/", software.list_titles, name="software"),
    path("devices/apps/<str:key>", software.list_versions, name="software-title"),
    path("devices/<str:key>", show_device, name="device"),
    path("devices/<str:key>/information", inventory.show_information, name="device-information"),
    path("devices/<str:key>/security", inventory.show_security, name="device-security"),
    path("devices/<str:key>/apps", inventory.list_apps, name="device-apps"),
    path("devices/<str:key>/profiles", inventory.show_profiles, name="device-profiles"),
    path("devices/<str:key>/certificates", inventory.list_certificates, name="device-certificates"),
    path("devices/<str:key>/users", inventory.show_users, name="device-users"),
    path("system/doctor/", show_doctor, name="doctor"),
    path("system/certificates/", certificates.list_certificates, name="certificates"),
    path(
        "system/certificates/export.csv",
        certificates.export_certificates,
        name="certificates-export",
    ),
    path("system/certificates/issued/<str:key>", certificate.show_certificate, name="certificate"),
    path(
        "system/certificates/issued/<str:key>/certificate.pem",
        certificate.download_certificate,
        {"kind": "pem"},
        name="certificate-pem",
    ),
    path(
        "system/certificates/issued/<str:key>/certificate.cer",
        certificate.download_certificate,
        {"kind": "cer"},
        name="certificate-cer",
    ),
    path(
        "system/certificates/issued/<str:key>/revoke",
        certificate.revoke,
        name="certificate-revoke",
    ),
    path("system/certificates/requests/", held_requests.list_held_requests, name="held-requests"),
    path(
        "system/certificates/chosen-requests/approve",
        held_requests.approve_many,
        name="held-requests-approve",
    ),
    path(
        "system/certificates/chosen-requests/reject",
        held_requests.reject_many,
        name="held-requests-reject",
    ),
    path(
        "system/certificates/requests/<str:key>/approve",
        held_requests.approve,
        name="held-request-approve",
    ),
    path(
        "system/certificates/requests/<str:key>/reject",
        held_requests.reject,
        name="held-request-reject",
    ),
]
