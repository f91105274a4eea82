"""What devices have: as they tell it, and put into the database as their answers put it there."""

from typing import Any

from django.utils import timezone

from devices.models import Device, DeviceCertificate
from devices.protocol.inventory import Application
from devices.services.queries import queue_questions
from devices.services.software import replace_applications
from tests.devices.mdm_device import MdmDevice

Answers = dict[str, dict[str, Any]]
MAC_SECURITY = {
    "FDE_Enabled": False,
    "FDE_HasPersonalRecoveryKey": True,
    "FDE_HasInstitutionalRecoveryKey": False,
    "FDE_PersonalRecoveryKeyCMS": b"sealed",
    "FirewallSettings": {"FirewallEnabled": True},
    "SecureBoot": {"SecureBootLevel": "full"},
    "SystemIntegrityProtectionEnabled": True,
}


def make_answers(*, supervised: bool = True, apps: Any = ()) -> Answers:
    return {
        "DeviceInformation": {"QueryResponses": {"IsSupervised": supervised, "OSVersion": "18.1"}},
        "SecurityInfo": {"SecurityInfo": MAC_SECURITY},
        "InstalledApplicationList": {"InstalledApplicationList": list(apps)},
        "CertificateList": {"CertificateList": []},
        "UserList": {"Users": [{"UserName": "ray", "UID": 501}]},
    }


def make_app(name: str, *, version: str = "1.0", **facts: Any) -> dict[str, Any]:
    return {"Identifier": f"com.example.{name}", "Name": name, "ShortVersion": version, **facts}


def list_apps(device: MdmDevice) -> dict[str, str]:
    rows = device.row.applications.select_related("version__title")
    return {row.version.title.identifier: row.version.short_version for row in rows}


def ask(device: MdmDevice, *names: str, answers: Answers) -> None:
    queue_questions(device.enrollment, names=names)
    device.answer_everything(answers)


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
