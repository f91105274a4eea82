"""A new issuing CA takes over while others do the same, or enroll: one wins, nobody is lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from scep.errors import AuthorityInvalid
from scep.models import (
    CertificateAuthority,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import (
    get_certificate,
    get_root_ca,
    verify_identity,
)
from scep.services.authorities import ensure_single_authority
from scep.services.automatic_rotation import rotate_due
from scep.services.profiles import create_scep_profile, update_scep_profile
from scep.services.rotation import cancel_authority
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.device import Device, make_key
from tests.scep.reply import read_reply
from tests.scep.rotating import ACTOR, DAY, activate, ask, get_ra, prepare


def run_at_once(*works: Callable[[], object]) -> list[object]:
    """Run all at the same moment, each on its own connection; a refusal is a result too."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        gate.wait(timeout=30)
        try:
            return work()
        except AuthorityInvalid as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.mark.django_db(transaction=True)
def test_one_wins_when_two_activate_at_once() -> None:
    row = prepare()
    results = run_at_once(lambda: activate(row), lambda: activate(row))
    assert sorted(type(each).__name__ for each in results) == [
        "AuthorityConflict",
        "CertificateAuthority",
    ]
    active = CertificateAuthority.objects.filter(role="issuing", state="active")
    assert list(active) == [row]
    signers = ServiceCertificate.objects.filter(purpose="profile_signing", is_active=True)
    assert signers.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_wins_when_one_activates_and_another_cancels() -> None:
    row = prepare()
    results = run_at_once(lambda: activate(row), lambda: cancel_authority(row, actor=ACTOR))
    assert sum(isinstance(each, AuthorityInvalid) for each in results) == 1
    issuing = CertificateAuthority.objects.filter(role="issuing", state="active")
    assert issuing.count() == 1
    assert ScepProfile.objects.exclude(issuing_ca=issuing.get()).count() == 0


@pytest.mark.django_db(transaction=True)
def test_one_wins_when_two_prepare_at_once() -> None:
    results = run_at_once(prepare, prepare, prepare)
    assert sum(isinstance(each, AuthorityInvalid) for each in results) == 2
    assert CertificateAuthority.objects.filter(state="next").count() == 1


@pytest.mark.django_db(transaction=True)
def test_each_certificate_is_replaced_once_when_two_workers_sweep_at_once() -> None:
    row = ServiceCertificate.objects.get(purpose=ServicePurpose.SCEP_RA)
    single = ensure_single_authority(now=timezone.now())
    CertificateAuthority.objects.filter(pk=single.pk).update(not_after=timezone.now() + DAY)
    now = row.not_after - 100 * DAY
    CertificateAuthority.objects.filter(pk=single.pk).update(not_after=now + 100 * DAY)
    counts = run_at_once(*[lambda: rotate_due(now=now)] * 3)
    assert sum(int(str(count)) for count in counts) == 3
    for purpose in (ServicePurpose.SCEP_RA, ServicePurpose.PROFILE_SIGNING):
        rows = ServiceCertificate.objects.filter(purpose=purpose)
        assert (rows.count(), rows.filter(is_active=True).count()) == (2, 1)
    singles = CertificateAuthority.objects.filter(role="single")
    assert sorted(each.state for each in singles) == ["active", "retired"]


@pytest.mark.django_db(transaction=True)
def test_one_is_made_when_several_need_the_single_certificate_ca_at_once() -> None:
    made = run_at_once(*[lambda: ensure_single_authority(now=timezone.now()).pk] * 3)
    assert len(set(made)) == 1


@pytest.mark.django_db
def test_profile_moves_to_the_new_ca_when_it_was_read_before_and_is_saved_after(
    static_profile: ScepProfile,
) -> None:
    """Else the retired one would go on issuing for it."""
    read = ScepProfile.objects.select_related("issuing_ca").get(pk=static_profile.pk)
    row = activate(prepare())
    assert read.issuing_ca is not None
    assert read.issuing_ca.state == "active"
    update_scep_profile(read, actor="tests", name="Another name")
    static_profile.refresh_from_db()
    assert (static_profile.issuing_ca, static_profile.name) == (row, "Another name")


@pytest.mark.django_db(transaction=True)
def test_takeover_waits_for_a_profile_that_is_being_made() -> None:
    row, begun, finished = prepare(), threading.Event(), threading.Event()

    def create_slowly() -> None:
        with transaction.atomic():
            create_scep_profile(actor="tests", name="New", challenge_type="dynamic")
            begun.set()
            # Where the takeover did not wait, it would be over before this transaction.
            finished.wait(0.2)

    def take_over() -> None:
        begun.wait(10)
        activate(row)
        finished.set()

    run_at_once(create_slowly, take_over)
    assert ScepProfile.objects.get(name="New").issuing_ca == row


@pytest.mark.django_db(transaction=True)
def test_no_device_is_lost_when_the_ca_rotates_while_devices_enroll(
    static_profile: ScepProfile,
) -> None:
    ra = get_ra()
    messages = [
        Device(key=make_key(number % 4), name=f"device {number}").build_request(
            ra=ra, challenge=STATIC_CHALLENGE
        )
        for number in range(24)
    ]
    row = prepare()
    answers: list[bytes] = []

    def enroll(part: list[bytes]) -> Callable[[], None]:
        return lambda: answers.extend(ask(static_profile, each) for each in part)

    run_at_once(enroll(messages[::2]), enroll(messages[1::2]), lambda: activate(row))
    old = CertificateAuthority.objects.get(state="retired", role="issuing")
    chain = [ra, get_certificate(old), get_certificate(get_root_ca())]
    assert [read_reply(each, chain=chain).status for each in answers] == ["0"] * 24
    issued = IssuedCertificate.objects.select_related("issuer")
    assert issued.count() == 24
    for each in issued:
        assert verify_identity(get_certificate(each), now=timezone.now()) == each
