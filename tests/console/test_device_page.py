"""One device's page and what an administrator does there."""

import plistlib
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from devices.models import Command, CommandState, Device, Enrollment
from devices.services.escrow import keep_secret
from devices.services.lapse import mark_lapsed
from enrollment.services.log import write_entry
from enrollment.services.sessions import open_session
from policies.models import ItemState, ItemStatus
from tests.console.conftest import World, create_certificate
from tests.console.test_tokens import age_sign_in
from tests.devices.wifi import make_wifi_profile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def get_url(world: World, action: str = "", *, mac: bool = False) -> str:
    device = world.mac if mac else world.device
    return f"/console/devices/{device.public_id}{'/' if action else ''}{action}"


def set_item(world: World, state: str, *, error: str = "") -> ItemStatus:
    item = world.profile_item
    return ItemStatus.objects.create(
        enrollment=world.enrollment,
        item=item,
        kind=item.kind,
        name=item.name,
        identifier=item.identifier,
        version=item.version,
        state=state,
        error=error,
    )


def test_a_failed_item_links_to_its_log_entry(world: World, auditor: Client) -> None:
    set_item(world, ItemState.FAILED, error="The payload is not valid.")
    entry = write_entry(
        "policy_item_failed",
        device_id=world.device.public_id,
        detail={"item": world.profile_item.public_id},
    )
    page = auditor.get(get_url(world)).content.decode()
    assert "The payload is not valid." in page
    assert "1 failed" in page
    assert f'href="/console/enrollment/log/{entry.public_id}">Failed' in page


def test_a_failed_item_is_tried_again_when_an_operator_asks(
    world: World, operator: Client, auditor: Client
) -> None:
    """No door led to it: what had been given up stayed so until its policy changed."""
    status = set_item(world, ItemState.FAILED, error="The payload is not valid.")
    ItemStatus.objects.filter(pk=status.pk).update(attempts=4)
    what, url = {"kind": status.kind, "identifier": status.identifier}, get_url(world, "retry")
    assert url not in auditor.get(get_url(world)).content.decode()
    assert url in operator.get(get_url(world)).content.decode()

    said = operator.post(url, what, follow=True).content.decode()
    assert f"“{status.name}” is tried again." in said
    assert url not in said
    status.refresh_from_db()
    assert (status.state, status.attempts, status.error) == (ItemState.PENDING, 0, "")


@pytest.mark.parametrize("state", [ItemState.INSTALLED, None])
def test_nothing_is_tried_again_when_the_item_is_done_or_gone(
    world: World, operator: Client, state: ItemState | None
) -> None:
    status = set_item(world, state or ItemState.FAILED)
    if state is None:
        status.delete()
    what = {"kind": status.kind, "identifier": status.identifier}
    said = operator.post(get_url(world, "retry"), what, follow=True).content.decode()
    assert "There is nothing to try again." in said


def test_a_log_entry_says_cause_and_resolution(world: World, auditor: Client) -> None:
    page = auditor.get(f"/console/enrollment/log/{world.entry.public_id}").content.decode()
    assert "The enrollment token is past its expiration." in page
    assert "Generate a new token." in page


def test_the_page_polls_while_something_is_pending(world: World, auditor: Client) -> None:
    assert "every 3s" in auditor.get(get_url(world)).content.decode()


def test_the_page_rests_once_nothing_is_pending(world: World, auditor: Client) -> None:
    Command.objects.update(state=CommandState.ACKNOWLEDGED)
    world.device.group = None
    world.device.save()
    assert "every 3s" not in auditor.get(get_url(world)).content.decode()


def test_polling_gets_the_moving_parts_alone(world: World, auditor: Client) -> None:
    part = auditor.get(get_url(world), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="live"')
    assert 'id="status" hx-swap-oob="true"' in part
    assert "<html" not in part


def test_erase_needs_the_serial_number_typed(world: World, administrator: Client) -> None:
    page = administrator.post(get_url(world, "erase"), {"confirmation": "wrong"})
    assert "not this device&#x27;s serial number" in page.content.decode()
    assert not Command.objects.filter(request_type="EraseDevice").exists()
    administrator.post(get_url(world, "erase"), {"confirmation": world.device.serial_number})
    assert Command.objects.filter(request_type="EraseDevice").count() == 1


def test_erase_asks_who_it_is_when_the_sign_in_is_old(world: World, administrator: Client) -> None:
    age_sign_in(administrator)
    data = {"confirmation": world.device.serial_number}
    answer = administrator.post(get_url(world, "erase"), data)
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not Command.objects.filter(request_type="EraseDevice").exists()


def test_a_lock_is_queued_by_who_asked(world: World, operator: Client) -> None:
    operator.post(get_url(world, "lock"), {"message": "Please return", "phone_number": "555"})
    assert Command.objects.get(request_type="DeviceLock").origin == "operator@example.org"


def test_a_bad_pin_is_refused(world: World, operator: Client) -> None:
    page = operator.post(get_url(world, "lock", mac=True), {"pin": "12a"}).content.decode()
    assert "six digits" in page


def test_a_pin_is_revealed_to_administrators_and_audited(
    world: World, administrator: Client
) -> None:
    administrator.post(get_url(world, "lock", mac=True), {"pin": "246810"})
    command = Command.objects.get(request_type="DeviceLock")
    url = get_url(world, f"commands/{command.public_id}/pin", mac=True)
    assert b"246810" not in administrator.get(url).content
    answer = administrator.post(url)
    assert b"246810" in answer.content
    assert answer["Cache-Control"] == "no-store"
    assert b"246810" not in administrator.get("/console/system/audit-log/").content


def test_a_device_is_unenrolled_when_its_serial_number_is_typed(
    world: World, administrator: Client
) -> None:
    url = get_url(world, "unenroll")
    assert world.device.serial_number in administrator.get(url).content.decode()
    for typed in ("", "C02WRONG"):
        administrator.post(url, {"confirmation": typed})
    assert Device.objects.get(pk=world.device.pk).status != "unenrolled"
    administrator.post(url, {"confirmation": world.device.serial_number.lower()})
    assert Device.objects.get(pk=world.device.pk).status == "unenrolled"


def test_a_forgotten_screen_unenrolls_nothing(world: World, administrator: Client) -> None:
    age_sign_in(administrator)
    url = get_url(world, "unenroll")
    answer = administrator.post(url, {"confirmation": world.device.serial_number})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Device.objects.get(pk=world.device.pk).status != "unenrolled"


def test_nothing_is_offered_when_the_device_has_left(world: World, administrator: Client) -> None:
    assert "Erase…" in administrator.get(get_url(world)).content.decode()
    world.device.status = "unenrolled"
    world.device.save()
    page = administrator.get(get_url(world)).content.decode()
    for button in ("Send push", "Lock…", "Commands…", "Unenroll…", "Erase…"):
        assert f"{button}</" not in page, button


def test_a_command_that_took_days_says_on_which_day_it_was_done(
    world: World, auditor: Client
) -> None:
    command = Command.objects.filter(enrollment=world.enrollment).order_by("pk").last()
    assert command is not None
    done = command.created_at + timedelta(days=3)
    Command.objects.filter(pk=command.pk).update(completed_at=done, state=CommandState.ACKNOWLEDGED)
    page = auditor.get(get_url(world)).content.decode()
    assert f'>{done:%-d %b %Y},</span> <span class="nowrap">{done:%H:%M:%S}<' in page


def test_a_commands_answer_and_refusal_are_read_in_the_console(
    world: World, auditor: Client
) -> None:
    refusal = {"LocalizedDescription": "The disk is full <b>", "ErrorDomain": "X", "ErrorCode": 7}
    Command.objects.filter(pk=world.command.pk).update(
        result={"StatusResponse": {"Active": True, "Name": "<i>"}}, error_chain=[refusal]
    )
    url = get_url(world, f"commands/{world.command.public_id}")
    assert url in auditor.get(get_url(world)).content.decode()
    answer = auditor.get(url, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "&quot;Active&quot;: true" in text
    assert "The disk is full &lt;b&gt;" in text
    assert "<i>" not in text
    assert answer["Cache-Control"] == "no-store"


def test_a_command_of_another_device_is_not_found(world: World, auditor: Client) -> None:
    url = get_url(world, f"commands/{world.command.public_id}", mac=True)
    assert auditor.get(url).status_code == 404


def test_a_command_to_a_device_that_is_gone_says_why(world: World, operator: Client) -> None:
    world.enrollment.state = "checked_out"
    world.enrollment.save()
    page = operator.post(get_url(world, "restart")).content.decode()
    assert "is not enrolled" in page


def test_group_and_owner_are_changed(world: World, operator: Client) -> None:
    world.device.group = None
    world.device.save()
    operator.post(get_url(world, "edit"), {"owner": "Kim", "group": world.group.public_id})
    world.device.refresh_from_db()
    assert world.device.owner == "Kim"
    assert world.device.group_id == world.group.pk


def pin(world: World, **renewal: object) -> None:
    certificate = world.certificate
    certificate.fingerprint = "ab" * 32
    certificate.save(update_fields=["fingerprint"])
    Enrollment.objects.filter(pk=world.enrollment.pk).update(
        certificate_sha256=certificate.fingerprint, state="live", **renewal
    )


def test_a_failed_renewal_is_shown_with_its_next_attempt(world: World, auditor: Client) -> None:
    later = timezone.now() + timedelta(hours=4, minutes=1)
    pin(
        world,
        renewal_error="Profile <Installation> failed",
        renewal_attempts=5,
        renewal_not_before=later,
    )
    page = auditor.get(get_url(world)).content.decode()
    assert "Profile &lt;Installation&gt; failed" in page
    assert "Attempt 5; again 4\xa0hours" in page


def test_a_renewal_under_way_and_the_last_one_are_shown(world: World, auditor: Client) -> None:
    now = timezone.now()
    pin(world, renewal_started_at=now, renewed_at=now - timedelta(days=200))
    page = auditor.get(get_url(world)).content.decode()
    assert "Under way, sent" in page
    assert "6\xa0months" in page


def test_nothing_is_said_of_renewals_while_none_is_due(world: World, auditor: Client) -> None:
    pin(world, renewal_not_before=timezone.now() + timedelta(hours=1))
    page = auditor.get(get_url(world)).content.decode()
    assert "Renewal" not in page
    assert "Renewed" not in page


def test_an_iphone_returns_to_service_when_the_form_says_so(
    world: World, administrator: Client
) -> None:
    form = {
        "confirmation": world.device.serial_number,
        "return_to_service": "on",
        "preserve_data_plan": "on",
    }
    wifi = SimpleUploadedFile("wifi.mobileconfig", b"no profile")
    answer = administrator.post(get_url(world, "erase"), form | {"wifi_profile": wifi})
    assert "Wi-Fi profile cannot be read" in answer.content.decode()
    network = make_wifi_profile()
    wifi = SimpleUploadedFile("wifi.mobileconfig", network)
    administrator.post(get_url(world, "erase"), form | {"wifi_profile": wifi})
    body = Command.objects.get(request_type="EraseDevice").body
    sent = plistlib.loads(body or b"")
    assert sent["ReturnToService"] == {"Enabled": True, "WiFiProfileData": network}
    assert sent["PreserveDataPlan"] is True


def test_the_bootstrap_token_is_missed_when_a_mac_has_none_escrowed(
    world: World, administrator: Client
) -> None:
    url = f"/console/devices/{world.mac.public_id}/erase"
    page = administrator.get(url).content.decode()
    assert "bootstrap token" in page
    assert "Return to Service" not in page
    Enrollment.objects.filter(device=world.mac).update(bootstrap_token=b"escrowed")
    assert "bootstrap token" not in administrator.get(url).content.decode()


def test_page_shows_what_speaks_for_a_silent_devices_departure(
    world: World, administrator: Client
) -> None:
    rows, url = Enrollment.objects.filter(pk=world.enrollment.pk), get_url(world)
    past = timezone.now() - timedelta(days=9)
    facts = {"push_attempts": 6, "push_accepted": 6, "push_unanswered_since": past}
    rows.update(**facts, last_seen_at=past, push_sent_at=past)
    mark_lapsed(now=timezone.now())
    page = administrator.get(url).content.decode()
    assert "Probably removed on" in page
    assert "6 pushes that Apple has taken" in page
    rows.update(push_error="token unusable: BadDeviceToken", push_suspended_at=past)
    page = administrator.get(url).content.decode()
    assert "pushes that Apple has taken" not in page
    assert ">push token unusable: BadDeviceToken<" in page


def test_earlier_enrollments_are_shown_with_token_and_certificate(
    world: World, auditor: Client
) -> None:
    page = auditor.get(get_url(world)).content.decode()
    assert "Earlier enrollments" not in page
    assert "Enrolled again" not in page
    session = open_session(
        world.token, platform="ios", user_agent="", remote_address=None, now=timezone.now()
    )
    old = create_certificate(world.device, status="revoked")
    Enrollment.objects.filter(pk=world.enrollment.pk).update(
        state="superseded",
        session_id=session.public_id,
        group=world.group,
        certificate_sha256=old.fingerprint,
        ended_at=timezone.now(),
    )
    Enrollment.objects.create(
        device=world.device,
        state="live",
        certificate_sha256="ef" * 32,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.x",
    )
    page = auditor.get(get_url(world)).content.decode()
    assert "Enrolled again" in page
    earlier = page[page.index("Earlier enrollments") :]
    for shown in ("Spring intake", "Field crew", "Superseded", "Revoked", old.public_id):
        assert shown in earlier


def test_places_of_a_lost_device_hide_none_of_its_other_secrets(
    world: World, administrator: Client
) -> None:
    for _ in range(12):
        place = keep_secret(
            world.enrollment, kind="location", value="{}", confirmed_at=timezone.now()
        )
    page = administrator.get(get_url(world)).content.decode()
    for secret in (world.secret, place):
        assert f"/secrets/{secret.public_id}" in page
    assert page.count("/secrets/sec_") < 20


def test_a_kept_secret_says_that_it_is_of_an_earlier_enrollment(
    world: World, administrator: Client
) -> None:
    assert "earlier enrollment" not in administrator.get(get_url(world)).content.decode()
    Enrollment.objects.filter(pk=world.enrollment.pk).update(state="checked_out")
    Enrollment.objects.create(
        device=world.device,
        state="live",
        certificate_sha256="ef" * 32,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.x",
    )
    page = administrator.get(get_url(world)).content.decode()
    assert "earlier enrollment</small>" in page
    assert f"/secrets/{world.secret.public_id}" in page


def test_a_warning_is_dismissed_by_who_has_read_it(
    world: World, operator: Client, auditor: Client
) -> None:
    """No door led to it: what had been looked at stood beside the device for ever."""
    Device.objects.filter(pk=world.device.pk).update(warning="Its certificate is odd.")
    assert "Dismiss" not in auditor.get(get_url(world)).content.decode()
    page = operator.get(get_url(world)).content.decode()
    assert 'name="warning" value="Its certificate is odd."' in page

    # Another one has taken its place since the page was shown.
    Device.objects.filter(pk=world.device.pk).update(warning="Two devices use its UDID.")
    url = get_url(world, "warning")
    said = operator.post(url, {"warning": "Its certificate is odd."}, follow=True).content.decode()
    assert "no longer there" in said
    assert "Two devices use its UDID." in said
    said = operator.post(
        url, {"warning": "Two devices use its UDID."}, follow=True
    ).content.decode()
    assert "The warning is dismissed." in said
    assert Device.objects.get(pk=world.device.pk).warning == ""
