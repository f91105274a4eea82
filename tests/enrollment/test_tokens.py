"""Tokens as rows: the row rules, and text and URL come from it alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.utils import timezone

from devices.models import Group
from enrollment.errors import TokenInvalid, TokenRefused
from enrollment.models import EnrollmentToken, TokenSigningKey, TokenState
from enrollment.protocol.token import sign_token
from enrollment.selectors import get_token_state, list_tokens
from enrollment.services import token_texts, tokens
from enrollment.services.bootstrap import ensure_signing_key, rotate_signing_key
from organization.errors import ApiKeyInvalid
from organization.models import AuditEntry
from organization.services.api_keys import create_api_key, verify_api_key
from scep.models import HeldRequest
from scep.services.bootstrap import ensure_default_profile
from tests.enrollment.conftest import MakeSession, MakeToken

pytestmark = pytest.mark.django_db


def code_of(text: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        token_texts.verify_token(text, now=timezone.now())
    return caught.value.code


def forge(token: EnrollmentToken, **changes: Any) -> str:
    """A token that our own key signed, with other claims than the row's."""
    claims = replace(token_texts._build_claims(token, session_id=None), **changes)
    key = load_der_private_key(bytes(token.signing_key.private_key or b""), None)
    return sign_token(claims, kid=token.signing_key.kid, private_key=key)  # type: ignore[arg-type]


def test_token_comes_back_when_its_url_is_opened(make_token: MakeToken, now: datetime) -> None:
    token = make_token()
    text = parse_qs(urlsplit(token_texts.build_enrollment_url(token)).query)["token"][0]
    assert token_texts.verify_token(text, now=now).token == token


def test_text_is_the_same_when_read_from_the_row_again(make_token: MakeToken) -> None:
    token = make_token()
    again = EnrollmentToken.objects.get(pk=token.pk)
    assert token_texts.build_token_text(token) == token_texts.build_token_text(again)


def test_no_text_is_stored_when_a_token_is_made(make_token: MakeToken) -> None:
    token = make_token()
    values = EnrollmentToken.objects.filter(pk=token.pk).values().get()
    assert not any("eyJ" in str(value) for value in values.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"max_uses": 1_000},
        {"exp": None},
        {"exp": 4_000_000_000},
        {"sub": "org_other"},
        {"scep_profile": None},
        {"jti": "11111111-1111-1111-1111-111111111111"},
    ],
)
def test_token_is_unknown_when_signed_claims_differ_from_the_row(
    make_token: MakeToken, changes: dict[str, Any]
) -> None:
    assert code_of(forge(make_token(max_uses=5), **changes)) == "token_unknown"


def test_token_is_unknown_when_it_names_another_group(make_token: MakeToken) -> None:
    other = Group.objects.create(name="Other group")
    assert code_of(forge(make_token(), group_id=other.public_id)) == "token_unknown"


def test_group_is_missing_when_the_named_one_is_gone(make_token: MakeToken) -> None:
    assert code_of(forge(make_token(), group_id="grp_gone")) == "group_missing"


def test_signature_is_invalid_when_the_key_id_is_unknown(make_token: MakeToken) -> None:
    token = make_token()
    text = token_texts.build_token_text(token)
    TokenSigningKey.objects.filter(pk=token.signing_key_id).update(kid="another")
    assert code_of(text) == "token_signature_invalid"


def test_token_is_expired_when_its_moment_has_come(make_token: MakeToken) -> None:
    assert code_of(token_texts.build_token_text(make_token(expires=-1))) == "token_expired"


def test_token_is_exhausted_when_as_many_devices_enrolled(make_token: MakeToken) -> None:
    token = make_token(max_uses=3)
    EnrollmentToken.objects.filter(pk=token.pk).update(use_count=3)
    assert code_of(token_texts.build_token_text(token)) == "token_exhausted"


def test_token_and_challenge_are_refused_when_revoked(
    make_session: MakeSession, now: datetime
) -> None:
    session = make_session()
    challenge = token_texts.build_challenge(session)
    assert token_texts.verify_token(challenge, now=now).session_id == session.public_id
    tokens.revoke_token(session.token, actor="ann@example.com")
    assert code_of(token_texts.build_token_text(session.token)) == "token_revoked"
    assert code_of(challenge) == "token_revoked"
    entry = AuditEntry.objects.get(action="token.revoke")
    assert (entry.actor, entry.subject_id) == ("ann@example.com", session.token.jti)


def test_waiting_request_is_rejected_when_its_token_is_revoked(make_session: MakeSession) -> None:
    """T7: whoever waits, approved or not, and has no certificate yet gets none."""
    session = make_session()
    held = [
        HeldRequest.objects.create(
            scep_profile=ensure_default_profile(),
            transaction_id=state,
            public_key_sha256=state,
            state=state,
            session_id=session.public_id,
        )
        for state in ("pending", "approved")
    ]
    other = HeldRequest.objects.create(
        scep_profile=held[0].scep_profile, transaction_id="other", public_key_sha256="other"
    )
    tokens.revoke_token(session.token, actor="admin@example.com")
    for row in [*held, other]:
        row.refresh_from_db()
    assert [row.state for row in [*held, other]] == ["rejected", "rejected", "pending"]


def test_first_revocation_stands_when_revoked_twice(make_token: MakeToken) -> None:
    token = make_token()
    tokens.revoke_token(token, actor="ann")
    tokens.revoke_token(token, actor="bob")
    token.refresh_from_db()
    assert token.revoked_by == "ann"
    assert AuditEntry.objects.filter(action="token.revoke").count() == 1


def test_challenge_opens_no_page_when_used_as_a_link(
    make_session: MakeSession, now: datetime
) -> None:
    with pytest.raises(TokenRefused, match="challenge"):
        token_texts.verify_bare_token(token_texts.build_challenge(make_session()), now=now)


def test_old_tokens_verify_when_the_key_was_rotated(make_token: MakeToken, now: datetime) -> None:
    old = make_token()
    text = token_texts.build_token_text(old)
    key = rotate_signing_key(actor="tests")
    new = make_token()
    assert new.signing_key == key == ensure_signing_key()
    assert new.signing_key != old.signing_key
    assert token_texts.verify_token(text, now=now).token == old
    assert token_texts.build_token_text(EnrollmentToken.objects.get(pk=old.pk)) == text
    assert token_texts.verify_token(token_texts.build_token_text(new), now=now).token == new


def test_token_is_unknown_when_another_key_of_ours_signed_it(make_token: MakeToken) -> None:
    """Else whoever has an old key could make tokens out of those that a newer one signed."""
    old = make_token()
    rotate_signing_key(actor="tests")
    new = make_token()
    claims = token_texts._build_claims(new, session_id=None)
    key = load_der_private_key(bytes(old.signing_key.private_key or b""), None)
    text = sign_token(claims, kid=old.signing_key.kid, private_key=key)  # type: ignore[arg-type]
    assert code_of(text) == "token_unknown"


def test_enrollment_token_is_no_api_key(make_token: MakeToken, now: datetime) -> None:
    with pytest.raises(ApiKeyInvalid):
        verify_api_key(token_texts.build_token_text(make_token()), now=now)


def test_api_key_is_no_enrollment_token(bootstrapped: None) -> None:
    _, text = create_api_key("ci", role="administrator", actor="tests")
    assert code_of(text) == "token_malformed"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\0b"])
def test_token_is_not_made_when_its_name_is_impossible(make_token: MakeToken, name: str) -> None:
    with pytest.raises(TokenInvalid):
        make_token(name=name)


@pytest.mark.parametrize("name", ["👨‍👩‍👧 Family iPads", "دستگاه‌های مهندسی"])
def test_token_keeps_its_name_when_its_letters_or_emoji_are_joined(
    make_token: MakeToken, now: datetime, name: str
) -> None:
    text = token_texts.build_token_text(make_token(name=name))
    assert token_texts.verify_token(text, now=now).token.name == name


@pytest.mark.parametrize("state", list(TokenState))
def test_list_and_selector_agree_when_filtered_by_state(
    make_token: MakeToken, state: TokenState, now: datetime
) -> None:
    made = {
        TokenState.ACTIVE: make_token(max_uses=2),
        TokenState.EXPIRED: make_token(expires=-1),
        TokenState.EXHAUSTED: make_token(max_uses=1),
        TokenState.REVOKED: make_token(expires=-1),
    }
    EnrollmentToken.objects.filter(pk=made[TokenState.EXHAUSTED].pk).update(use_count=1)
    tokens.revoke_token(made[TokenState.REVOKED], actor="tests")
    listed = set(list_tokens(now=now, state=state))
    assert made[state] in listed
    assert all(get_token_state(token, now=now) == state for token in listed)
    assert not listed & {token for other, token in made.items() if other != state}


def test_expiry_has_whole_seconds_when_made(make_token: MakeToken) -> None:
    token = make_token()
    assert token.expires_at is not None
    assert token.expires_at.microsecond == 0
    assert token.expires_at - timezone.now() < timedelta(hours=1)
