"""D1, D3, D6: who may say what to the devices' doors."""

import base64
import plistlib
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.test import Client
from django.utils import timezone

from devices.models import Device, Enrollment
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN, CONNECT, Identity, MdmDevice
from tests.scep.device import sign
from tests.scep.malformed import make_malformed


def make_stranger(common_name: str = "device") -> Identity:
    """An identity that signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = timezone.now()
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 7, now - timedelta(days=1), now + timedelta(days=1)
    )
    return Identity(key, builder.sign(key, hashes.SHA256()))


def assert_refused(response: Any, news: News, code: str) -> None:
    assert response.status_code == 403
    assert b"com.apple" not in response.content
    assert [refusal["code"] for refusal in news["device_message_refused"]] == [code]


def test_a_device_of_our_ca_enrolls(make_device: MakeDevice) -> None:
    assert make_device().enroll().row.status == "enrolled"


def test_a_signature_as_old_devices_make_it_is_believed(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    body = plistlib.dumps({"Status": "Idle", "UDID": device.udid}, fmt=plistlib.FMT_BINARY)
    signature = device.identity.sign_like_old_devices(body)
    assert device.put(CONNECT, body, signature=signature).status_code == 200


def test_a_sha1_signature_is_refused_when_the_setting_says_so(
    make_device: MakeDevice, news: News, settings: Any
) -> None:
    device = make_device().enroll()
    settings.MDM_SIGNATURE_ALLOW_SHA1 = False
    body = plistlib.dumps({"Status": "Idle", "UDID": device.udid})
    signature = device.identity.sign_like_old_devices(body)
    assert_refused(device.put(CONNECT, body, signature=signature), news, "signature_invalid")


@pytest.mark.parametrize("old", [False, True])
def test_a_captured_signature_does_not_sign_another_body(
    make_device: MakeDevice, news: News, old: bool
) -> None:
    device = make_device().enroll()
    idle = plistlib.dumps({"Status": "Idle", "UDID": device.udid})
    sign = device.identity.sign_like_old_devices if old else device.identity.sign
    farewell = plistlib.dumps(device.message("CheckOut"))
    assert_refused(device.put(CHECKIN, farewell, signature=sign(idle)), news, "signature_invalid")
    assert device.row.status == "enrolled"


def test_a_message_without_signature_is_refused_for_want_of_a_certificate(
    make_device: MakeDevice, news: News
) -> None:
    device = make_device()
    response = device.put(CHECKIN, device.message("Authenticate"), signature="")
    assert_refused(response, news, "certificate_not_issued")


@pytest.mark.parametrize("path", [CHECKIN, CONNECT])
def test_a_signature_is_refused_when_its_certificate_cannot_be_read(
    make_device: MakeDevice, news: News, path: str
) -> None:
    """Its time is decoded later than the rest: no datetime has the year 0."""
    device = make_device().enroll()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = make_malformed(key, not_before=b"\x18\x0f00000101000000Z")
    body = plistlib.dumps({"Status": "Idle", "UDID": device.udid})
    signed = sign(None, key=key, certificate=certificate, attributes={}, digest_of=body)
    signature = base64.b64encode(signed).decode()
    assert_refused(device.put(path, body, signature=signature), news, "identity_not_trusted")


@pytest.mark.parametrize("header", ["x", "####", "AAAA", "A" * 20_000, "eyJhbGciOiJub25lIn0="])
def test_a_header_that_is_no_signature_is_refused(
    make_device: MakeDevice, news: News, header: str
) -> None:
    device = make_device()
    response = device.put(CHECKIN, device.message("Authenticate"), signature=header)
    assert_refused(response, news, "signature_invalid")


def test_a_signature_around_its_own_content_is_refused(make_device: MakeDevice, news: News) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    device = make_device()
    body = plistlib.dumps(device.message("Authenticate"))
    builder = pkcs7.PKCS7SignatureBuilder().set_data(body)
    builder = builder.add_signer(device.identity.certificate, device.identity.key, hashes.SHA256())
    attached = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    header = base64.b64encode(attached).decode()
    assert_refused(device.put(CHECKIN, body, signature=header), news, "signature_invalid")


def test_two_signers_are_refused_though_both_are_ours(make_device: MakeDevice, news: News) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    device, other = make_device(), make_device()
    body = plistlib.dumps(device.message("Authenticate"))
    builder = pkcs7.PKCS7SignatureBuilder().set_data(body)
    for each in (device.identity, other.identity):
        builder = builder.add_signer(each.certificate, each.key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature]
    header = base64.b64encode(builder.sign(Encoding.DER, options)).decode()
    assert_refused(device.put(CHECKIN, body, signature=header), news, "signature_invalid")


def test_a_certificate_that_signs_itself_is_refused(make_device: MakeDevice, news: News) -> None:
    device = make_device()
    device.identity = make_stranger()
    assert_refused(device.authenticate(), news, "identity_not_trusted")
    assert not Device.objects.filter(udid=device.udid).exists()


def test_a_revoked_certificate_is_refused_from_then_on(make_device: MakeDevice, news: News) -> None:
    device = make_device().enroll()
    assert device.identity.row is not None
    revoke_certificate(device.identity.row, reason="key_compromise", now=timezone.now())
    assert_refused(device.connect(), news, "identity_revoked")


def test_an_expired_certificate_is_refused_but_a_clock_may_be_ten_minutes_off(
    make_device: MakeDevice, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = make_device().enroll()
    end = device.identity.certificate.not_valid_after_utc
    monkeypatch.setattr("devices.views.timezone.now", lambda: end + timedelta(minutes=9))
    assert device.connect().status_code == 200
    monkeypatch.setattr("devices.views.timezone.now", lambda: end + timedelta(minutes=11))
    assert_refused(device.connect(), news, "identity_not_trusted")


def test_a_certificate_speaks_for_its_own_device_only(make_device: MakeDevice, news: News) -> None:
    device, victim = make_device().enroll(), make_device().enroll()
    own_udid, device.udid = device.udid, victim.udid
    for response in (device.connect(), device.token_update(), device.check_out()):
        assert response.status_code == 403
    assert device.authenticate().status_code == 403
    codes = {refusal["code"] for refusal in news["device_message_refused"]}
    assert codes == {"identity_not_trusted"}
    assert victim.row.status == "enrolled"
    assert Device.objects.get(udid=own_udid).warning
    assert Enrollment.objects.filter(device=victim.row).count() == 1


def test_a_trusted_certificate_without_enrollment_gets_nothing(
    make_device: MakeDevice, news: News
) -> None:
    device = make_device()
    for response in (device.connect(), device.token_update(), device.check_out()):
        assert response.status_code == 403
    assert len(news["device_message_refused"]) == 3
    assert not Device.objects.filter(udid=device.udid).exists()


def test_a_refusal_names_session_and_device_but_no_secret(
    make_device: MakeDevice, news: News
) -> None:
    device = make_device()
    assert device.identity.row is not None
    device.identity.row.session_id = "ses_abc"
    device.identity.row.save()
    assert device.authenticate(challenge="eyJsecret").status_code == 403
    [refusal] = news["device_message_refused"]
    assert (refusal["code"], refusal["udid"]) == ("token_signature_invalid", device.udid)
    assert refusal["session_id"] == "ses_abc"
    assert refusal["caller"].address == "127.0.0.1"
    assert "eyJsecret" not in str(refusal)


@pytest.mark.parametrize("path", [CHECKIN, CONNECT])
@pytest.mark.parametrize("method", ["get", "head", "post", "patch", "delete", "options"])
@pytest.mark.django_db
def test_only_put_is_taken(path: str, method: str) -> None:
    assert getattr(Client(enforce_csrf_checks=True), method)(path).status_code == 405


def test_no_csrf_token_is_asked_for(make_device: MakeDevice) -> None:
    device: MdmDevice = make_device(client=Client(enforce_csrf_checks=True))
    assert device.authenticate().status_code == 200
