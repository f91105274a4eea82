"""A token for one device, made from another: what it inherits, counts against and ends with."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from devices.errors import AdmissionRefused
from enrollment.errors import TokenRefused
from enrollment.models import EnrollmentToken, TokenState
from enrollment.selectors import get_token_state, list_tokens, select_token_family
from enrollment.services import child_tokens
from enrollment.services.admission import admit
from enrollment.services.child_tokens import OWN, create_child_token, forget_unused_children
from enrollment.services.token_texts import build_token_text, verify_token
from enrollment.services.tokens import revoke_token
from enrollment.tasks import sweep_sessions
from scep.models import HeldRequest, HeldRequestState
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.enrollment.test_admission import build_request, code_of

pytestmark = pytest.mark.django_db


def make_child(parent: EnrollmentToken, *, now: datetime | None = None) -> EnrollmentToken:
    now = now or timezone.now()
    return create_child_token(
        parent, name="One", expires_at=now + timedelta(minutes=30), actor="tests", now=now
    )


def test_child_has_its_parents_options_when_made(make_token: MakeToken) -> None:
    parent = make_token(max_uses=50, challenge="static")
    child = make_child(parent)
    names = {field.name for field in EnrollmentToken._meta.concrete_fields} - OWN
    assert {"group", "scep_profile", "organization"} <= names
    assert [name for name in names if getattr(child, name) != getattr(parent, name)] == []
    assert (child.max_uses, child.use_count, child.jti != parent.jti) == (1, 0, True)
    assert verify_token(build_token_text(child), now=timezone.now()).token == child


def test_family_is_found_without_reading_every_token(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    parent, other = make_token(), make_token()
    child = make_child(parent)
    sessions = {make_session(each).public_id for each in (parent, child)}
    make_session(other)
    jtis, found = select_token_family(parent.jti)
    assert (set(jtis), set(found)) == ({parent.jti, child.jti}, sessions)
    assert set(select_token_family(child.jti)[0]) == {child.jti}
    for orphan in select_token_family("0" * 36):
        assert not orphan.exists()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # whatever few rows cost
    assert not {"SCAN", "Join"} & set(jtis.explain().split())
    assert "SCAN" not in HeldRequest.objects.order_by().filter(token_id=parent.jti).explain()


def test_child_ends_with_its_parent_when_that_is_sooner(make_token: MakeToken) -> None:
    now = timezone.now()
    parent = make_token(expires=1)
    child = create_child_token(
        parent, name="One", expires_at=now + timedelta(days=9), actor="tests", now=now
    )
    assert child.expires_at == parent.expires_at
    forever = make_token(expires=None)
    assert make_child(forever, now=now).expires_at == (now + timedelta(minutes=30)).replace(
        microsecond=0
    )


def test_use_counts_for_both_when_a_device_enrolls(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    parent = make_token(max_uses=2)
    child = make_child(parent)
    admit(build_request(make_session(child)))
    for token in (parent, child):
        token.refresh_from_db()
    assert (parent.use_count, child.use_count) == (1, 1)
    # The same device once more, with another child: no use of the parent's.
    admit(build_request(make_session(make_child(parent))))
    parent.refresh_from_db()
    assert parent.use_count == 1


def test_second_device_is_refused_when_the_child_is_used(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    parent = make_token()
    child = make_child(parent)
    first, second = make_session(child), make_session(child)
    admit(build_request(first))
    assert code_of(build_request(second, udid="UDID-2")) == "token_exhausted"
    parent.refresh_from_db()
    assert parent.use_count == 1


def test_child_enrolls_nobody_when_its_parents_quota_is_used_up(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    parent = make_token(max_uses=1)
    first, second = make_session(make_child(parent)), make_session(make_child(parent))
    admit(build_request(first))
    with pytest.raises(AdmissionRefused) as caught:
        admit(build_request(second, udid="UDID-2"))
    assert caught.value.code == "token_exhausted"
    second.token.refresh_from_db()
    assert second.token.use_count == 0
    with pytest.raises(TokenRefused):
        make_child(EnrollmentToken.objects.get(pk=parent.pk))


def test_child_dies_when_its_parent_is_revoked(
    client: Client, make_token: MakeToken, make_session: MakeSession
) -> None:
    parent = make_token()
    child = make_child(parent)
    session = make_session(child)
    assert parent.scep_profile is not None
    held = HeldRequest.objects.create(
        scep_profile=parent.scep_profile,
        transaction_id="TX",
        token_id=child.jti,
        public_key_sha256="ab" * 32,
    )
    revoke_token(parent, actor="tests")
    assert client.get("/enroll", {"token": build_token_text(child)}).status_code == 410
    assert code_of(build_request(session)) == "token_revoked"
    held.refresh_from_db()
    assert held.state == HeldRequestState.REJECTED
    assert (
        get_token_state(EnrollmentToken.objects.get(pk=child.pk), now=timezone.now())
        == TokenState.REVOKED
    )


def test_children_stand_in_no_list(make_token: MakeToken) -> None:
    parent = make_token()
    child = make_child(parent)
    listed = set(list_tokens(now=timezone.now()))
    assert parent in listed
    assert child not in listed


def test_unused_child_is_forgotten_a_day_after_its_end(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    now = timezone.now()
    parent = make_token(expires=None)
    opened, unused, recent = (
        make_child(parent, now=now - timedelta(days=days)) for days in (2, 2, 0)
    )
    make_session(opened)
    sweep_sessions()
    assert set(parent.children.all()) == {opened, recent}
    assert forget_unused_children(now=now) == 0
    assert not EnrollmentToken.objects.filter(pk=unused.pk).exists()


def test_each_unused_child_is_forgotten_in_its_turn_when_there_are_many(
    make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_tokens, "PORTION", 2)
    now = timezone.now()
    parent = make_token(expires=None)
    for _ in range(3):
        make_child(parent, now=now - timedelta(days=2))
    runs = [forget_unused_children(now=now) for _ in range(2 + EnrollmentToken.objects.count())]
    assert sum(runs) == 3
    assert max(runs) <= 2
