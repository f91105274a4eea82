"""SCEP profiles: how devices get an identity certificate."""

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from organization.services import audit
from scep.errors import ProfileInUse, ProfileInvalid
from scep.models import ChallengeType, ScepProfile
from scep.selectors import get_issuing_ca

KEY_SIZES = (2048, 4096)
MAX_VALIDITY_DAYS = 825
MIN_STATIC_CHALLENGE = 8


def create_scep_profile(
    *,
    name: str,
    challenge_type: str,
    static_challenge: str | None = None,
    allow_legacy: bool = False,
    key_size: int = 2048,
    validity_days: int = 365,
    actor: str,
) -> ScepProfile:
    """Make a SCEP profile below the active issuing CA; raises ProfileInvalid, NotSetUp."""
    profile = ScepProfile(
        name=name.strip(),
        challenge_type=challenge_type,
        static_challenge=static_challenge.encode() if static_challenge else None,
        allow_legacy=allow_legacy,
        key_size=key_size,
        validity_days=validity_days,
        issuing_ca=get_issuing_ca(),
    )
    return _save(profile, action="scep_profile.create", actor=actor)


def update_scep_profile(
    scep_profile: ScepProfile,
    *,
    name: str,
    challenge_type: str,
    static_challenge: str | None = None,
    allow_legacy: bool,
    key_size: int,
    validity_days: int,
    actor: str,
) -> ScepProfile:
    """Change a SCEP profile; `static_challenge` None keeps the one it has.

    Raises ProfileInvalid. A profile that is not static keeps no static challenge.
    """
    scep_profile.name = name.strip()
    scep_profile.challenge_type = challenge_type
    scep_profile.allow_legacy = allow_legacy
    scep_profile.key_size = key_size
    scep_profile.validity_days = validity_days
    if challenge_type != ChallengeType.STATIC:
        scep_profile.static_challenge = None
    elif static_challenge is not None:
        scep_profile.static_challenge = static_challenge.encode()
    return _save(scep_profile, action="scep_profile.update", actor=actor)


def delete_scep_profile(scep_profile: ScepProfile, *, actor: str) -> None:
    """Remove a SCEP profile; raises ProfileInUse while tokens or certificates refer to it."""
    public_id, name = scep_profile.public_id, scep_profile.name
    try:
        with transaction.atomic():
            scep_profile.delete()
            audit.record(actor, action="scep_profile.delete", subject_id=public_id, subject=name)
    except ProtectedError as error:
        raise ProfileInUse(
            f"The SCEP profile {name} is used by tokens or certificates and cannot be deleted."
        ) from error


def _save(profile: ScepProfile, *, action: str, actor: str) -> ScepProfile:
    _check(profile)
    try:
        with transaction.atomic():
            profile.save()
            audit.record(actor, action=action, subject_id=profile.public_id, subject=profile.name)
    except IntegrityError as error:
        raise ProfileInvalid(f"There is a SCEP profile named {profile.name} already.") from error
    return profile


def _check(profile: ScepProfile) -> None:
    if not profile.name or len(profile.name) > 100 or "\0" in profile.name:
        raise ProfileInvalid("A SCEP profile needs a name of at most 100 characters.")
    if profile.challenge_type not in ChallengeType.values:
        raise ProfileInvalid(f"The challenge must be one of {', '.join(ChallengeType.values)}.")
    if profile.key_size not in KEY_SIZES:
        raise ProfileInvalid("The key size must be 2048 or 4096.")
    if not 1 <= profile.validity_days <= MAX_VALIDITY_DAYS:
        raise ProfileInvalid(f"The validity must be 1 to {MAX_VALIDITY_DAYS} days.")
    _check_static_challenge(profile)


def _check_static_challenge(profile: ScepProfile) -> None:
    challenge = profile.static_challenge
    if profile.challenge_type != ChallengeType.STATIC:
        if challenge:
            raise ProfileInvalid("Only a profile with static challenges takes a static challenge.")
        return
    if not challenge or len(bytes(challenge)) < MIN_STATIC_CHALLENGE:
        raise ProfileInvalid(
            f"A static challenge needs at least {MIN_STATIC_CHALLENGE} characters."
        )
