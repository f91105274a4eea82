"""People who are invited: a link each, for one device, whose owner they become."""

import base64
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import Device, Enrollment
from devices.signals import device_enrolled
from enrollment.errors import InvitationRefused, TokenRefused
from enrollment.models import EnrollmentToken, Invitation, InvitationState
from enrollment.protocol.invitation_list import MAX_PEOPLE, InvitedPerson
from enrollment.selectors import filter_invitations, get_invitation_state, list_invitations
from enrollment.services.admission import admit
from enrollment.services.child_tokens import forget_unused_children
from enrollment.services.invitations import invite_people, request_mail, revoke_invitation
from enrollment.services.sessions import get_session
from enrollment.services.token_texts import build_token_text
from enrollment.services.tokens import revoke_token
from organization.models import AuditEntry
from tests.enrollment.conftest import IPHONE, MakeToken
from tests.enrollment.test_admission import build_request, code_of

pytestmark = pytest.mark.django_db
ANN, BOB = InvitedPerson("Ann Lee", "ann@example.com"), InvitedPerson("Bob", "bob@example.com")


def invite(token: EnrollmentToken, *people: InvitedPerson, mail: bool = False) -> list[Invitation]:
    invite_people(token, people=people, language="en", send_mail=mail, actor="tests")
    return list(list_invitations(token).order_by("id"))


def open_session(client: Client, invitation: Invitation) -> Any:
    answer = client.post(
        "/enroll/sessions",
        {"token": build_token_text(invitation.token)},
        headers={"User-Agent": IPHONE},
    )
    assert answer.status_code == 201
    return get_session(answer.json()["id"])


def get_states(token: EnrollmentToken) -> list[str]:
    now = timezone.now()
    states = [get_invitation_state(row, now=now) for row in list_invitations(token).order_by("id")]
    for row, state in zip(list_invitations(token).order_by("id"), states, strict=True):
        # The filter's SQL and the state in Python say the same.
        assert row in filter_invitations(list_invitations(token), state=state, now=now)
        others = [each for each in InvitationState if each != state]
        for other in others:
            assert row not in filter_invitations(list_invitations(token), state=other, now=now)
    return [str(state) for state in states]


def test_person_owns_the_device_that_enrolls_with_their_link(
    client: Client, make_token: MakeToken
) -> None:
    token = make_token()
    ann, _bob = invite(token, ANN, BOB)
    claims = build_token_text(ann.token).split(".")[1]
    assert b"Ann Lee" not in base64.urlsafe_b64decode(f"{claims}==")
    session = open_session(client, ann)
    assert get_states(token) == ["started", "invited"]
    admission = admit(build_request(session))
    assert (admission.owner, admission.owner_name) == ("ann@example.com", "Ann Lee")
    device = Device.objects.create(udid="UDID-1")
    enrollment = Enrollment.objects.create(
        device=device,
        session_id=session.public_id,
        certificate_sha256="ab" * 32,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.x",
    )
    device_enrolled.send(Enrollment, enrollment=enrollment, renewed=False)
    ann.refresh_from_db()
    assert ann.device_id == device.public_id
    assert get_states(token) == ["enrolled", "invited"]


def test_link_enrolls_one_device_when_two_come(client: Client, make_token: MakeToken) -> None:
    (ann,) = invite(make_token(), ANN)
    first, second = open_session(client, ann), open_session(client, ann)
    admit(build_request(first))
    assert code_of(build_request(second, udid="UDID-2")) == "token_exhausted"


def test_links_die_one_by_one_or_all_with_the_token(client: Client, make_token: MakeToken) -> None:
    token = make_token()
    ann, bob = invite(token, ANN, BOB)
    revoke_invitation(ann, actor="tests")
    assert get_states(token) == ["revoked", "invited"]
    for row, status in ((ann, 410), (bob, 200)):
        answer = client.get("/enroll", {"token": build_token_text(row.token)})
        assert answer.status_code == status
    revoke_token(token, actor="tests")
    token.refresh_from_db()
    assert get_states(token) == ["revoked", "revoked"]
    assert client.get("/enroll", {"token": build_token_text(bob.token)}).status_code == 410
    with pytest.raises(TokenRefused):
        invite(token, ANN)


def test_links_are_dead_when_the_token_is_used_up(client: Client, make_token: MakeToken) -> None:
    token = make_token(max_uses=1)
    ann, bob, eve = invite(token, ANN, BOB, InvitedPerson("Eve", "eve@example.com"))
    revoke_invitation(eve, actor="tests")
    admit(build_request(open_session(client, ann)))
    assert get_states(token) == ["started", "exhausted", "revoked"]
    assert client.get("/enroll", {"token": build_token_text(bob.token)}).status_code == 410


def test_links_end_with_the_token_and_stay_in_the_list(make_token: MakeToken) -> None:
    token = make_token(expires=1)
    (ann,) = invite(token, ANN)
    assert ann.token.expires_at == token.expires_at
    EnrollmentToken.objects.update(expires_at=timezone.now() - timedelta(days=3))
    forget_unused_children(now=timezone.now())
    token.refresh_from_db()
    assert get_states(token) == ["expired"]


def test_nobody_is_invited_twice_unless_their_link_is_dead(make_token: MakeToken) -> None:
    token = make_token()
    (ann,) = invite(token, ANN)
    done = invite_people(
        token,
        people=[InvitedPerson("A", "ANN@example.com"), InvitedPerson("B", "Bob@Example.com")],
        language="en",
        send_mail=False,
        actor="tests",
    )
    assert (done.invited, done.known) == (1, 1)
    assert len(invite(token, BOB)) == 2
    revoke_invitation(ann, actor="tests")
    assert len(invite(token, ANN)) == 3
    entry = AuditEntry.objects.filter(action="token.invite").first()
    assert entry is not None
    assert (entry.subject_id, entry.detail) == (token.jti, {"invited": 1, "mailed": False})


def test_nothing_is_asked_of_a_mail_server_when_there_is_none(make_token: MakeToken) -> None:
    token = make_token()
    with pytest.raises(InvitationRefused, match="GUARDMDM_EMAIL_URL"):
        invite(token, ANN, mail=True)
    (ann,) = invite(token, ANN)
    with pytest.raises(InvitationRefused, match="GUARDMDM_EMAIL_URL"):
        request_mail(ann, actor="tests")


def test_personal_link_invites_nobody(make_token: MakeToken) -> None:
    (ann,) = invite(make_token(), ANN)
    with pytest.raises(InvitationRefused):
        invite(ann.token, BOB)


def test_long_list_is_invited_at_once(make_token: MakeToken) -> None:
    token = make_token(expires=None)
    people = [InvitedPerson(f"N{number}", f"n{number}@example.com") for number in range(3000)]
    started = time.process_time()
    assert len(invite(token, *people)) == len(people) <= MAX_PEOPLE
    assert time.process_time() - started < 10
    revoke_token(token, actor="tests")
