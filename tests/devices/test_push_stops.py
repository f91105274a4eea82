"""A push certificate that is missing, expired, refused or replaced. R6."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import Enrollment, PushCertificate
from devices.selectors import is_refused
from devices.services.push.certificate import import_push_certificate
from enrollment.models import LogEntry
from tests.devices.conftest import Enroll, News
from tests.devices.fleet import Fleet
from tests.devices.pushing import ask, close_channels, push
from tests.simulator.apns import FakeApns, make_authority

OTHER = "com.apple.mgmt.External.other"


def replace_certificate(apns: FakeApns, *, topic: str) -> None:
    pair = apns.issue_push_certificate(topic)
    import_push_certificate(pair.pem, accepted_loss=None, now=timezone.now(), actor="a")


@pytest.mark.parametrize("reason", ["BadCertificate", "Forbidden", "BadCertificateEnvironment"])
def test_a_refused_certificate_stops_the_topic_and_raises_one_alarm(
    fleet: Fleet, apns: FakeApns, news: News, reason: str
) -> None:
    fleet.add(30)
    apns.answer_next(403, reason, count=1000)
    for _ in range(3):
        assert push() == 0
    assert len(apns.deliveries) <= 30
    assert [stop["code"] for stop in news["push_stopped"]] == ["push_certificate_refused"]
    assert news["push_failed"] == []
    rows = Enrollment.objects.all()
    assert all(row.push_requested_at and reason in row.push_error for row in rows)
    [entry] = LogEntry.objects.filter(code="push_certificate_refused")
    assert (entry.level, reason in entry.message) == ("error", True)


def test_a_refused_certificate_is_tried_with_one_push_now_and_then(
    fleet: Fleet, apns: FakeApns, news: News
) -> None:
    fleet.add(30)
    now = timezone.now()
    apns.answer_next(403, "BadCertificate", count=31)
    push(now=now)
    assert len(apns.deliveries) == 30
    later = now + timedelta(minutes=16)
    push(now=later)
    push(now=later)
    assert len(apns.deliveries) == 31
    assert push(now=later + timedelta(minutes=16)) == 30
    assert PushCertificate.objects.get(is_active=True).refused_at is None
    assert len(news["push_stopped"]) == 1


@pytest.mark.parametrize(("status", "reason"), [(400, "TopicDisallowed"), (403, "Forbidden")])
def test_one_odd_answer_keeps_back_one_push_when_apns_takes_the_others(
    fleet: Fleet, apns: FakeApns, news: News, status: int, reason: str
) -> None:
    fleet.add(30)
    push()
    ask()
    apns.answer_next(status, reason, count=1)
    assert push() == 29
    assert news["push_stopped"] == []
    assert not is_refused(PushCertificate.objects.get(is_active=True))
    [late] = Enrollment.objects.filter(push_requested_at__isnull=False)
    assert reason in late.push_error
    assert push(now=timezone.now() + timedelta(minutes=3)) == 1


def test_a_certificate_is_refused_when_it_was_taken_a_moment_ago(
    fleet: Fleet, apns: FakeApns, news: News
) -> None:
    fleet.add(30)
    push()
    ask()
    apns.answer_next(403, "BadCertificate", count=1000)
    assert push() == 0
    assert [stop["code"] for stop in news["push_stopped"]] == ["push_certificate_refused"]
    rows = Enrollment.objects.all()
    assert all(row.push_requested_at and "BadCertificate" in row.push_error for row in rows)
    assert not rows.filter(push_not_before__isnull=False).exists()


def test_pushes_follow_at_once_when_the_refused_certificate_is_replaced(
    fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(3)
    apns.answer_next(403, "BadCertificate", count=3)
    push()
    topic = PushCertificate.objects.get(is_active=True).topic
    replace_certificate(apns, topic=topic)
    assert push() == 3


def test_a_certificate_that_ends_tls_is_refused_too(
    fleet: Fleet, apns: FakeApns, news: News, settings: object, tmp_path: object
) -> None:
    fleet.add(3)
    with FakeApns(client_ca=make_authority().ca_pem) as strict:
        (tmp_path / "strict.pem").write_bytes(strict.ca_pem)  # type: ignore[operator]
        settings.APNS_PORT = strict.port  # type: ignore[attr-defined]
        settings.APNS_CA = str(tmp_path / "strict.pem")  # type: ignore[operator, attr-defined]
        assert push() == 0
        close_channels()
    assert [stop["code"] for stop in news["push_stopped"]] == ["push_certificate_refused"]
    assert all(row.push_requested_at for row in Enrollment.objects.all())


def test_an_expired_certificate_is_named_and_apns_not_bothered(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll()
    for _ in range(2):
        assert push(now=timezone.now() + timedelta(days=400)) == 0
    assert [stop["code"] for stop in news["push_stopped"]] == ["push_certificate_expired"]
    assert "expired" in device.enrollment.push_error
    assert apns.connections == 0


def test_a_missing_certificate_is_named_and_the_push_follows_its_import(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll()
    PushCertificate.objects.all().update(is_active=False)
    for _ in range(2):
        assert push() == 0
    assert [stop["code"] for stop in news["push_stopped"]] == ["push_certificate_missing"]
    replace_certificate(apns, topic=device.topic)
    assert push() == 1
    assert device.enrollment.push_error == ""


def test_a_renewed_certificate_is_used_at_once(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    push()
    replace_certificate(apns, topic=OTHER)
    Enrollment.objects.update(topic=OTHER)
    apns.register(device.token, device.magic, OTHER)
    ask()
    # The fake APNs compares the topic with the certificate of the connection.
    assert push() == 1
    assert apns.connections == 2


def test_a_certificate_that_is_replaced_amid_pushes_takes_over(
    fleet: Fleet, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.services.apns.channel.MOST_STREAMS", 10)
    fleet.add(40)
    topic = PushCertificate.objects.get(is_active=True).topic
    replaced: list[bool] = []
    from devices.services.push import outcomes as push_outcomes

    write = push_outcomes.Outcomes.write

    def replace_and_write(outcomes: push_outcomes.Outcomes, **given: object) -> None:
        if not replaced:
            replaced.append(True)
            replace_certificate(apns, topic=topic)
        write(outcomes, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(push_outcomes.Outcomes, "write", replace_and_write)
    apns.delay_next(0.2, count=10)
    assert push() == 40
    assert (len(apns.deliveries), apns.connections) == (40, 2)


def test_a_device_of_another_topic_is_not_pushed_to(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    stranger, device = enroll(), enroll()
    Enrollment.objects.filter(pk=stranger.enrollment.pk).update(topic=OTHER)
    assert push() == 1
    assert [delivery.token for delivery in apns.deliveries] == [device.token]
    [stop] = news["push_stopped"]
    assert (stop["code"], stop["topic"]) == ("push_certificate_missing", OTHER)


def test_an_outage_of_apns_is_told_once_when_it_shows_itself_in_several_ways(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    def try_again() -> None:
        close_channels()  # another worker, whose connection need not rest
        ask()
        assert push() == 0

    for _ in range(2):
        enroll()
    apns.answer_next(503, "ServiceUnavailable", count=2)
    try_again()
    apns.answer_next(500, "InternalServerError", count=2)
    try_again()
    port = apns.port
    apns.stop()
    try_again()
    assert len(news["push_failed"]) + len(news["push_stopped"]) == 1
    apns.port = port
    apns.start()
    close_channels()
    ask()
    assert push() == 2
    apns.answer_next(503, "ServiceUnavailable", count=2)
    try_again()
    assert len(news["push_failed"]) + len(news["push_stopped"]) == 2
