"""Lists in an order that no index has of all rows: the shares are merged, page by page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command
from scep.models import CertificateStatus, IssuedCertificate
from tests.rest.conftest import (
    FAR,
    Program,
    Sample,
    add_certificate,
    add_command,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]


def make_certificates(sample: Sample) -> list[Any]:
    """Certificates of every status, of which some end at the same moment."""
    IssuedCertificate.objects.all().delete()
    statuses = [*CertificateStatus.values, *CertificateStatus.values]
    for number, status in enumerate(statuses):
        row = add_certificate(sample.scep_profile)
        until = FAR - timedelta(days=(number * 5 % 4))
        IssuedCertificate.objects.filter(pk=row.pk).update(status=status, not_after=until)
    return [(row.not_after, row.pk, row.public_id) for row in IssuedCertificate.objects.all()]


def make_commands(sample: Sample) -> list[Any]:
    """Commands that wait, are over, and are forgotten, one with a PIN among them."""
    Command.objects.all().delete()
    now = timezone.now()
    for number in range(9):
        over = now - timedelta(days=number * 5 % 4) if number else None
        forgotten = now if number % 3 == 0 and number else None
        kind = "DeviceLock" if number == 3 else "ProfileList"
        add_command(sample.enrollment, completed_at=over, forgotten_at=forgotten, request_type=kind)
    rows = Command.objects.exclude(completed_at=None)
    return [(row.completed_at, row.pk, row.public_id) for row in rows]


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("path", "name", "make"),
    [
        ("scep/certificates", "not_after", make_certificates),
        ("commands", "completed_at", make_commands),
    ],
)
def test_pages_hold_each_row_in_its_order_when_followed_there_and_back(
    path: str,
    name: str,
    make: Callable[[Sample], list[Any]],
    sign: str,
    size: int,
    sample: Sample,
    auditor: Program,
) -> None:
    expected = [public_id for *_, public_id in sorted(make(sample), reverse=sign == "-")]
    answer = auditor.get(path, ordering=f"{sign}{name}", page_size=size).json()
    pages = [answer["results"]]
    while answer["next"]:
        answer = auditor.client.get(answer["next"], headers=auditor.headers).json()
        pages.append(answer["results"])
    rows = [row for page in pages for row in page if row[name] is not None]
    assert [row["id"] for row in rows] == expected
    while answer["previous"]:
        answer = auditor.client.get(answer["previous"], headers=auditor.headers).json()
        pages.pop()
        assert answer["results"] == pages[-1]
    assert len(pages) == 1


def test_certificates_of_a_token_are_found_by_challenge_and_session(
    sample: Sample, auditor: Program
) -> None:
    IssuedCertificate.objects.all().delete()
    jti = sample.token.jti
    own = [add_certificate(sample.scep_profile, token_id=jti) for _ in range(3)]
    own.append(add_certificate(sample.scep_profile, session_id=sample.session.public_id))
    add_certificate(sample.scep_profile, token_id="another")
    expected = [row.public_id for row in reversed(own)]
    assert [row["id"] for row in auditor.list("scep/certificates", token=jti)] == expected


@pytest.mark.parametrize("state", ["queued", "sent", "not_now", "acknowledged"])
def test_commands_of_a_state_are_found_when_open_or_over(
    state: str, sample: Sample, auditor: Program
) -> None:
    Command.objects.all().delete()
    now = timezone.now()
    for each in ("queued", "sent", "not_now", "acknowledged"):
        over = now if each == "acknowledged" else None
        add_command(sample.enrollment, state=each, completed_at=over)
    assert [row["state"] for row in auditor.list("commands", state=state)] == [state]
    both = auditor.get(f"commands?state={state}&state=acknowledged").json()["results"]
    assert {row["state"] for row in both} == {state, "acknowledged"}
