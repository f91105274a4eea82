"""Groups and SCEP profiles are deleted once the tokens that name them are worth nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from devices.errors import GroupInUse
from devices.models import Group
from devices.services.groups import delete_group
from enrollment.errors import TokenRefused
from enrollment.models import EnrollmentToken
from enrollment.services import token_texts, tokens
from enrollment.services.admission import admit
from enrollment.services.child_tokens import create_child_token
from enrollment.services.sessions import get_session
from enrollment.services.subject_attributes import describe_session
from scep.errors import ProfileInUse
from scep.services.profiles import delete_scep_profile
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.enrollment.test_admission import build_request

pytestmark = pytest.mark.django_db
PAST = datetime(2026, 1, 1, tzinfo=UTC)


def revoke(token: EnrollmentToken) -> None:
    tokens.revoke_token(token, actor="a")


def expire(token: EnrollmentToken) -> None:
    EnrollmentToken.objects.filter(pk=token.pk).update(expires_at=PAST)


def use_up(token: EnrollmentToken) -> None:
    EnrollmentToken.objects.filter(pk=token.pk).update(max_uses=1, use_count=1)


@pytest.mark.parametrize("end", [revoke, expire, use_up])
def test_group_and_profile_go_when_their_last_token_is_dead_and_history_keeps_their_names(
    end: Any, make_token: MakeToken, make_session: MakeSession, now: datetime
) -> None:
    token = make_token(challenge="token")
    profile = token.scep_profile
    assert profile is not None
    session = make_session(token)
    group = token.group
    assert group is not None
    with pytest.raises(GroupInUse, match="tokens"):
        delete_group(group, actor="a")
    with pytest.raises(ProfileInUse, match="tokens"), transaction.atomic():
        delete_scep_profile(profile, actor="a")
    end(token)
    token = EnrollmentToken.objects.get(pk=token.pk)
    text = token_texts.build_token_text(token)
    before = token_texts.build_challenge(get_session(session.public_id))
    with pytest.raises(TokenRefused) as refused:
        token_texts.verify_token(text, now=now)
    kept = (group.name, group.public_id, profile.public_id)
    delete_group(group, actor="a")
    delete_scep_profile(profile, actor="a")
    assert not Group.objects.filter(pk=group.pk).exists()
    token = EnrollmentToken.objects.get(pk=token.pk)
    assert (token.group, token.scep_profile, token.scep_profile_name) == (None, None, profile.name)
    assert (token.group_name, token.group_public_id, token.scep_profile_public_id) == kept
    # The text stays what it was, for it stands in profiles, and is refused for the same reason.
    session = get_session(session.public_id)
    assert token_texts.build_token_text(token) == text
    assert token_texts.build_challenge(session) == before
    with pytest.raises(TokenRefused) as caught:
        token_texts.verify_token(text, now=now)
    assert caught.value.code == refused.value.code
    assert describe_session(session.public_id, token_id="").group == kept[0]


def test_nothing_is_let_go_of_when_another_token_lives(
    make_token: MakeToken, now: datetime
) -> None:
    dead, alive = make_token(), make_token()
    revoke(dead)
    group, profile = dead.group, dead.scep_profile
    assert group is not None
    assert profile is not None
    assert (alive.group, alive.scep_profile) == (group, profile)
    with pytest.raises(GroupInUse):
        delete_group(group, actor="a")
    with pytest.raises(ProfileInUse):
        delete_scep_profile(profile, actor="a")
    dead.refresh_from_db()
    assert (dead.group, dead.former_group_id) == (group, "")
    assert (dead.scep_profile, dead.former_scep_profile_id) == (profile, "")


def test_dead_tokens_keep_what_is_not_deleted(make_token: MakeToken) -> None:
    gone, other = make_token(challenge="token"), make_token(challenge="static")
    assert gone.scep_profile is not None
    assert other.scep_profile not in (None, gone.scep_profile)
    gone.group = Group.objects.create(name="Closed school")
    gone.save()
    for token in (gone, other):
        revoke(token)
    delete_group(gone.group, actor="a")
    delete_scep_profile(gone.scep_profile, actor="a")
    kept = EnrollmentToken.objects.get(pk=other.pk)
    assert (kept.group, kept.scep_profile) == (other.group, other.scep_profile)


def test_child_is_as_dead_as_its_parent(make_token: MakeToken, now: datetime) -> None:
    parent = make_token()
    child = create_child_token(
        parent, name="Child", expires_at=now + timedelta(hours=1), actor="a", now=now
    )
    group = parent.group
    assert group is not None
    revoke(parent)
    delete_group(group, actor="a")
    child.refresh_from_db()
    assert (child.group_name, child.former_group_id) == (group.name, group.public_id)


def test_device_that_was_counted_is_refused_when_the_group_is_gone(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    """A used-up token lets a device in again that it has let in before."""
    from devices.errors import AdmissionRefused

    token = make_token(max_uses=1)
    session = make_session(token)
    admit(build_request(session))
    EnrollmentToken.objects.filter(pk=token.pk).update(use_count=F("max_uses"))
    group = token.group
    assert group is not None
    delete_group(group, actor="a")
    with pytest.raises(AdmissionRefused) as caught:
        admit(build_request(session))
    assert caught.value.code == "token_exhausted"
