"""API keys: made once, shown once, known afterwards by their SHA-256 only."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils import timezone

from organization.errors import ApiKeyInvalid
from organization.models import ApiKey
from organization.services import audit

PREFIX = "gmk_"
HINT_LENGTH = 10
LAST_USED_RESOLUTION = timedelta(minutes=1)


def create_api_key(name: str, *, role: str, actor: str) -> tuple[ApiKey, str]:
    """Return the row and the key's text (`gmk_…`, 256 random bits), which is never seen again."""
    text = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name, role=role, hint=text[:HINT_LENGTH], key_sha256=_digest(text)
    )
    audit.record(actor, action="api_key.create", subject_id=key.public_id, subject=name)
    return key, text


def verify_api_key(text: str, *, now: datetime) -> ApiKey:
    """Return the live key with this text; raises ApiKeyInvalid. Notes its use once a minute."""
    if not text.startswith(PREFIX):
        raise ApiKeyInvalid("this is not an API key")
    key = ApiKey.objects.filter(key_sha256=_digest(text), revoked_at=None).first()
    if key is None:
        raise ApiKeyInvalid("the API key is unknown or revoked")
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
