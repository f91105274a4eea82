"""Certificates of the CA and of this server that end: told in time, once, and to everybody."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from enrollment.models import LogEntry
from enrollment.protocol.log_codes import LOG_CODES
from scep.models import CertificateAuthority, ServiceCertificate, ServicePurpose
from scep.selectors import get_issuing_ca, get_root_ca, list_chain
from scep.services.authority_import import import_authority
from scep.services.expiry import warn_expiring
from scep.services.rotation import activate_authority, prepare_authority
from scep.services.service_certificates import rotate_service_certificate
from scep.signals import certificate_expiring
from scep.tasks import rotate_certificates
from tests.scep.corporate_ca import CorporateCa

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def warnings() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def listen(sender: object, signal: object, **news: Any) -> None:
        heard.append(news)

    certificate_expiring.connect(listen)
    yield heard
    certificate_expiring.disconnect(listen)


def let_end(row: CertificateAuthority | ServiceCertificate, *, at: datetime) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(not_after=at)


def test_each_threshold_is_warned_of_once(warnings: list[dict[str, Any]]) -> None:
    now = timezone.now()
    issuing, end = get_issuing_ca(), now + 200 * DAY
    let_end(issuing, at=end)
    for left in (91, 90, 89, 61, 60, 59, 31, 30, 29, 8, 7, 6, 0, -1):
        warn_expiring(now=end - left * DAY)
        warn_expiring(now=end - left * DAY)
    assert [(news["days"], news["kind"]) for news in warnings] == [
        (90, "issuing"), (60, "issuing"), (30, "issuing"), (7, "issuing"), (0, "issuing"),
    ]  # fmt: skip
    assert {(news["name"], news["not_after"]) for news in warnings} == {(issuing.name, end)}


def test_last_threshold_counts_when_the_server_was_off_for_months(
    warnings: list[dict[str, Any]],
) -> None:
    now = timezone.now()
    let_end(get_root_ca(), at=now + 20 * DAY)
    assert warn_expiring(now=now) == 1
    assert [news["days"] for news in warnings] == [20]
    assert warn_expiring(now=now + 14 * DAY) == 1
    assert warn_expiring(now=now + 30 * DAY) == 1
    assert warn_expiring(now=now + 40 * DAY) == 0


def test_warning_stands_in_the_log_with_cause_and_fix() -> None:
    now = timezone.now()
    let_end(get_issuing_ca(), at=now + 80 * DAY)
    let_end(ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA), at=now + 1.5 * DAY)
    warn_expiring(now=now)
    entries = LogEntry.objects.filter(code__endswith="_expiring").order_by("code")
    assert [(entry.code, entry.level) for entry in entries] == [
        ("ca_expiring", "warning"),
        ("certificate_expiring", "warning"),
    ]
    assert "Issuing CA: expires on" in entries[0].message
    assert "(80 days left)" in entries[0].message
    assert "(1 day left)" in entries[1].message
    for entry in entries:
        assert LOG_CODES[entry.code].cause
        assert LOG_CODES[entry.code].resolution


def test_what_has_expired_is_told_as_expired() -> None:
    """It was “expires on …” in the past, “0 days left”; of a CA it is an error."""
    now = timezone.now()
    let_end(get_issuing_ca(), at=now - 5 * DAY)
    let_end(ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA), at=now - DAY)
    warn_expiring(now=now)
    entries = LogEntry.objects.filter(message__contains=": expired on ").order_by("code")
    assert [(entry.code, entry.level) for entry in entries] == [
        ("ca_expired", "error"),
        ("certificate_expiring", "warning"),
    ]
    assert not LogEntry.objects.filter(message__contains="left").exists()


def test_what_has_retired_ends_in_silence(warnings: list[dict[str, Any]]) -> None:
    now = timezone.now()
    old = get_issuing_ca()
    new = prepare_authority(key_type="ec_p256", activates_at=None, actor="a", now=now)
    activate_authority(new, actor="a", now=now)
    let_end(old, at=now + 10 * DAY)
    for row in ServiceCertificate.objects.filter(issuer=old):
        let_end(row, at=now + 10 * DAY)
    assert warn_expiring(now=now) == 0
    assert warnings == []


def test_ca_above_an_imported_one_is_warned_of(warnings: list[dict[str, Any]]) -> None:
    now = timezone.now()
    policy = CorporateCa("Policy CA", parent=CorporateCa("Corporate Root"), days=50)
    import_authority(CorporateCa("Device CA", parent=policy).bundle, actor="a", now=now)
    warn_expiring(now=now)
    assert [(news["name"], news["kind"]) for news in warnings] == [("Policy CA", "intermediate")]


def test_nobody_is_warned_of_what_replaces_itself(warnings: list[dict[str, Any]]) -> None:
    """The sweep of every five minutes rotates first, and long before the first warning."""
    soon = timezone.now() + 100 * DAY
    ServiceCertificate.objects.update(not_after=soon)
    rotate_certificates()
    assert warn_expiring(now=soon - 20 * DAY) == 0
    assert warnings == []


def test_new_certificate_is_warned_of_anew(warnings: list[dict[str, Any]]) -> None:
    now = timezone.now()
    ra = ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA)
    let_end(ra, at=now + 6 * DAY)
    warn_expiring(now=now)
    new = rotate_service_certificate(ServicePurpose.SCEP_RA, actor="a", now=now)
    let_end(new, at=now + 6 * DAY)
    warn_expiring(now=now)
    assert len(warnings) == 2
    assert [row.pk for row in list_chain(get_issuing_ca())][-1] == get_root_ca().pk
