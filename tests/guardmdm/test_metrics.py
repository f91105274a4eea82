"""`/metrics`: who is told, and what; read by the format's own rules."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from devices.models import Command, Device, DeviceStatus, Enrollment
from devices.services.queue import cancel, enqueue
from enrollment.models import EnrollmentToken
from guardmdm import metrics
from guardmdm.heartbeat import record_heartbeat
from guardmdm.models import Heart
from organization.services.api_keys import create_api_key, revoke_api_key
from policies.models import ItemStatus
from scep.selectors import get_issuing_ca

pytestmark = pytest.mark.django_db

LINE = re.compile(r'(guardmdm_[a-z_]+)(?:{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)})? (\S+)')
ELSEWHERE, HERE = "203.0.113.9", {"Host": "127.0.0.1:8000"}


def read(client: Client) -> dict[str, float]:
    answer = client.get("/metrics", headers=HERE)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.content.decode().splitlines():
        if not line.startswith(("# HELP guardmdm_", "# TYPE guardmdm_")):
            match = LINE.fullmatch(line)
            assert match, line
            found[f"{match[1]}{{{match[2] or ''}}}"] = float(match[3])
    return found


def test_it_tells_the_state_of_the_installation(client: Client, bootstrapped: None) -> None:
    now = timezone.now()
    for number, status in enumerate((DeviceStatus.MANAGED, DeviceStatus.MANAGED, "not_managed")):
        Device.objects.create(udid=f"U{number}", status=status)
    record_heartbeat(Heart.WORKER, now=now - timedelta(minutes=3))
    found = read(client)
    assert found['guardmdm_devices{status="managed"}'] == 2
    assert found['guardmdm_devices{status="not_managed"}'] == 1
    assert found['guardmdm_devices{status="pending"}'] == 0
    age = now.timestamp() - found['guardmdm_sign_of_life_timestamp_seconds{process="worker"}']
    assert age == pytest.approx(180, abs=1)
    ca = get_issuing_ca()
    end = found[f'guardmdm_certificate_expiry_timestamp_seconds{{kind="issuing",name="{ca.name}"}}']
    assert end == ca.not_after.timestamp()
    assert found["guardmdm_active_tokens{}"] == EnrollmentToken.objects.count()
    assert found["guardmdm_open_commands{}"] == found["guardmdm_failed_items{}"] == 0


def add_enrollment(udid: str, *, state: str) -> Enrollment:
    device = Device.objects.create(udid=udid)
    return Enrollment.objects.create(
        device=device,
        state=state,
        certificate_sha256=udid,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.x",
    )


def test_it_counts_commands_and_items_that_want_attention(
    client: Client, bootstrapped: None
) -> None:
    live, left = add_enrollment("1", state="live"), add_enrollment("2", state="checked_out")
    for each in (live, left):
        common = {"enrollment": each, "kind": "profile", "name": "P", "version": "1"}
        ItemStatus.objects.create(**common, identifier="a", state="failed")
        ItemStatus.objects.create(**common, identifier="b", state="installed")
    names = ("RestartDevice", "ShutDownDevice", "SecurityInfo", "ProfileList")
    commands = [enqueue(live, command={"RequestType": name}) for name in names]
    Command.objects.filter(pk=commands[1].pk).update(state="sent")
    Command.objects.filter(pk=commands[2].pk).update(state="not_now")
    assert cancel(commands[3], now=timezone.now())
    found = read(client)
    assert (found["guardmdm_open_commands{}"], found["guardmdm_failed_items{}"]) == (3, 1)


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "127.0.0.1"])
def test_this_machine_is_told_under_each_of_its_names(
    client: Client, bootstrapped: None, host: str
) -> None:
    answer = client.get("/metrics", headers={"Host": host}, REMOTE_ADDR="::1")
    assert answer.status_code == 200


def test_names_are_escaped(client: Client, bootstrapped: None) -> None:
    ca = get_issuing_ca()
    ca.name = 'Quote " and \\ and\nline'
    ca.save(update_fields=["name"])
    assert any(r'name="Quote \" and \\ and\nline"' in name for name in read(client))


def test_a_broker_that_is_away_is_left_out(
    client: Client, bootstrapped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise OperationalError("connection refused")

    monkeypatch.setattr(metrics, "count_waiting_tasks", fail)
    assert "guardmdm_broker_tasks{}" not in read(client)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_from_elsewhere_it_takes_a_key(client: Client, bootstrapped: None, scheme: str) -> None:
    key, text = create_api_key("Prometheus", role="auditor", actor="ada@example.com")
    headers = {"Authorization": f"{scheme} {text}"}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=ELSEWHERE).status_code == 200
    revoke_api_key(key, actor="ada@example.com")
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=ELSEWHERE).status_code == 401


@pytest.mark.parametrize("said", ["", "Bearer gmk_wrong", "Basic Z21rXzE6eA==", "Bearer é"])
def test_nobody_else_is_told_anything(client: Client, bootstrapped: None, said: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": said}, REMOTE_ADDR=ELSEWHERE)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"guardmdm_" not in answer.content


@pytest.mark.parametrize(
    "headers",
    [
        *({name: "127.0.0.1"} for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP")),
        {"X-Forwarded-Proto": "https"},
        {"Host": "testserver"},
        {"Host": ""},
    ],
)
def test_a_proxy_on_this_machine_does_not_pass_for_it(
    client: Client, bootstrapped: None, headers: dict[str, str]
) -> None:
    assert client.get("/metrics", headers=HERE | headers).status_code == 401
