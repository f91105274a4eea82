from django.urls import URLPattern, URLResolver, path, re_path

from devices import console, views
from devices.rest.bulk_commands import BulkCommandViewSet
from devices.rest.commands import CommandViewSet, DeviceCommandsViewSet
from devices.rest.devices import DeviceViewSet
from devices.rest.escrow import DeviceSecretsViewSet
from devices.rest.inventory import (
    DeviceApplicationsViewSet,
    DeviceCertificatesViewSet,
    InventoryView,
    ProfilesView,
)
from devices.rest.push_certificate import PushCertificateView
from organization.rest.routing import build_router

urlpatterns: list[URLPattern] = [
    path("mdm/checkin", views.checkin, name="mdm-checkin"),
    path("mdm/connect", views.connect, name="mdm-connect"),
]
console_urlpatterns: list[URLPattern] = console.console_urlpatterns
router = build_router()
router.register("devices", DeviceViewSet, basename="devices")
router.register("commands", CommandViewSet, basename="commands")
router.register("bulk-commands", BulkCommandViewSet, basename="bulk-commands")

OF_DEVICE = "^devices/(?P<id>dev_[a-z0-9]+)"

rest_urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    re_path(
        f"{OF_DEVICE}/commands$",
        DeviceCommandsViewSet.as_view({"get": "list", "post": "create"}),
        name="device-commands",
    ),
    re_path(
        f"{OF_DEVICE}/inventory$",
        InventoryView.as_view({"get": "retrieve"}),
        name="device-inventory",
    ),
    re_path(
        f"{OF_DEVICE}/apps$",
        DeviceApplicationsViewSet.as_view({"get": "list"}),
        name="device-apps",
    ),
    re_path(
        f"{OF_DEVICE}/certificates$",
        DeviceCertificatesViewSet.as_view({"get": "list"}),
        name="device-certificates",
    ),
    re_path(
        f"{OF_DEVICE}/profiles$",
        ProfilesView.as_view({"get": "retrieve"}),
        name="device-profiles",
    ),
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/commands/raw$",
        DeviceCommandsViewSet.as_view({"post": "create_raw"}),
        name="device-raw-commands",
    ),
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/secrets$",
        DeviceSecretsViewSet.as_view({"get": "list"}),
        name="device-secrets",
    ),
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/secrets/(?P<secret>sec_[a-z0-9]+)/reveal$",
        DeviceSecretsViewSet.as_view({"post": "reveal"}),
        name="device-secret-reveal",
    ),
    path(
        "push-certificate",
        PushCertificateView.as_view(
            {"get": "retrieve", "post": "create", "patch": "partial_update"}
        ),
        name="push-certificate",
    ),
    path(
        "push-certificate/csr",
        PushCertificateView.as_view({"post": "csr"}),
        name="push-certificate-csr",
    ),
    path(
        "push-certificate/request",
        PushCertificateView.as_view({"post": "sign"}),
        name="push-certificate-request",
    ),
]
