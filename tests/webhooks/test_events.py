"""What is told of what happens: once, with ids and no secrets, and only to whoever wants it."""

import json
import plistlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Command, Device, Group
from devices.services.actions import unenroll
from devices.signals import command_finished
from enrollment.services.log import write_entry
from enrollment.services.token_texts import build_token_text
from enrollment.services.tokens import create_token, revoke_token
from scep.services.issuance import revoke_certificate
from tests.devices import orders
from tests.devices.mdm_device import MdmDevice, make_identity
from tests.policies.device import Handheld
from tests.policies.device import enroll as enroll_handheld
from tests.policies.profiles import make_mobileconfig
from webhooks import receivers
from webhooks.models import Delivery, Webhook
from webhooks.protocol.event_types import EVENT_TYPES
from webhooks.services import announcement
from webhooks.services.announcement import Announcement
from webhooks.services.events import note_event
from webhooks.services.interest import Interest
from webhooks.services.sweep import delete_superfluous
from webhooks.services.webhooks import create_webhook

pytestmark = pytest.mark.django_db
Hear = Callable[..., None]
REFUSED = [{"ErrorCode": 1, "ErrorDomain": "X", "USEnglishDescription": "Not this one."}]


@pytest.fixture
def hear(bootstrapped: None) -> Hear:
    """Make a webhook that wants these events; none: all of them."""

    def make(*events: str) -> None:
        url = "https://hook.example.com/"
        create_webhook(name="W", url=url, events=events or [*EVENT_TYPES], actor="tests")
        Delivery.objects.all().delete()

    return make


@pytest.fixture
def device(bootstrapped: None, settings: Any) -> MdmDevice:
    settings.MDM_ADMISSION = "tests.devices.admission.admit"
    group, _ = Group.objects.get_or_create(name="Engineering")
    return MdmDevice(make_identity(now=timezone.now()), group)


def get_events(*types: str) -> list[dict[str, Any]]:
    bodies = Delivery.objects.order_by("id").values_list("body", flat=True)
    events = [json.loads(body) for body in bodies]
    return [event for event in events if not types or event["type"] in types]


def get_types() -> list[str]:
    return [event["type"] for event in get_events()]


def test_device_is_told_of_when_it_enrolls_and_leaves(hear: Hear, device: MdmDevice) -> None:
    hear("device.enrolled", "device.unenrolled")
    device.enroll()
    device.check_out()
    enrolled, left = get_events()
    assert (enrolled["type"], left["type"]) == ("device.enrolled", "device.unenrolled")
    assert enrolled["data"]["device"] == {
        "id": device.row.public_id,
        "name": "",
        "serial_number": device.serial,
        "udid": device.udid,
        "platform": "ios",
        "status": "enrolled",
        "status_reason": "",
        "group": device.group.public_id,
    }
    assert enrolled["data"]["renewed"] is False
    assert left["data"]["device"]["status"] == "unenrolled"


def test_device_is_told_of_when_an_administrator_unenrolls_it(
    hear: Hear, device: MdmDevice
) -> None:
    device.enroll()
    hear("device.unenrolled")
    unenroll(device.row, actor="tests")
    (event,) = get_events()
    assert event["data"]["device"]["id"] == device.row.public_id


def test_device_is_told_of_when_its_identity_is_revoked(hear: Hear, device: MdmDevice) -> None:
    device.enroll()
    hear("device.not_managed", "certificate.revoked")
    assert device.identity.row is not None
    row = device.identity.row
    row.refresh_from_db()
    revoke_certificate(row, reason="key_compromise", now=timezone.now())
    events = {event["type"]: event["data"] for event in get_events()}
    assert events["device.not_managed"]["device"]["status"] == "not_managed"
    assert "revoked" in events["device.not_managed"]["device"]["status_reason"]
    assert events["certificate.revoked"]["certificate"]["id"] == row.public_id
    assert events["certificate.revoked"]["certificate"]["revocation_reason"] == "key_compromise"


def test_certificate_is_told_of_when_it_is_issued(hear: Hear) -> None:
    hear("certificate.issued")
    row = make_identity(session_id="ses_1", now=timezone.now()).row
    assert row is not None
    (event,) = get_events()
    assert event["data"]["certificate"]["serial"] == row.serial
    assert event["data"]["session"] == "ses_1"


def test_command_is_told_of_when_the_device_has_answered_it(hear: Hear, device: MdmDevice) -> None:
    device.enroll()
    hear("command.succeeded", "command.failed")
    first = device.take()
    assert first is not None
    second = device.take("Acknowledged", first["CommandUUID"], QueryResponses={"Secret": "x"})
    assert second is not None
    device.take("Error", second["CommandUUID"], ErrorChain=REFUSED)
    succeeded, failed = get_events()
    assert (succeeded["type"], failed["type"]) == ("command.succeeded", "command.failed")
    command = Command.objects.get(uuid=second["CommandUUID"])
    assert failed["data"]["command"] == {
        "id": command.public_id,
        "request_type": second["Command"]["RequestType"],
        "state": "error",
        "error": "Not this one.",
    }
    assert failed["data"]["device"]["id"] == device.row.public_id


def test_item_is_told_of_when_it_fails_and_the_device_when_all_is_well(hear: Hear) -> None:
    from policies.services.items import add_profile_item
    from policies.services.policies import create_policy

    group = Group.objects.create(name="Sales")
    policy = create_policy("Basics", groups=[group], actor="tests")
    item = add_profile_item(policy, data=make_mobileconfig("Passcode"), actor="tests")
    handheld = Handheld(enroll_handheld(group))
    hear("policy_item.failed", "device.managed", "log.error", "log.warning")
    handheld.refuse("InstallProfile")
    handheld.settle()
    (failed,) = get_events("policy_item.failed")
    assert failed["data"]["item"]["id"] == item.public_id
    assert failed["data"]["item"]["policy"] == policy.public_id
    assert failed["data"]["item"]["error"] == "Not this one."
    (entry,) = get_events("log.error", "log.warning")
    assert entry["data"]["entry"]["code"] == "policy_item_failed"
    assert entry["data"]["entry"]["cause"]
    assert entry["data"]["entry"]["resolution"]
    assert entry["data"]["device"] == handheld.enrollment.device.public_id
    assert get_events("device.managed") == []
    handheld.answers.clear()
    handheld.now += timedelta(hours=1)
    handheld.settle()
    (managed,) = get_events("device.managed")
    assert managed["data"]["device"]["status"] == "managed"


def test_item_is_told_of_when_it_was_deleted_before_it_fails(hear: Hear) -> None:
    from policies.models import ItemStatus, PolicyItem
    from policies.services.items import add_profile_item
    from policies.services.policies import create_policy
    from policies.signals import item_failed

    group = Group.objects.create(name="Sales")
    policy = create_policy("Basics", groups=[group], actor="tests")
    add_profile_item(policy, data=make_mobileconfig("Passcode"), actor="tests")
    Handheld(enroll_handheld(group)).settle()
    hear("policy_item.failed")
    PolicyItem.objects.all().delete()
    status = ItemStatus.objects.get()
    item_failed.send(ItemStatus, status=status, message="Not this one.")
    (failed,) = get_events("policy_item.failed")
    assert failed["data"]["item"]["id"] is None
    assert failed["data"]["item"]["name"] == status.name


def make_token() -> Any:
    return create_token(
        name="Spring",
        group=Group.objects.order_by("id")[0],
        expires_at=timezone.now() + timedelta(days=1),
        max_uses=3,
        actor="tests",
    )


def test_token_is_told_of_when_it_is_made_and_revoked(hear: Hear) -> None:
    hear("token.created", "token.revoked")
    token = make_token()
    revoke_token(token, actor="tests")
    revoke_token(token, actor="tests")
    assert get_types() == ["token.created", "token.revoked"]
    assert get_events()[0]["data"]["token"]["id"] == token.jti


def test_entry_is_told_of_when_it_is_no_mere_step(hear: Hear) -> None:
    hear("log.warning", "log.error")
    token = make_token()
    write_entry("device_enrolled", token=token)
    write_entry("token_expired", token=token)
    write_entry("token_expiring", token=token)
    assert get_types() == ["log.error", "log.warning"]
    assert get_events()[0]["data"]["token"] == token.jti


def test_no_secret_is_in_any_message_when_everything_is_wanted(
    hear: Hear, device: MdmDevice
) -> None:
    hear()
    device.product = "MacBookPro18,1"
    token = make_token()
    text = build_token_text(token)
    write_entry("token_malformed", message=f"link with {text}", detail={"link": text})
    device.authenticate(Name=text)
    device.token_update(UnlockToken=b"unlock secret")
    pin = "739105"
    orders.lock(device.row, pin=pin, actor="tests")
    device.answer_everything({"DeviceInformation": {"QueryResponses": {"DeviceName": text}}})
    device.authenticate("group-x")
    note_event("log.error", lambda: {"text": text})
    said = " ".join(Delivery.objects.values_list("body", flat=True))
    assert set(get_types()) >= {"device.enrolled", "command.succeeded", "log.error"}
    for secret in ("eyJ", pin, "unlock secret", device.magic, device.token.hex(), "whsec_"):
        assert secret not in said
    pushed = plistlib.dumps({"Token": device.token}).decode()
    assert pushed.partition("<data>")[2][:20].strip() not in said


class TestCost:
    def test_nothing_is_asked_or_written_when_nobody_wants_the_event(self, hear: Hear) -> None:
        hear("device.unenrolled")
        Interest.find("device.unenrolled")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            note_event("device.enrolled", pytest.fail)
        assert len(queries) == 0

    def test_database_is_asked_once_in_a_while_when_there_is_no_webhook(self, db: None) -> None:
        Interest.forget()
        with CaptureQueriesContext(connection) as queries:
            for _ in range(10):
                note_event("device.enrolled", pytest.fail)
        assert len(queries) == 1

    def test_event_costs_one_statement_for_each_webhook_that_wants_it(self, hear: Hear) -> None:
        hear("device.enrolled")
        hear("device.enrolled")
        Interest.find("device.enrolled")
        with CaptureQueriesContext(connection) as queries:
            note_event("device.enrolled", dict)
        assert len(queries) == 2
        assert Delivery.objects.count() == 2


class TestTransactions:
    def test_event_is_not_told_when_it_did_not_happen(self, hear: Hear) -> None:
        hear("token.created")

        @transaction.atomic
        def fail() -> None:
            make_token()
            raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert Delivery.objects.count() == 0

    def test_nothing_fails_when_the_webhook_is_deleted_meanwhile(self, db: None) -> None:
        Interest.learn({"device.enrolled": (2**40,)}, seconds=5)  # as another process knows it
        note_event("device.enrolled", dict)
        connection.check_constraints()
        assert delete_superfluous() == 1

    def test_nothing_fails_when_the_device_is_deleted_meanwhile(
        self, hear: Hear, device: MdmDevice
    ) -> None:
        hear("command.failed")
        device.enroll()
        command = Command.objects.filter(device=device.row).latest("id")
        Device.objects.filter(pk=device.row.pk).delete()
        command.state = "error"
        command_finished.send(Command, command=command)
        assert Delivery.objects.count() == 0

    def test_nothing_fails_when_the_broker_is_away(
        self, hear: Hear, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(receivers.send_deliveries, "apply_async", fail)
        monkeypatch.setattr(Announcement, "_begins", {})
        hear("token.created")
        with django_capture_on_commit_callbacks(execute=True):
            make_token()
        assert Delivery.objects.count() == 1

    def test_one_task_is_started_when_very_much_happens_at_once(
        self, hear: Hear, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        started: list[Any] = []
        monkeypatch.setattr(
            receivers.send_deliveries, "apply_async", lambda *a, **b: started.append((a, b))
        )
        monkeypatch.setattr(Announcement, "_begins", {})
        monkeypatch.setattr(announcement, "SOON_SECONDS", 60)
        hear("device.enrolled")
        for _ in range(3):
            with django_capture_on_commit_callbacks(execute=True):
                for _ in range(50):
                    note_event("device.enrolled", dict)
        assert started == [(((Webhook.objects.get().pk,),), {"countdown": 1})]
