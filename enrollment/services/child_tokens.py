"""Tokens for one use that are made from another: its options, its quota and its end are theirs."""

from datetime import datetime, timedelta

from enrollment.models import EnrollmentToken, TokenSigningKey
from enrollment.services.tokens import check_token, get_signing_key
from organization.services.rounds import take_portion

# What a token has for itself; everything else is an option, and its children's as well.
OWN = {
    "id",
    "jti",
    "signing_key",
    "parent",
    "name",
    "expires_at",
    "max_uses",
    "use_count",
    "short_code_sha256",
    "expiry_warned_at",
    "quota_warned_at",
    "created_by",
    "revoked_at",
    "revoked_by",
    "created_at",
    "updated_at",
}
FORGOTTEN_AFTER = timedelta(days=1)
BATCH, PORTION = 500, 5000


def create_child_token(
    parent: EnrollmentToken, *, name: str, expires_at: datetime, actor: str, now: datetime
) -> EnrollmentToken:
    """Make a token for one device, which ends with `parent` at the latest. Nothing is audited.

    A use of it counts as one of the parent's. Raises TokenRefused unless the parent is active
    and NotReady without a signing key.
    """
    check_token(parent, now=now)
    ends = min(expires_at, parent.expires_at or expires_at)
    child = build_child_token(
        parent,
        signing_key=get_signing_key(),
        name=name,
        expires_at=ends.replace(microsecond=0),
        actor=actor,
    )
    child.save()
    return child


def build_child_token(
    parent: EnrollmentToken,
    *,
    signing_key: TokenSigningKey,
    name: str,
    expires_at: datetime | None,
    actor: str,
) -> EnrollmentToken:
    """Return a child that is not stored yet, for those who make many at once."""
    fields = (field for field in parent._meta.concrete_fields if field.name not in OWN)
    return EnrollmentToken(
        **{field.attname: getattr(parent, field.attname) for field in fields},
        signing_key=signing_key,
        parent=parent,
        name=name,
        expires_at=expires_at,
        max_uses=1,
        created_by=actor,
    )


def forget_unused_children(*, now: datetime) -> int:
    """Delete children that ended a day ago and that nobody has ever opened; return how many.

    Invitations stay: somebody wants to see who never came. A run looks at a portion of all tokens.
    """
    unused = EnrollmentToken.objects.filter(
        take_portion("child tokens", EnrollmentToken.objects.all(), size=PORTION),
        parent__isnull=False,
        invitation=None,
        expires_at__lte=now - FORGOTTEN_AFTER,
        sessions=None,
        uses=None,
        log_entries=None,
    )
    keys = list(unused.values_list("pk", flat=True)[:BATCH])
    return EnrollmentToken.objects.filter(pk__in=keys).delete()[0]
