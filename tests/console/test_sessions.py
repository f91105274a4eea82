"""Enrollment › Log › Sessions, and enrollments without a device beside the devices."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.funnel.steps import StepKind
from enrollment.services.log import write_entry
from enrollment.services.sessions import advance_session, fail_session, open_session
from enrollment.services.steps import record_step
from organization.protocol.caller import Caller
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
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
        "SCEP: GetCACaps",
        "profiled/1",
        "192.0.2.44",
        "+ 3.0 s",
        "failInfo 0",
        "to come",
        world.token.name,
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
        for path in ("/console/devices/", "/console/enrollment/sessions/"):
            with CaptureQueriesContext(connection) as queries:
                assert auditor.get(path).status_code == 200
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
