"""Secrets of devices: made or told, kept sealed, confirmed by the answer, revealed with a note."""

import base64
import json
import plistlib
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from django.db import connection
from django.utils import timezone

from devices.errors import CommandInvalid, CommandNotObeyable
from devices.models import Command, Device, EscrowedSecret
from devices.selectors import list_secrets
from devices.services import actions
from devices.services.answers import get_error
from devices.services.bulk_commands import cancel_bulk, queue_portion, request_bulk
from devices.services.escrow import reveal_secret
from devices.services.queue import expire_commands
from devices.services.told_secrets import LOST_KEY, NO_KEY
from enrollment.models import LogEntry
from organization.models import AuditEntry
from tests.devices import orders
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice

ACTOR = "ada@example.com"


@pytest.fixture
def phone(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    device = make_device(product="MacBookPro18,1").enroll()
    device.answer_everything()
    return device


def send(device: MdmDevice, request_type: str, **parameters: Any) -> dict[str, Any]:
    """Queue a command and return the message with which the device takes it."""
    actions.queue_command(device.row, request_type=request_type, parameters=parameters, actor=ACTOR)
    taken = device.take()
    assert taken is not None
    return taken


def list_kept(device: MdmDevice) -> list[tuple[str, str, bool]]:
    return [
        (row.kind, reveal_secret(row, actor=ACTOR), row.confirmed_at is not None)
        for row in list_secrets(device.row)
    ]


def test_a_recovery_password_is_kept_before_the_mac_has_it_and_confirmed_after(
    mac: MdmDevice,
) -> None:
    taken = send(mac, "SetRecoveryLock")
    password = taken["Command"]["NewPassword"]
    assert list_kept(mac) == [("recovery_lock", password, False)]
    mac.take("Acknowledged", taken["CommandUUID"])
    assert list_kept(mac) == [("recovery_lock", password, True)]
    again = send(mac, "SetRecoveryLock", new_password="chosen by hand")["Command"]
    assert (again["CurrentPassword"], again["NewPassword"]) == (password, "chosen by hand")


def test_a_password_that_the_mac_has_refused_is_forgotten(mac: MdmDevice) -> None:
    taken = send(mac, "SetRecoveryLock", new_password="first")
    mac.take("Acknowledged", taken["CommandUUID"])
    taken = send(mac, "SetRecoveryLock", new_password="second", current_password="wrong")
    assert taken["Command"]["CurrentPassword"] == "wrong"
    mac.take("Error", taken["CommandUUID"], ErrorChain=[])
    assert list_kept(mac) == [("recovery_lock", "first", True)]
    assert send(mac, "VerifyRecoveryLock")["Command"]["Password"] == "first"


def test_a_password_is_not_forgotten_when_its_answer_was_lost_and_the_second_try_refused(
    mac: MdmDevice,
) -> None:
    taken = send(mac, "SetRecoveryLock", new_password="taken at once")
    Command.objects.filter(uuid=taken["CommandUUID"]).update(not_before=timezone.now())
    again = mac.take()
    assert again == taken
    mac.take("Error", taken["CommandUUID"], ErrorChain=[])
    assert list_kept(mac) == [("recovery_lock", "taken at once", False)]


def test_a_password_that_no_mac_was_told_is_forgotten_when_it_is_taken_back(mac: MdmDevice) -> None:
    """It stood among the Mac's secrets as one that it may have taken."""

    def ask(**parameters: Any) -> Command:
        return actions.queue_command(
            mac.row, request_type="SetRecoveryLock", parameters=parameters, actor=ACTOR
        )

    ask(new_password="first of all")
    second = ask(new_password="second thoughts")
    assert list_kept(mac) == [("recovery_lock", "second thoughts", False)]
    actions.cancel_command(second, actor=ACTOR)
    assert list_kept(mac) == []
    bulk = request_bulk([mac.row.pk], name="SetRecoveryLock", parameters={}, actor=ACTOR)
    queue_portion(bulk.pk, now=timezone.now())
    assert len(list_kept(mac)) == 1
    cancel_bulk(bulk, actor=ACTOR, now=timezone.now())
    assert list_kept(mac) == []
    tomorrow = timezone.now() + timedelta(days=1)
    actions.queue_command(
        mac.row,
        request_type="SetRecoveryLock",
        parameters={"new_password": "never taken"},
        actor=ACTOR,
        expires_at=tomorrow,
    )
    expire_commands(now=tomorrow)
    assert list_kept(mac) == []
    third = ask(new_password="third time lucky")
    assert mac.take() is not None
    actions.cancel_command(third, actor=ACTOR)  # the Mac may obey all the same
    assert list_kept(mac) == [("recovery_lock", "third time lucky", False)]


def test_a_firmware_password_counts_only_when_the_mac_says_it_has_changed(mac: MdmDevice) -> None:
    taken = send(mac, "SetFirmwarePassword")
    answer = {"SetFirmwarePassword": {"PasswordChanged": False}}
    mac.take("Acknowledged", taken["CommandUUID"], **answer)
    assert list_kept(mac) == []
    with pytest.raises(CommandInvalid, match="none is kept"):
        send(mac, "VerifyFirmwarePassword")


def test_a_lock_is_not_removed_when_a_new_password_is_given(mac: MdmDevice) -> None:
    with pytest.raises(CommandInvalid, match="new_password: is not given where it is removed"):
        send(mac, "SetRecoveryLock", remove=True, new_password="correct horse")
    assert not EscrowedSecret.objects.exists()


def test_a_lock_that_was_removed_is_known_to_be_gone(mac: MdmDevice) -> None:
    taken = send(mac, "SetRecoveryLock", new_password="first")
    mac.take("Acknowledged", taken["CommandUUID"])
    taken = send(mac, "SetRecoveryLock", remove=True)
    assert (taken["Command"]["NewPassword"], taken["Command"]["CurrentPassword"]) == ("", "first")
    mac.take("Acknowledged", taken["CommandUUID"])
    assert list_kept(mac)[0] == ("recovery_lock", "", True)
    assert "CurrentPassword" not in send(mac, "SetRecoveryLock")["Command"]


def test_a_rotated_recovery_key_is_opened_kept_and_used_for_the_next_rotation(
    mac: MdmDevice,
) -> None:
    taken = send(mac, "RotateFileVaultKey", key_type="personal", password="a user's")
    certificate = taken["Command"]["ReplyEncryptionCertificate"]
    recipient = x509.load_der_x509_certificate(certificate)
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(b"AAAA-BBBB-CCCC").add_recipient(recipient)
    envelope = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    answer = {"RotateResult": {"EncryptedNewRecoveryKey": envelope}}
    mac.take("Acknowledged", taken["CommandUUID"], **answer)
    assert list_kept(mac) == [("filevault_key", "AAAA-BBBB-CCCC", True)]
    again = send(mac, "RotateFileVaultKey", key_type="personal")["Command"]
    assert again["FileVaultUnlock"] == {"Password": "AAAA-BBBB-CCCC"}
    assert again["ReplyEncryptionCertificate"] == certificate


def test_each_macs_recovery_keys_are_sent_under_a_key_of_its_own(
    mac: MdmDevice, make_device: MakeDevice
) -> None:
    other = make_device(product="MacBookPro18,1").enroll()
    other.answer_everything()
    mine, theirs = (
        send(each, "RotateFileVaultKey", key_type="personal", password="a user's")["Command"]
        for each in (mac, other)
    )
    assert mine["ReplyEncryptionCertificate"] != theirs["ReplyEncryptionCertificate"]


def test_a_recovery_key_that_cannot_be_opened_is_told_and_stays_with_its_command(
    mac: MdmDevice,
) -> None:
    taken = send(mac, "RotateFileVaultKey", key_type="personal", password="a user's")
    answer = {"RotateResult": {"EncryptedNewRecoveryKey": b"garbage"}}
    assert mac.connect("Acknowledged", taken["CommandUUID"], **answer).status_code == 200
    assert list_kept(mac) == []
    command = Command.objects.get(uuid=taken["CommandUUID"])
    assert (command.state, get_error(command)) == ("error", LOST_KEY)
    assert base64.b64encode(b"garbage").decode() in json.dumps(command.result)
    [entry] = LogEntry.objects.filter(code="recovery_key_lost")
    assert (entry.level, entry.device_id) == ("error", mac.row.public_id)
    assert mac.connect("Acknowledged", taken["CommandUUID"], **answer).status_code == 200
    assert LogEntry.objects.filter(code="recovery_key_lost").count() == 1


@pytest.mark.parametrize("told", [{}, {"RotateResult": {}}, {"RotateResult": "done"}])
def test_a_rotation_is_an_error_when_no_new_key_came(mac: MdmDevice, told: dict[str, Any]) -> None:
    taken = send(mac, "RotateFileVaultKey", key_type="personal", password="a user's")
    assert mac.connect("Acknowledged", taken["CommandUUID"], **told).status_code == 200
    command = Command.objects.get(uuid=taken["CommandUUID"])
    assert (command.state, get_error(command)) == ("error", NO_KEY)
    assert LogEntry.objects.get(code="recovery_key_lost").device_id == mac.row.public_id


def test_a_rotation_is_done_when_the_key_is_the_institutions_own(mac: MdmDevice) -> None:
    given = {"key_type": "institutional", "password": "a user's", "new_certificate": "MAA="}
    taken = send(mac, "RotateFileVaultKey", **given)
    mac.take("Acknowledged", taken["CommandUUID"])
    assert Command.objects.get(uuid=taken["CommandUUID"]).state == "acknowledged"
    assert not LogEntry.objects.filter(code="recovery_key_lost").exists()


def test_a_bypass_code_is_kept_sealed_and_withheld_from_the_result(phone: MdmDevice) -> None:
    phone.answer_everything()
    taken = send(phone, "ActivationLockBypassCode")
    code = "3J7YG-KD0X6-MVQ8-21FT-9CRZ"
    phone.take("Acknowledged", taken["CommandUUID"], ActivationLockBypassCode=code)
    assert list_kept(phone) == [("bypass_code", code, True)]
    assert not _stands_open(code)


def test_a_location_is_kept_sealed_and_withheld_from_the_result(phone: MdmDevice) -> None:
    phone.answer_everything()
    taken = send(phone, "DeviceLocation")
    place = {"Latitude": 46.948091, "Longitude": 7.447447, "Timestamp": "2026-01-01T12:00:00Z"}
    phone.take("Acknowledged", taken["CommandUUID"], **place)
    ((kind, value, _),) = list_kept(phone)
    assert (kind, json.loads(value)) == ("location", place)
    assert not _stands_open("46.948091")


def _stands_open(secret: str) -> bool:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            rows = [[bytes(v) if isinstance(v, memoryview) else v for v in r] for r in cursor]
            if secret in repr(rows):
                return True
    return False


def test_a_passcode_is_cleared_with_the_token_that_the_device_has_handed_over(
    make_device: MakeDevice,
) -> None:
    device = make_device()
    device.authenticate()
    device.token_update(UnlockToken=b"unlock me")
    device.answer_everything()
    assert send(device, "ClearPasscode")["Command"]["UnlockToken"] == b"unlock me"
    with pytest.raises(CommandInvalid, match="takes no unlock_token"):
        send(device, "ClearPasscode", unlock_token="YQ==")


def test_a_passcode_is_not_cleared_when_there_is_no_token(phone: MdmDevice) -> None:
    before = Command.objects.count()
    with pytest.raises(CommandNotObeyable, match="unlock token"):
        send(phone, "ClearPasscode")
    assert Command.objects.count() == before


def test_a_device_is_asked_nothing_that_it_is_known_not_to_obey(phone: MdmDevice) -> None:
    Device.objects.filter(pk=phone.row.pk).update(information={"IsSupervised": False})
    with pytest.raises(CommandNotObeyable, match="not supervised"):
        orders.restart(phone.row, actor=ACTOR)


def test_rights_are_those_of_the_enrollments_own_profile(phone: MdmDevice) -> None:
    enrollment = phone.enrollment
    enrollment.access_rights = 8191 - 4
    enrollment.save()
    with pytest.raises(CommandNotObeyable, match="right to lock"):
        orders.lock(phone.row, actor=ACTOR)


def test_a_new_enrollment_inherits_no_secret(mac: MdmDevice, make_device: MakeDevice) -> None:
    taken = send(mac, "SetRecoveryLock", new_password="of the first")
    mac.take("Acknowledged", taken["CommandUUID"])
    again = make_device(product=mac.product, udid=mac.udid).enroll()
    again.answer_everything()
    assert "CurrentPassword" not in send(again, "SetRecoveryLock")["Command"]
    assert ("recovery_lock", "of the first", True) in list_kept(again)


def test_each_reveal_is_noted_without_the_secret(mac: MdmDevice) -> None:
    taken = send(mac, "SetRecoveryLock", new_password="very secret")
    mac.take("Acknowledged", taken["CommandUUID"])
    secret = EscrowedSecret.objects.get(kind="recovery_lock")
    assert reveal_secret(secret, actor=ACTOR) == "very secret"
    entry = AuditEntry.objects.get(action="secret.reveal")
    assert entry.detail == {"secret": secret.public_id, "kind": "recovery_lock"}
    assert not _stands_open("very secret")


def test_the_admins_password_is_kept_though_the_mac_gets_its_hash_alone(mac: MdmDevice) -> None:
    taken = send(mac, "SetAutoAdminPassword", guid="G")
    mac.take("Acknowledged", taken["CommandUUID"])
    ((kind, password, confirmed),) = list_kept(mac)
    assert (kind, confirmed) == ("admin_password", True)
    assert password.encode() not in plistlib.dumps(taken["Command"])


def test_an_unlock_token_that_is_told_too_long_is_not_kept(phone: MdmDevice) -> None:
    phone.answer_everything()
    for told in (b"unlock", bytes(70_000)):
        taken = send(phone, "RequestUnlockToken")
        phone.take("Acknowledged", taken["CommandUUID"], UnlockToken=told)
    assert phone.enrollment.unlock_token == b"unlock"
