from django.urls import URLPattern, URLResolver, path, re_path

from devices import console, views
from devices.rest.bulk_commands import BulkCommandViewSet
from devices.rest.commands import CommandViewSet, DeviceCommandsViewSet
from devices.rest.devices import DeviceViewSet
from devices.rest.escrow import DeviceSecretsViewSet
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

rest_urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    re_path(
        "^devices/(?P<id>dev_[a-z0-9]+)/commands$",
        DeviceCommandsViewSet.as_view({"get": "list", "post": "create"}),
        name="device-commands",
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
        PushCertificateView.as_view({"get": "retrieve"}),
        name="push-certificate",
    ),
]
