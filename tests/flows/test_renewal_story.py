"""R7 over HTTP: an identity near its end is renewed unattended, whatever the device's habits."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from cryptography import x509

from tests.flows.server import ROOT, Server, make_token, wait_for
from tests.flows.test_enrollment_story import get_device, wait_managed
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure
from tests.simulator.habits import RenewalHabit

pytestmark = pytest.mark.slow

Enroll = Callable[..., SimulatedDevice]
Run = Callable[..., None]

# What makes a year pass: the rows say that the identity of a device is near its end.
MAKE_DUE = """
from datetime import timedelta
from django.utils import timezone
from devices.models import Enrollment
from devices.tasks import sweep_renewals
from scep.models import IssuedCertificate
until = timezone.now() + timedelta(days=100)
rows = Enrollment.objects.filter(device__udid={udid!r}, state="live")
pins = list(rows.values_list("certificate_sha256", flat=True))
begun = until - timedelta(days=365)
IssuedCertificate.objects.filter(fingerprint__in=pins).update(not_before=begun, not_after=until)
rows.update(certificate_not_after=until, renewal_not_before=None)
sweep_renewals()
"""
# The sweep of a later moment, for this device alone.
SWEEP_LATER = """
from datetime import timedelta
from django.utils import timezone
from devices.models import Enrollment
from devices.services.identities.renewal import settle_renewal, start_renewal
from devices.services.identities.replaced import revoke_replaced
now = timezone.now() + timedelta(hours={hours})
enrollment = Enrollment.objects.get(device__udid={udid!r}, state="live")
if enrollment.renewal_started_at:
    settle_renewal(enrollment, now=now)
enrollment.refresh_from_db()
if enrollment.renewal_error:
    start_renewal(enrollment, now=now)
revoke_replaced(now=now)
"""


# Most of a script's time would be the start of its process.
RUN_EACH = """
import json
import sys
import django
django.setup()
for line in sys.stdin:
    exec(json.loads(line), {})
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def run(server: Server) -> Iterator[Run]:
    """Run a script inside the server's own environment."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN_EACH],
        cwd=ROOT,
        env={**server.settings, "DJANGO_SETTINGS_MODULE": "guardmdm.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def run_script(script: str, **values: Any) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(script.format(**values)), file=process.stdin, flush=True)
            assert process.stdout.readline() == "done\n"

        yield run_script


def list_codes(api: httpx.Client, device: SimulatedDevice) -> list[str]:
    row = get_device(api, device)
    entries = api.get(f"devices/{row['id']}/timeline").raise_for_status().json()["results"]
    return [entry["code"] for entry in entries]


def wait_renewed(api: httpx.Client, device: SimulatedDevice, *, before: x509.Certificate) -> None:
    wait_for(
        lambda: device.certificate != before and "identity_renewed" in list_codes(api, device),
        what=f"renewal (now {list_codes(api, device)})",
    )


@pytest.mark.parametrize(
    ("platform", "challenge"),
    [("ios", "dynamic"), ("ipados", "token"), ("macos", "static"), ("macos", None)],
)
def test_device_stays_managed_with_a_new_identity_when_its_old_one_nears_its_end(
    server: Server,
    api: httpx.Client,
    enroll_device: Enroll,
    scep_profiles: dict[str, str],
    run: Run,
    platform: str,
    challenge: str | None,
) -> None:
    scep_profile = scep_profiles[challenge] if challenge else None
    token = make_token(api, scep_profile=scep_profile)
    device = enroll_device(token["url"], platform=platform)
    wait_managed(api, device)
    api.post(f"enrollment/tokens/{token['jti']}/revoke").raise_for_status()
    before, old = device.certificate, device.identity
    assert before is not None
    run(MAKE_DUE, udid=device.udid)
    wait_renewed(api, device, before=before)

    codes = list_codes(api, device)
    assert codes.count("device_enrolled") == codes.count("device_authenticated") == 1
    assert codes.count("certificate_issued") == 2
    assert not {"renewal_failed", "device_reenrolled"} & set(codes)
    assert get_device(api, device)["status"] == "managed"

    run(SWEEP_LATER, udid=device.udid, hours=25)
    device.connect()
    device.state.identity = old
    with pytest.raises(SimulationFailure) as refused:
        device.connect()
    assert refused.value.status == 403
    assert get_device(api, device)["status"] == "managed"


@pytest.mark.parametrize("habit", list(RenewalHabit))
def test_device_is_renewed_in_the_end_when_it_does_not_obey_at_once(
    server: Server,
    api: httpx.Client,
    enroll_device: Enroll,
    scep_profiles: dict[str, str],
    run: Run,
    habit: RenewalHabit,
) -> None:
    token = make_token(api, scep_profile=scep_profiles["dynamic"])
    device = enroll_device(token["url"], renewal=habit)
    wait_managed(api, device)
    before = device.certificate
    assert before is not None
    run(MAKE_DUE, udid=device.udid)
    wait_for(lambda: device.renewals_seen >= 1, what="the first renewal")
    if habit is RenewalHabit.ERROR:
        wait_for(lambda: "renewal_failed" in list_codes(api, device), what="the error's report")
    if habit in (RenewalHabit.ERROR, RenewalHabit.IGNORE):
        run(SWEEP_LATER, udid=device.udid, hours=2)
        assert "renewal_failed" in list_codes(api, device)
    elif habit is RenewalHabit.NOT_NOW:
        device.wake.set()
    wait_renewed(api, device, before=before)
    assert get_device(api, device)["status"] == "managed"


def test_renewal_is_done_when_the_server_was_restarted_before_the_device_took_it(
    server: Server, api: httpx.Client, scep_profiles: dict[str, str], run: Run
) -> None:
    device = SimulatedDevice("ios")
    device.enroll(make_token(api, scep_profile=scep_profiles["dynamic"])["url"])
    before = device.certificate
    run(MAKE_DUE, udid=device.udid)
    server.stop()
    server.start()
    device.connect()
    assert device.certificate != before
    assert "identity_renewed" in list_codes(api, device)
    device.connect()


def test_no_key_and_no_challenge_is_left_when_devices_have_renewed(
    server: Server, api: httpx.Client, run: Run
) -> None:
    device = SimulatedDevice("macos")
    device.enroll(make_token(api)["url"])
    run(MAKE_DUE, udid=device.udid)
    renewals = [each for each in device.connect() if each.request_type == "InstallProfile"]
    assert renewals
    passwords = {
        payload["Password"].encode()
        for profile in device.profiles.values()
        for payload in profile.plist["PayloadContent"]
        if payload["PayloadType"] == "com.apple.security.pkcs12"
    }
    assert passwords
    for path, content in server.read_files():
        assert not [word for word in passwords if word in content], path
