"""Packages in the console: uploaded through the form, put into policies, configured."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from devices.models import Command, ManagedApplication
from policies.models import Package, PolicyItem
from policies.services import package_files
from policies.services.package_files import get_folder, get_path
from tests.console.conftest import PASSWORD, World
from tests.policies.packages import make_component_pkg, make_ipa, make_pkg

pytestmark = pytest.mark.django_db
URL = "/console/packages/new"


@pytest.fixture(autouse=True)
def empty_folder() -> Iterator[None]:
    yield
    for path in get_folder().iterdir():
        path.unlink()


def upload(client: Client, data: bytes, name: str = "tools.pkg") -> Any:
    return client.post(URL, {"upload": SimpleUploadedFile(name, data)})


def test_a_package_is_there_when_it_was_uploaded(operator: Client) -> None:
    data = make_pkg(payload=bytes(3_000_000), packed=False)
    answer = upload(operator, data)
    package = Package.objects.get()
    assert answer.status_code == 302
    assert answer["Location"].endswith(package.public_id)
    assert get_path(package.sha256).read_bytes() == data
    page = operator.get(answer["Location"]).content.decode()
    assert "Developer ID Installer" in page
    assert package.address not in page


def test_the_fix_is_told_when_an_upload_is_refused(operator: Client) -> None:
    answer = upload(operator, make_component_pkg())
    assert "productbuild" in answer.content.decode()
    assert list(get_folder().iterdir()) == []


def test_an_upload_is_refused_when_there_is_no_room(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_files, "MAX_BYTES", 1000)
    assert "at most" in upload(operator, make_pkg(payload=bytes(2000))).content.decode()
    assert list(get_folder().iterdir()) == []


def test_nothing_is_stored_when_the_form_is_not_ours(people: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/accounts/login/")
    token = page.context["csrf_token"]
    credentials = {"login": people["operator"], "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert client.post("/accounts/login/", credentials).status_code == 302
    assert upload(client, make_pkg()).status_code == 403
    assert list(get_folder().iterdir()) == []
    own = {"csrfmiddlewaretoken": client.get(URL).context["csrf_token"]}
    file = {"upload": SimpleUploadedFile("tools.pkg", make_pkg())}
    assert client.post(URL, own | file).status_code == 302


def test_nobody_uploads_who_may_not(auditor: Client) -> None:
    assert upload(auditor, make_pkg()).status_code == 403
    assert upload(Client(), make_pkg()).status_code == 302
    assert list(get_folder().iterdir()) == []


def test_an_uploaded_app_is_put_into_a_policy_and_configured(
    world: World, operator: Client
) -> None:
    base = f"/console/policies/{world.policy.public_id}/items"
    text = "<dict><key>server</key><string>a&amp;b</string></dict>"
    operator.post(f"{base}/app", {"package": world.package.public_id, "configuration": text})
    item = PolicyItem.objects.latest("id")
    assert (item.package, item.name) == (world.package, "Expenses")
    form = operator.get(f"{base}/{item.public_id}/configure").content.decode()
    assert "a&amp;amp;b" in form
    bad = operator.post(f"{base}/{item.public_id}/configure", {"configuration": "a=b"})
    assert "property list" in bad.content.decode()
    operator.post(f"{base}/{item.public_id}/configure", {"configuration": ""})
    item.refresh_from_db()
    assert item.configuration is None
    assert operator.post(f"/console/packages/{world.package.public_id}/delete").status_code == 302
    assert Package.objects.filter(pk=world.package.pk).exists()


def test_another_version_is_chosen_for_an_item(world: World, operator: Client) -> None:
    base = f"/console/policies/{world.policy.public_id}/items"
    operator.post(f"{base}/app", {"package": world.package.public_id})
    item = PolicyItem.objects.latest("id")
    upload(operator, make_ipa(CFBundleShortVersionString="3.0"), "Expenses.ipa")
    newer = Package.objects.get(version="3.0")
    operator.post(f"{base}/{item.public_id}/replace", {"package": newer.public_id})
    item.refresh_from_db()
    assert item.package == newer


def test_a_package_is_installed_on_a_device_that_is_named(world: World, operator: Client) -> None:
    url = f"/console/packages/{world.package.public_id}/install"
    operator.post(url, {"device": world.device.serial_number.lower()})
    assert Command.objects.filter(request_type="InstallApplication").count() == 1
    for device in ("nobody’s", world.mac.serial_number):
        assert operator.post(url, {"device": device}).status_code == 200
    assert Command.objects.filter(request_type="InstallApplication").count() == 1


def test_what_apps_told_is_on_the_devices_page(
    world: World, operator: Client, auditor: Client
) -> None:
    ManagedApplication.objects.create(
        enrollment=world.enrollment,
        identifier="com.example.expenses",
        feedback={"note": "<script>3 receipts</script>"},
        feedback_reported_at=timezone.now(),
        configuration=b"<string>hunter2</string>",
        configuration_reported_at=timezone.now(),
    )
    url = f"/console/devices/{world.device.public_id}"
    page = operator.get(url).content.decode()
    assert "3 receipts" in page
    assert "<script>3" not in page
    assert "hunter2" in page
    assert "hunter2" not in auditor.get(url).content.decode()
