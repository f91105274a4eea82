"""Prepared statements do what the same words do in Django, only sooner."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models.functions import Upper
from django.utils import timezone

from organization.models import (
    Given,
    PreparedInsert,
    PreparedSelect,
    PreparedUpdate,
    insert_row,
    update_row,
)
from scep.models import CertificateStatus, IssuedCertificate, ScepProfile, ServiceCertificate
from scep.selectors import get_issuing_ca
from scep.services.profiles import create_scep_profile

pytestmark = pytest.mark.django_db

FIND_PROFILE = PreparedSelect(
    lambda: ScepProfile.objects.select_related("issuing_ca__parent").filter(
        public_id=Given("public_id")
    )
)
LIST_SERVICES = PreparedSelect(
    lambda: (
        ServiceCertificate.objects.filter(not_after__gt=Given("now"))
        .defer("private_key")
        .order_by("-id")
    )
)
REVOKE = PreparedUpdate(
    lambda: IssuedCertificate.objects.filter(
        session_id=Given("session_id"), status__in=["issued", "intended"]
    ),
    status="revoked",
    revoked_at=Given("now"),
)


@pytest.fixture
def profile(bootstrapped):
    return create_scep_profile(
        name="Static", challenge_type="static", static_challenge="a long secret", actor="tests"
    )


def build_certificate(profile, **values):
    now = timezone.now()
    return IssuedCertificate(
        issuer=profile.issuing_ca,
        scep_profile=profile,
        serial="ff",
        subject="CN=ä",
        public_key_sha256="a" * 64,
        not_before=now,
        not_after=now + timedelta(days=1),
        **values,
    )


def get_values(row):
    """PostgreSQL's driver gives bytes as a memoryview."""
    return {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in vars(row).items()
        if name != "_state"
    }


def test_row_is_the_same_when_its_select_is_prepared(profile, django_assert_num_queries):
    expected = ScepProfile.objects.select_related("issuing_ca__parent").get(pk=profile.pk)
    for _ in range(2):
        with django_assert_num_queries(1):
            found = FIND_PROFILE.first(public_id=profile.public_id)
            assert found.issuing_ca.parent is not None
    assert get_values(found) == get_values(expected)
    assert get_values(found.issuing_ca) == get_values(expected.issuing_ca)
    assert bytes(found.issuing_ca.private_key) == bytes(get_issuing_ca().private_key)
    found.name = "Renamed"
    found.save()  # a row like any other
    assert FIND_PROFILE.first(public_id=profile.public_id).name == "Renamed"


def test_nothing_is_found_when_no_row_fits(profile):
    assert FIND_PROFILE.first(public_id="scep_x' OR 1=1 --") is None


def test_order_moments_and_left_out_fields_are_the_querysets(bootstrapped):
    now = timezone.now()
    expected = list(ServiceCertificate.objects.filter(not_after__gt=now).order_by("-id"))
    found = LIST_SERVICES.all(now=now)
    assert found == expected
    assert len(found) > 1
    assert found[0].get_deferred_fields() == {"private_key"}
    assert LIST_SERVICES.all(now=now + timedelta(days=365 * 50)) == []


def test_statement_is_refused_when_a_value_is_missing(profile):
    with pytest.raises(KeyError):
        FIND_PROFILE.first(name="Static")


def test_row_is_stored_as_django_stores_it(profile):
    row = build_certificate(profile, session_id="ses_1", certificate=b"\x00der")
    insert_row(row)
    stored = IssuedCertificate.objects.get(pk=row.pk)
    assert get_values(stored) == get_values(row)
    assert stored.public_id.startswith("crt_")
    assert timezone.now() - stored.created_at < timedelta(minutes=1)
    row.status = CertificateStatus.ISSUED
    row.save()
    assert IssuedCertificate.objects.count() == 1


def test_secrets_are_sealed_when_a_row_is_stored(profile):
    copy = ScepProfile(name="Copy", issuing_ca=profile.issuing_ca, static_challenge=b"secret")
    insert_row(copy)
    assert bytes(ScepProfile.objects.get(name="Copy").static_challenge) == b"secret"


def test_only_the_named_fields_are_written_when_a_row_changes(profile):
    row = build_certificate(profile)
    insert_row(row)
    before = row.updated_at
    row.status, row.subject = CertificateStatus.ISSUED, "CN=not written"
    update_row(row, fields=["status", "updated_at"])
    stored = IssuedCertificate.objects.get(pk=row.pk)
    assert (stored.status, stored.subject) == (CertificateStatus.ISSUED, "CN=ä")
    assert stored.updated_at > before


def test_change_is_refused_when_the_row_is_gone(profile):
    row = build_certificate(profile)
    insert_row(row)
    IssuedCertificate.objects.all().delete()
    with pytest.raises(DatabaseError):
        update_row(row, fields=["status"])


def test_duplicate_is_an_integrity_error(profile):
    insert_row(build_certificate(profile))
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_row(build_certificate(profile))


def test_rows_of_the_queryset_and_no_others_change_when_an_update_is_prepared(profile):
    now = timezone.now()
    for serial, session in enumerate(["ses_1", "ses_2", "ses_1"]):
        row = build_certificate(profile, session_id=session)
        row.serial = f"{serial}"
        insert_row(row)
    assert REVOKE.run(session_id="ses_1", now=now) == 2
    assert REVOKE.run(session_id="ses_1", now=now) == 0
    revoked = IssuedCertificate.objects.filter(status="revoked")
    assert {(row.session_id, row.revoked_at) for row in revoked} == {("ses_1", now)}


def test_row_is_remembered_until_one_of_its_columns_changes(profile, django_assert_num_queries):
    find = PreparedSelect(
        lambda: ScepProfile.objects.select_related("issuing_ca").filter(
            public_id=Given("public_id")
        ),
        remembers=2,
    )
    first = find.first(public_id=profile.public_id)
    with django_assert_num_queries(1):
        assert find.first(public_id=profile.public_id) is first
    ScepProfile.objects.filter(pk=profile.pk).update(allow_legacy=True)
    second = find.first(public_id=profile.public_id)
    assert (first.allow_legacy, second.allow_legacy) == (False, True)
    type(profile.issuing_ca).objects.filter(pk=profile.issuing_ca_id).update(name="Renamed")
    assert find.first(public_id=profile.public_id).issuing_ca.name == "Renamed"
    ScepProfile.objects.filter(pk=profile.pk).delete()
    assert find.first(public_id=profile.public_id) is None


def test_statement_of_the_same_words_may_be_declared_twice(profile):
    for _ in range(2):
        again = PreparedSelect(lambda: ScepProfile.objects.filter(name=Given("name")))
        assert again.first(name="Static") == profile


INTENDED = PreparedInsert(
    ScepProfile,
    unless=[lambda: ScepProfile.objects.filter(name=Given("taken"))],
    waits_for_disk=False,
)


def test_row_is_not_stored_when_another_one_is_there(profile):
    before = ScepProfile.objects.count()
    assert not INTENDED.run(ScepProfile(name="new"), taken=profile.name)
    assert ScepProfile.objects.count() == before
    row = ScepProfile(name="new")
    assert INTENDED.run(row, taken="nobody's")
    assert ScepProfile.objects.get(pk=row.pk).public_id == row.public_id


def test_annotations_are_attributes_of_the_row(profile):
    counted = PreparedSelect(
        lambda: ScepProfile.objects.filter(pk=Given("pk")).annotate(upper=Upper("name")).order_by()
    )
    row = counted.first(pk=profile.pk)
    assert (row, row.upper) == (profile, profile.name.upper())
