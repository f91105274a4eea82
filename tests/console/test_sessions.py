"""Enrollment › Log › Sessions, and enrollments without a device beside the devices."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enrollment.models import EnrollmentSession, ReportedDevice, SessionState
from enrollment.protocol.funnel.steps import StepKind
from enrollment.services.log import write_entry
from enrollment.services.sessions import advance_session, fail_session, open_session
from enrollment.services.steps import record_step
from organization.protocol.caller import Caller
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
LOG, SESSIONS, DASHBOARD = "/console/enrollment/log/", "/console/enrollment/sessions/", "/console/"
PHONE = Caller("192.0.2.44", "profiled/1")


def open_another(world: World) -> EnrollmentSession:
    return open_session(
        world.token, platform="ios", user_agent="", remote_address="192.0.2.9", now=timezone.now()
    )


def refuse(session: EnrollmentSession) -> None:
    now = timezone.now()
    record_step(session.public_id, StepKind.GET_CA_CAPS, now=now, caller=PHONE)
    record_step(
        session.public_id,
        StepKind.PKI_OPERATION,
        now=now + timedelta(seconds=3),
        caller=PHONE,
        code="scep_request_rejected",
        fail_info=0,
    )
    fail_session(session.public_id, code="scep_request_rejected")


def test_a_sessions_page_tells_its_steps_and_what_is_wrong(auditor: Client, world: World) -> None:
    session = world.session
    refuse(session)
    entry = write_entry("scep_request_rejected", session=session, detail={"fail_info": 0})
    page = auditor.get(f"/console/enrollment/sessions/{session.public_id}").content.decode()
    for text in (
        "SCEP request rejected (badAlg)",
        "allow legacy algorithms in the SCEP profile",
        "Not Managed",
        "(GetCACaps)",
        "profiled/1",
        "192.0.2.44",
        "+ 3.0 s",
        "failInfo 0",
        "to come",
        f'href="/console/enrollment/ota/tokens/{world.token.jti}">{world.token.name}<',
    ):
        assert text in page, text
    log = auditor.get(f"/console/enrollment/log/{entry.public_id}").content.decode()
    assert "badAlg" in log
    assert f"/console/enrollment/sessions/{session.public_id}" in log


def test_a_page_links_to_device_and_certificate_when_there_are_some(
    auditor: Client, world: World
) -> None:
    session = world.session
    advance_session(
        session.public_id, state=SessionState.ENROLLED, device_id=world.device.public_id
    )
    world.certificate.session_id = session.public_id
    world.certificate.save()
    page = auditor.get(f"/console/enrollment/sessions/{session.public_id}").content.decode()
    assert f"/console/devices/{world.device.public_id}" in page
    assert f"/console/system/certificates/issued/{world.certificate.public_id}" in page


def test_enrollments_without_a_device_stand_beside_the_devices_with_their_reason(
    auditor: Client, world: World
) -> None:
    pending, failed, old = world.session, open_another(world), open_another(world)
    refuse(failed)
    EnrollmentSession.objects.filter(pk=old.pk).update(
        created_at=timezone.now() - timedelta(days=8)
    )
    shown = {
        status: auditor.get("/console/devices/", {"status": status}).content.decode()
        for status in ("", "pending", "not_managed", "managed")
    }
    for status, ids in (
        ("", {pending, failed}),
        ("pending", {pending}),
        ("not_managed", {failed}),
        ("managed", set()),
    ):
        links = {
            session
            for session in (pending, failed, old)
            if f"/console/enrollment/sessions/{session.public_id}" in shown[status]
        }
        assert links == ids, status
    assert "SCEP request rejected (badAlg)" in shown["not_managed"]
    rows = auditor.get("/console/enrollment/sessions/", {"absent": "not_managed"})
    assert failed.public_id in rows.content.decode()
    assert pending.public_id not in rows.content.decode()


def test_a_session_is_called_by_its_person_its_device_or_its_beginning(
    auditor: Client, world: World
) -> None:
    session = open_another(world)
    begun = timezone.now() - timedelta(hours=1)  # what is older than a week is not absent any more
    EnrollmentSession.objects.filter(pk=session.pk).update(created_at=begun)
    beginning = f"iOS, {begun:%-d %b %Y, %H:%M:%S}"
    path = f"{SESSIONS}{session.public_id}"
    entry = write_entry("scep_request_rejected", session=session)
    refuse(session)

    def read_names() -> set[str]:
        link = rf'<h1[^>]*>([^<]+)|href="{path}">([^<]+)'
        pages = [path, SESSIONS, f"{LOG}{entry.public_id}"]
        own, rows, log = (auditor.get(each).content.decode() for each in pages)
        found = [re.findall(link, own)[0][0], re.findall(link, rows)[1][1]]
        return {each.strip() for each in (*found, re.findall(link, log)[1][1])}

    assert read_names() == {beginning}
    absent = auditor.get("/console/devices/", {"status": "not_managed"}).content.decode()
    assert f'href="{path}">{beginning}<' in absent
    ReportedDevice.objects.create(
        session=session, udid="U", serial_number="C02XYZ", product="iPhone16,1",
        certificate_sha256="ab" * 32,
    )  # fmt: skip
    assert read_names() == {"iPhone16,1 C02XYZ"}
    EnrollmentSession.objects.filter(pk=session.pk).update(device_id=world.device.public_id)
    assert read_names() == {"Corey’s iPhone"}
    EnrollmentSession.objects.filter(pk=session.pk).update(person_name="Ann Lee")
    assert read_names() == {"Ann Lee"}


def test_a_failed_session_is_pending_no_more_once_it_goes_on(world: World) -> None:
    session = world.session
    refuse(session)
    advance_session(session.public_id, state=SessionState.CERTIFICATE_ISSUED)
    record_step(session.public_id, StepKind.PKI_OPERATION, now=timezone.now())
    page = Client()
    assert page.get(f"/enroll/sessions/{session.public_id}").json()["code"] == ""


def test_the_lists_ask_the_database_as_often_for_many_sessions_as_for_few(
    auditor: Client, world: World
) -> None:
    counts = []
    for more in (1, 20):
        for _ in range(more):
            refuse(open_another(world))
        for path in ("/console/devices/", SESSIONS, LOG):
            with CaptureQueriesContext(connection) as queries:
                assert auditor.get(path).status_code == 200
            counts.append(len(queries))
    assert counts[:3] == counts[3:]


def enroll(world: World) -> EnrollmentSession:
    """The entry of its beginning names the session alone, the one from after it the device."""
    session, device = open_another(world), world.device
    write_entry("device_managed", device_id=device.public_id)
    advance_session(session.public_id, state=SessionState.ENROLLED, device_id=device.public_id)
    return session


@pytest.mark.parametrize("path", [LOG, SESSIONS, DASHBOARD])
def test_rows_name_the_device_when_their_session_has_brought_one(
    path: str, auditor: Client, world: World
) -> None:
    page = auditor.get(path).content.decode()
    before = page.count(f'href="/console/devices/{world.device.public_id}">Corey’s iPhone</a>')
    enroll(world)
    page = auditor.get(path).content.decode()
    after = page.count(f'href="/console/devices/{world.device.public_id}">Corey’s iPhone</a>')
    assert after - before == (1 if path == SESSIONS else 2)


@pytest.mark.parametrize("text", ["corey’s iphone", "SERIAL0001"])
@pytest.mark.parametrize("path", [LOG, SESSIONS])
def test_log_and_sessions_are_found_by_their_devices_name_and_number(
    path: str, text: str, auditor: Client, world: World
) -> None:
    session, other = enroll(world), open_another(world)
    page = auditor.get(path, {"q": text}).content.decode()
    assert session.public_id in page
    assert other.public_id not in page
    assert "Nothing matches" in auditor.get(path, {"q": f"{text} nowhere"}).content.decode()


def test_a_row_names_no_device_when_it_is_gone(auditor: Client, world: World) -> None:
    entry = write_entry("device_managed", device_id="dev_gone")
    for path in (LOG, f"{LOG}{entry.public_id}", DASHBOARD):
        page = auditor.get(path)
        assert page.status_code == 200
        assert 'href="/console/devices/dev_gone"' not in page.content.decode()


def test_what_has_a_public_id_is_found_by_it_without_reading_every_word(
    auditor: Client, world: World
) -> None:
    session, other = world.session, open_another(world)
    session.device_id = world.device.public_id
    session.save()
    entry = write_entry("session_opened", session=session, message="of the one")
    write_entry("session_opened", session=other, message="of the other")
    for path, texts in {
        LOG: (entry.public_id, session.public_id, f" {session.public_id} "),
        SESSIONS: (session.public_id, world.device.public_id),
    }.items():
        for text in texts:
            with CaptureQueriesContext(connection) as captured:
                page = auditor.get(path, {"q": text}).content.decode()
            assert not [each for each in captured if "LIKE" in each["sql"]], text
            assert (session.public_id in page) or ("of the one" in page)
            assert other.public_id not in page
            assert "of the other" not in page
    part = session.public_id[:12]
    assert session.public_id in auditor.get(SESSIONS, {"q": part}).content.decode()
