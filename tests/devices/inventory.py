"""What devices have, put into the database as their answers put it there."""

from typing import Any

from django.utils import timezone

from devices.models import Device, DeviceCertificate
from devices.protocol.inventory import Application
from devices.services.software import replace_applications


def make_application(identifier: str, **facts: Any) -> Application:
    values = {"name": identifier.rpartition(".")[2], "version": "100", "short_version": "1.0"}
    return Application(identifier=identifier, source="", **{**values, **facts})


def install(device: Device, *applications: Application | str) -> None:
    """Give the device exactly these apps (or bundle identifiers); its list was just reported."""
    apps = [app if isinstance(app, Application) else make_application(app) for app in applications]
    replace_applications(device, {app.digest: app for app in apps})
    device.applications_reported_at = timezone.now()
    device.save(update_fields=["applications_reported_at"])


def add_certificate(device: Device, number: int, **facts: Any) -> DeviceCertificate:
    values = {"common_name": f"Certificate {number}", "not_after": timezone.now()}
    return DeviceCertificate.objects.create(
        device=device, sha256=f"{number:064x}", **{**values, **facts}
    )
