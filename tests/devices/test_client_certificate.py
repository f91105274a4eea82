"""A device known by the certificate that a trusted proxy forwards, by its signature, or by both."""

import base64
import plistlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from devices.models import Device
from enrollment.models import LogEntry
from enrollment.protocol.log_codes import get_log_code
from scep.models import IssuedCertificate, ScepProfile
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import CHECKIN, CONNECT, Identity, MdmDevice, make_identity
from tests.scep.external.scep_server import Holder, build_name
from tests.scep.external.scep_server import make_identity as make_external

pytestmark = pytest.mark.django_db
PROXY, STRANGER = "10.9.8.7", "203.0.113.5"


def forward(identity: Identity) -> str:
    """The header as nginx writes it."""
    return quote(identity.certificate.public_bytes(Encoding.PEM).decode(), safe="")


def forward_as_rfc_9440(identity: Identity) -> str:
    return f":{base64.b64encode(identity.certificate.public_bytes(Encoding.DER)).decode()}:"


def put(
    device: MdmDevice,
    message: dict[str, Any],
    *,
    forwarded: str,
    signer: Identity | None = None,
    peer: str = PROXY,
    path: str = CONNECT,
) -> Any:
    body = plistlib.dumps(message)
    headers = {"X-Client-Cert": forwarded}
    if signer is not None:
        headers["Mdm-Signature"] = signer.sign(body)
    return device.client.put(path, body, headers=headers, REMOTE_ADDR=peer)


def idle(device: MdmDevice) -> dict[str, Any]:
    return {"Status": "Idle", "UDID": device.udid}


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Any) -> None:
    settings.CLIENT_CERT_HEADER = "X-Client-Cert"
    settings.TRUSTED_PROXIES = ["10.9.8.0/24"]


@pytest.mark.parametrize("spell", [forward, forward_as_rfc_9440])
def test_a_device_enrolls_and_connects_without_a_signature(
    make_device: MakeDevice, spell: Any
) -> None:
    device = make_device()
    forwarded = spell(device.identity)
    challenge = f"{CHECKIN}?challenge=group-{device.group.pk}"
    hello = device.message("Authenticate", ProductName="iPhone14,2", OSVersion="18.1")
    assert put(device, hello, forwarded=forwarded, path=challenge).status_code == 200
    update = device.message("TokenUpdate", Token=device.token, PushMagic=device.magic)
    assert put(device, update, forwarded=forwarded, path=CHECKIN).status_code == 200
    answer = put(device, idle(device), forwarded=forwarded)
    assert plistlib.loads(answer.content)["Command"]["RequestType"] == "DeviceInformation"


def test_both_proofs_are_taken_when_they_are_of_one_certificate(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    answer = put(device, idle(device), forwarded=forward(device.identity), signer=device.identity)
    assert answer.status_code == 200


def test_a_message_is_refused_when_another_certificate_has_signed_it(
    make_device: MakeDevice,
) -> None:
    victim, thief = make_device().enroll(), make_device().enroll()
    answer = put(victim, idle(victim), forwarded=forward(victim.identity), signer=thief.identity)
    assert answer.status_code == 403
    entry = LogEntry.objects.latest("id")
    assert entry.code == "identity_not_trusted"
    assert "another certificate has signed" in entry.message


def test_the_header_is_nothing_when_no_trusted_proxy_has_written_it(
    make_device: MakeDevice, settings: Any
) -> None:
    device = make_device().enroll()
    forwarded = forward(device.identity)
    seen = device.row.last_seen_at
    assert put(device, idle(device), forwarded=forwarded, peer=STRANGER).status_code == 403
    signed = put(device, idle(device), forwarded="nonsense", signer=device.identity, peer=STRANGER)
    assert signed.status_code == 200
    settings.CLIENT_CERT_HEADER = ""
    assert put(device, idle(device), forwarded=forwarded).status_code == 403
    assert Device.objects.get(pk=device.row.pk).last_seen_at == seen


def test_the_forwarded_certificate_is_verified_again(make_device: MakeDevice) -> None:
    device, other = make_device().enroll(), make_device().enroll()
    stranger = make_identity(now=timezone.now() - timedelta(days=800))  # expired long ago
    now = timezone.now()
    assert put(device, idle(device), forwarded=forward(stranger)).status_code == 403
    assert put(device, idle(device), forwarded=forward(other.identity)).status_code == 403
    assert device.identity.row is not None
    revoke_certificate(device.identity.row, reason="key_compromise", now=now)
    assert put(device, idle(device), forwarded=forward(device.identity)).status_code == 403
    assert LogEntry.objects.latest("id").code == "identity_revoked"


def test_anything_but_one_certificate_is_refused_though_the_signature_is_good(
    make_device: MakeDevice,
) -> None:
    device = make_device().enroll()
    one = forward(device.identity)
    for forwarded in (f"{one},{one}", f"{one}, {forward_as_rfc_9440(device.identity)}", "SUCCESS"):
        answer = put(device, idle(device), forwarded=forwarded, signer=device.identity)
        assert answer.status_code == 403
    entry = LogEntry.objects.latest("id")
    assert "begins with 'SUCCESS'" in entry.message
    assert "proxy" in get_log_code(entry.code).cause, "no device has to enroll again for it"


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["expired", "not yet valid"])
@pytest.mark.parametrize("is_signed", [True, False], ids=["signature", "proxy"])
def test_an_external_cas_certificate_is_refused_when_it_is_not_valid_by_its_own_dates(
    external: ScepProfile,
    authority: Holder,
    make_device: MakeDevice,
    days: tuple[int, int],
    is_signed: bool,
) -> None:
    """Whoever it is: of such a certificate nothing is remembered either."""
    device = make_device()
    holder = make_external(authority, subject=build_name("phone"), days=days)
    device.identity = Identity(holder.key, holder.certificate)
    proof: dict[str, Any] = {"forwarded": "" if is_signed else forward(device.identity)}
    if is_signed:
        proof["signer"] = device.identity
    hello = device.message("Authenticate", ProductName="iPhone14,2", OSVersion="18.1")
    challenge = f"{CHECKIN}?challenge=group-{device.group.pk}"
    for message, path in ((hello, challenge), (idle(device), CONNECT)):
        answer = put(device, message, path=path, **proof)
        assert (answer.status_code, answer.content) == (403, b"not trusted\n")
        entry = LogEntry.objects.latest("id")
        assert entry.code == "identity_not_trusted"
        assert ("expired" if days[1] < 0 else "not valid yet") in entry.message
    assert not IssuedCertificate.objects.filter(fingerprint=holder.fingerprint).exists()
    assert not Device.objects.filter(udid=device.udid).exists()
