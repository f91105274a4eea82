"""The record of a device that has left is deleted in the console, and what is left says so."""

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Device, Enrollment
from enrollment.models import EnrollmentSession, Invitation
from enrollment.services.log import write_entry
from scep.models import IssuedCertificate
from tests.console.conftest import World
from tests.console.test_tokens import age_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


@pytest.fixture
def url(world: World) -> str:
    """The page of a device that has checked out."""
    Enrollment.objects.filter(device=world.device).update(
        state="checked_out", ended_at=timezone.now()
    )
    Device.objects.filter(pk=world.device.pk).update(status="unenrolled")
    return f"/console/devices/{world.device.public_id}"


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_it_is_deleted_when_its_serial_number_is_typed(
    world: World, url: str, administrator: Client
) -> None:
    assert f'href="{url}/delete"' in read(administrator, url)
    for typed in ("", "C02WRONG"):
        administrator.post(f"{url}/delete", {"confirmation": typed})
    assert Device.objects.filter(pk=world.device.pk).exists()
    confirmation = world.device.serial_number or world.device.udid
    answer = administrator.post(f"{url}/delete", {"confirmation": confirmation}, follow=True)
    assert answer.redirect_chain == [("/console/devices/", 302)]
    assert "is deleted." in answer.content.decode()
    assert administrator.get(url).status_code == 404


def test_it_is_not_offered_for_a_device_that_is_enrolled(
    world: World, administrator: Client
) -> None:
    path = f"/console/devices/{world.mac.public_id}"
    assert f"{path}/delete" not in read(administrator, path)
    assert "Unenroll it first." in read(administrator, f"{path}/delete")
    data = {"confirmation": world.mac.serial_number or world.mac.udid}
    assert "Unenroll it first." in administrator.post(f"{path}/delete", data).content.decode()
    assert Device.objects.filter(pk=world.mac.pk).exists()


def test_kept_secrets_are_warned_of_and_a_recent_sign_in_is_asked_for(
    world: World, url: str, administrator: Client
) -> None:
    Enrollment.objects.filter(pk=world.secret.enrollment_id).update(device=world.device)
    assert "1 kept secret" in read(administrator, f"{url}/delete")
    age_sign_in(administrator)
    data = {"confirmation": world.device.serial_number}
    assert "reauthenticate" in administrator.post(f"{url}/delete", data)["Location"]
    assert Device.objects.filter(pk=world.device.pk).exists()


def test_log_session_certificate_and_invitation_name_it_by_its_id_afterwards(
    world: World, url: str, administrator: Client, auditor: Client
) -> None:
    key, token = world.device.public_id, world.invitation.token.parent
    assert token is not None
    EnrollmentSession.objects.filter(pk=world.session.pk).update(device_id=key)
    IssuedCertificate.objects.filter(pk=world.certificate.pk).update(device_id=key)
    Invitation.objects.filter(pk=world.invitation.pk).update(
        device_id=key, enrolled_at=timezone.now()
    )
    write_entry("device_authenticated", device_id=key)
    pages = (
        "/console/enrollment/log/",
        f"/console/enrollment/sessions/{world.session.public_id}",
        f"/console/system/certificates/issued/{world.certificate.public_id}",
        "/console/system/certificates/",
        f"/console/enrollment/ota/tokens/{token.jti}/invitations/",
    )
    for path in pages:
        assert f'href="{url}"' in read(auditor, path), path
    data = {"confirmation": world.device.serial_number or world.device.udid}
    administrator.post(f"{url}/delete", data)
    for path in pages:
        page = read(auditor, path)
        assert key in page, path
        assert f'href="{url}"' not in page, path
    assert f"{world.device}: deleted by " in read(auditor, pages[0])
