"""The command menu, the one form, raw commands and secrets, as administrators see them."""

import plistlib
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from devices.models import BulkCommand, Command, Device, Enrollment, PushCertificate
from devices.protocol.commands import COMMAND_TYPES
from devices.selectors import get_command_body
from devices.services import actions
from tests.console.conftest import World
from tests.console.test_tokens import age_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def get_url(world: World, action: str, *, mac: bool = False) -> str:
    return f"/console/devices/{(world.mac if mac else world.device).public_id}/{action}"


def get_body() -> dict[str, object]:
    command = Command.objects.exclude(request_type="DeviceInformation").get()
    return get_command_body(command)


def test_commands_are_listed_with_the_reason_when_the_device_cannot_obey(
    world: World, administrator: Client
) -> None:
    Device.objects.update(information={"IsSupervised": False})
    page = administrator.get(get_url(world, "send")).content.decode()
    assert "Only supervised devices obey; this iPhone is not supervised" in page
    assert 'send/ShutDownDevice"' not in page
    assert 'send/ProfileList"' in page
    assert page.index("Cannot be undone") < page.index('send/EraseDevice"')


def test_the_list_is_searched(world: World, administrator: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "command-list"}
    part = administrator.get(get_url(world, "send?q=lost+sound"), headers=headers).content.decode()
    assert "PlayLostModeSound" in part
    assert "ProfileList" not in part
    assert "<html" not in part


def test_operators_are_offered_what_they_may_send(world: World, operator: Client) -> None:
    page = operator.get(get_url(world, "send")).content.decode()
    assert "EraseDevice" not in page
    assert operator.get(get_url(world, "send/EraseDevice")).status_code == 403
    assert operator.post(get_url(world, "send/InstallProfile")).status_code == 403


@pytest.mark.parametrize("mac", [False, True])
def test_every_command_has_a_form(mac: bool, world: World, administrator: Client) -> None:
    for name, kind in COMMAND_TYPES.items():
        page = administrator.get(get_url(world, f"send/{name}", mac=mac))
        assert page.status_code == 200, name
        assert kind.title in page.content.decode().replace("&#x27;", "'"), name


def test_there_is_no_form_when_the_command_is_unknown(world: World, administrator: Client) -> None:
    assert administrator.get(get_url(world, "send/AccountConfiguration")).status_code == 404


def test_what_was_filled_in_goes_to_the_device(world: World, administrator: Client) -> None:
    data = {"install_action": "InstallLater", "max_user_deferrals": "3", "product_version": ""}
    answer = administrator.post(get_url(world, "send/ScheduleOSUpdate", mac=True), data)
    assert answer.status_code == 302
    assert get_body() == {
        "RequestType": "ScheduleOSUpdate",
        "Updates": [{"InstallAction": "InstallLater", "MaxUserDeferrals": 3}],
    }


def test_only_what_the_platform_knows_is_offered(world: World, administrator: Client) -> None:
    phone, mac = (
        administrator.get(get_url(world, "send/ScheduleOSUpdate", mac=mac)).content.decode()
        for mac in (False, True)
    )
    assert 'value="InstallASAP"' in phone
    assert 'value="InstallLater"' not in phone
    assert 'value="InstallLater"' in mac


def test_lines_boxes_and_choices_are_read_as_what_they_mean(world: World, operator: Client) -> None:
    identifiers = "com.example.a\n\n com.example.b "
    data = {"identifiers": identifiers, "managed_only": "on", "items": ["Name", "Version"]}
    operator.post(get_url(world, "send/InstalledApplicationList"), data)
    assert get_body() == {
        "RequestType": "InstalledApplicationList",
        "Identifiers": ["com.example.a", "com.example.b"],
        "ManagedAppsOnly": True,
        "Items": ["Name", "Version"],
    }


def test_a_setting_that_is_left_alone_is_not_sent(world: World, operator: Client) -> None:
    data = {"bold_text_enabled": "on", "zoom_enabled": "off", "text_size": "0"}
    operator.post(get_url(world, "send/Settings.AccessibilitySettings"), data)
    assert get_body()["Settings"] == [
        {
            "Item": "AccessibilitySettings",
            "BoldTextEnabled": True,
            "ZoomEnabled": False,
            "TextSize": 0,
        }
    ]


def test_a_switch_that_is_off_is_sent_as_off(world: World, operator: Client) -> None:
    operator.post(get_url(world, "send/Settings.DataRoaming"), {})
    assert get_body()["Settings"] == [{"Item": "DataRoaming", "Enabled": False}]


def test_a_file_goes_out_byte_by_byte(world: World, administrator: Client) -> None:
    upload = SimpleUploadedFile("a.mobileprovision", bytes(range(256)))
    data = {"provisioning_profile": upload}
    administrator.post(get_url(world, "send/InstallProvisioningProfile"), data)
    assert get_body()["ProvisioningProfile"] == bytes(range(256))


def test_the_field_says_what_is_wrong_with_it(world: World, administrator: Client) -> None:
    data = {"identifier": "a", "configuration": "<plist>"}
    page = administrator.post(get_url(world, "send/Settings.ApplicationConfiguration"), data)
    assert "must be a property list" in page.content.decode()


def test_a_refused_command_is_not_queued_when_posted_all_the_same(
    world: World, operator: Client
) -> None:
    Device.objects.update(information={"IsSupervised": False})
    page = operator.post(get_url(world, "send/ShutDownDevice")).content.decode()
    assert "not supervised" in page
    assert "disabled" in page
    assert not Command.objects.filter(request_type="ShutDownDevice").exists()


@pytest.mark.parametrize("action", ["send/SetRecoveryLock", "send-raw", "secrets/{secret}"])
def test_who_it_is_is_asked_when_the_sign_in_is_old(
    action: str, world: World, administrator: Client
) -> None:
    age_sign_in(administrator)
    url = get_url(world, action.format(secret=world.secret.public_id))
    assert administrator.post(url)["Location"].startswith("/accounts/reauthenticate/")


def test_a_raw_command_is_taken_as_file_or_text(world: World, administrator: Client) -> None:
    content = plistlib.dumps({"RequestType": "FutureCommand"})
    url = get_url(world, "send-raw")
    administrator.post(url, {"file": SimpleUploadedFile("a.plist", content)})
    administrator.post(url, {"text": content.decode()})
    assert Command.objects.filter(request_type="FutureCommand").count() == 2
    for data in ({}, {"text": "no"}):
        assert administrator.post(url, data).status_code == 200
    assert Command.objects.filter(request_type="FutureCommand").count() == 2


def test_a_raw_erase_is_confirmed_like_any_other(world: World, administrator: Client) -> None:
    url, text = get_url(world, "send-raw"), plistlib.dumps({"RequestType": "EraseDevice"}).decode()
    for confirmation in ("", "wrong"):
        administrator.post(url, {"text": text, "confirmation": confirmation})
        assert not Command.objects.filter(request_type="EraseDevice").exists()
    administrator.post(url, {"text": text, "confirmation": world.device.serial_number})
    assert Command.objects.filter(request_type="EraseDevice").count() == 1


def test_a_secret_is_revealed_to_administrators(
    world: World, administrator: Client, operator: Client
) -> None:
    page = get_url(world, "").rstrip("/")
    assert b"Kept secrets" in administrator.get(page).content
    assert b"Kept secrets" not in operator.get(page).content
    url = get_url(world, f"secrets/{world.secret.public_id}")
    assert b"ABCD-EFGH-IJKL" not in administrator.get(url).content
    answer = administrator.post(url)
    assert b"ABCD-EFGH-IJKL" in answer.content
    assert answer["Cache-Control"] == "no-store"


def test_a_groups_devices_are_asked_from_its_page(world: World, operator: Client) -> None:
    url = f"/console/groups/{world.group.public_id}/send"
    page = operator.get(url).content.decode()
    assert "send/Settings.HostName" in page
    assert "EraseDevice" not in page
    assert "For 2 devices" in operator.get(f"{url}/CertificateList").content.decode()
    answer = operator.post(f"{url}/CertificateList", {"managed_only": "on"}, follow=True)
    assert "2 devices are asked" in answer.content.decode()
    bulk = BulkCommand.objects.get()
    assert (bulk.name, bulk.total, bulk.actor) == ("CertificateList", 2, "operator@example.org")


def test_a_group_is_not_erased(world: World, administrator: Client) -> None:
    url = f"/console/groups/{world.group.public_id}/send/EraseDevice"
    assert administrator.post(url).status_code == 403


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("managed", "“Restart” is on its way."),
        ("not_managed", "“Restart” waits, for the device is not managed now: Revoked."),
    ],
)
def test_a_command_that_may_never_be_fetched_is_no_success(
    status: str, said: str, world: World, administrator: Client
) -> None:
    Device.objects.update(status=status, status_reason="Revoked.")
    page = administrator.post(get_url(world, "send/RestartDevice"), follow=True).content.decode()
    assert said in page
    kind = "warning" if status == "not_managed" else "success"
    assert f'class="notice notice-{kind}" role="status"' in page


def test_a_put_off_command_says_when_the_device_is_woken_for_it(
    world: World, auditor: Client
) -> None:
    """For days it was “Not now”, and nothing told whether anybody still tried."""
    queue = actions.queue_command
    queue(world.device, request_type="SecurityInfo", parameters={}, actor="ada@example.com")
    row = Command.objects.get(request_type="SecurityInfo")
    woken_at = datetime(2030, 5, 17, 18, 4, tzinfo=UTC)
    told = {"sent_at": timezone.now(), "not_before": woken_at, "attempts": 13}
    Command.objects.filter(pk=row.pk).update(state="not_now", **told)
    page = auditor.get(get_url(world, "").rstrip("/")).content.decode()
    assert "locked or busy, woken again 17 May, 18:04" in page
    answer = auditor.get(get_url(world, f"commands/{row.public_id}")).content.decode()
    assert "13 times so far" in answer
    assert "It is woken for that on 17 May 2030, 18:04" in answer
    Command.objects.filter(pk=row.pk).update(state="sent")
    answer = auditor.get(get_url(world, f"commands/{row.public_id}")).content.decode()
    assert "It is offered again from 17 May 2030, 18:04:00" in answer
    Command.objects.filter(pk=row.pk).update(state="not_now", not_before=row.created_at)
    page = auditor.get(get_url(world, "").rstrip("/")).content.decode()
    assert "locked or busy, woken now and then" in page
    answer = auditor.get(get_url(world, f"commands/{row.public_id}")).content.decode()
    assert "is woken again now and then" in answer


def test_send_push_says_why_when_no_push_can_go_out(world: World, operator: Client) -> None:
    """“A push is on its way” stood there whatever Apple had said."""

    def send() -> str:
        return operator.post(get_url(world, "push"), follow=True).content.decode()

    topic = world.enrollment.topic
    assert f"There is no push certificate for the topic {topic}." in send()
    PushCertificate.objects.update(topic=topic)
    assert "A push is on its way." in send()
    PushCertificate.objects.update(not_after=timezone.now() - timedelta(days=1))
    assert "The push certificate has expired." in send()
    dead = {"push_error": "token unusable: BadDeviceToken", "push_suspended_at": timezone.now()}
    Enrollment.objects.filter(pk=world.enrollment.pk).update(**dead)
    page = send()
    assert "last answer was “push token unusable: BadDeviceToken”" in page
    assert "A push is on its way." not in page


@pytest.mark.parametrize("state", ["error", "format_error", "cancelled", "expired"])
def test_a_command_that_came_to_nothing_is_sent_again_from_its_page(
    state: str, world: World, operator: Client, auditor: Client
) -> None:
    command = actions.queue_command(
        world.device, request_type="RestartDevice", parameters={}, actor="ada@example.com"
    )
    url = get_url(world, f"commands/{command.public_id}")
    form = get_url(world, "send/RestartDevice")
    assert form not in operator.get(url).text, "it is on its way"
    Command.objects.filter(pk=command.pk).update(state=state, completed_at=timezone.now())
    assert f'href="{form}"' in operator.get(url).text
    assert form not in auditor.get(url).text
    Command.objects.filter(pk=command.pk).update(origin=f"item:{world.app_item.public_id}")
    assert form not in operator.get(url).text, "the policy's item is tried again"
    Command.objects.filter(pk=command.pk).update(origin="ada@example.com")
    world.enrollment.state = "checked_out"
    world.enrollment.save()
    assert form not in operator.get(url).text, "it has left"
