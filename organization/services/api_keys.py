"""API keys: made once, shown once, known afterwards by their SHA-256 only."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from organization.errors import ApiKeyExists, ApiKeyInvalid, ApiKeyTooLong
from organization.models import ApiKey, lock_until_commit
from organization.services import audit

PREFIX = "gmk_"
HINT_LENGTH = 10
LAST_USED_RESOLUTION = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    name: str,
    *,
    role: str,
    actor: str,
    expires_at: datetime | None = None,
    may_share_name: bool = False,
) -> tuple[ApiKey, str]:
    """Return the row and the key's text (`gmk_…`, 256 random bits), which is never seen again.

    Raises ApiKeyExists where a key of this name is in use, unless it `may_share_name`.
    """
    lock_until_commit("names of API keys")
    in_use = list_active_keys(now=timezone.now()).filter(name__iexact=name)
    if not may_share_name and in_use.exists():
        raise ApiKeyExists("This name is taken by a key that is in use.")
    text = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name,
        role=role,
        expires_at=expires_at,
        hint=text[:HINT_LENGTH],
        key_sha256=_digest(text),
    )
    detail = {"role": str(role), "expires": expires_at.isoformat() if expires_at else "never"}
    audit.record(
        actor, action="api_key.create", subject_id=key.public_id, subject=name, detail=detail
    )
    return key, text


def create_successor(
    maker: ApiKey, *, name: str, role: str, actor: str, expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """Make a key for a program; it is dead no later than the key that asks for it (`maker`).

    Else whoever finds a key would have one that outlives it. Raises ApiKeyExists, ApiKeyTooLong.
    """
    last = maker.expires_at
    if last is not None and expires_at is not None and expires_at > last:
        raise ApiKeyTooLong(f"The key that makes this one expires at {last.isoformat()}.")
    return create_api_key(name, role=role, actor=actor, expires_at=expires_at or last)


def list_active_keys(*, now: datetime) -> "QuerySet[ApiKey]":
    """Return the keys that are neither revoked nor expired."""
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    return ApiKey.objects.filter(alive, revoked_at=None)


def verify_api_key(text: str, *, now: datetime) -> ApiKey:
    """Return the live key with this text; raises ApiKeyInvalid. Notes its use once a minute."""
    if not text.startswith(PREFIX):
        raise ApiKeyInvalid("this is not an API key")
    key = ApiKey.objects.filter(key_sha256=_digest(text), revoked_at=None).first()
    if key is None:
        raise ApiKeyInvalid("the API key is unknown or revoked")
    if key.is_expired(now=now):
        raise ApiKeyInvalid("the API key has expired")
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_RESOLUTION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke_api_key(key: ApiKey, *, actor: str) -> None:
    """The key's next request is refused; revoking again changes nothing."""
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        return
    audit.record(actor, action="api_key.revoke", subject_id=key.public_id, subject=key.name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
