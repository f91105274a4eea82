"""SCEP profiles: how devices get an identity certificate."""

from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import PROTECT
from django.utils import timezone

from organization.models import lock_until_commit
from organization.services import audit
from scep.errors import ProfileGone, ProfileInUse, ProfileInvalid
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    CertificateStatus,
    ChallengeType,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.certificates import normalize_fingerprint
from scep.selectors import get_issuing_ca
from scep.services.authorities import ensure_single_authority
from scep.services.held_requests import end_claimed_requests
from scep.services.profile_checks import check_values
from scep.services.trusted_authorities import (
    forget_unused_authorities,
    read_authorities,
    store_authorities,
)
from scep.signals import scep_profile_deleting

SECRETS = ("static_challenge", "hook_password")
# What means nothing to a profile of the other kind, and the value that says so.
EXTERNAL_ONLY: dict[str, Any] = {
    "external_url": "",
    "ca_name": "",
    "ca_fingerprint": "",
    "hook_type": "",
    "hook_url": "",
    "hook_username": "",
    "hook_password": None,
}
BUILTIN_ONLY: dict[str, Any] = {
    "hold_for_approval": False,
    "single_certificate": False,
    "allow_legacy": False,
}
CHECKED_ANEW = ("server_type", "external_url", "ca_name", "ca_fingerprint")


class ScepProfileValues(TypedDict, total=False):
    """What an administrator says about a SCEP profile; what is left out keeps its value.

    `static_challenge` and `hook_password`: None keeps the one that is there, "" removes it.
    `ca_fingerprint`: SHA-256 in hexadecimal, colons and spaces allowed. `trusted_ca_pem`: the CAs
    whose identities are trusted, as one PEM text that replaces those before.
    """

    name: str
    server_type: str
    challenge_type: str
    static_challenge: str | None
    allow_legacy: bool
    key_size: int
    key_usage: int
    subject: list[str]
    subject_alternative_names: list[str]
    validity_days: int
    renewal_days: int | None
    hold_for_approval: bool
    single_certificate: bool
    external_url: str
    ca_name: str
    ca_fingerprint: str
    trusted_ca_pem: str
    hook_type: str
    hook_url: str
    hook_username: str
    hook_password: str | None


VALUE_NAMES = tuple(ScepProfileValues.__annotations__)


def create_scep_profile(*, actor: str, **values: Unpack[ScepProfileValues]) -> ScepProfile:
    """Make a SCEP profile, for the built-in CA unless told otherwise.

    Raises ProfileInvalid, and NotSetUp before the first-time set-up.
    """
    return _save(ScepProfile(), values=values, action="scep_profile.create", actor=actor)


def update_scep_profile(
    scep_profile: ScepProfile, *, actor: str, **values: Unpack[ScepProfileValues]
) -> ScepProfile:
    """Change what `values` name; of two at once neither undoes what the other left alone.

    A profile that is not static keeps no static challenge. Raises ProfileInvalid, and then nothing
    is changed, and ProfileGone where it was deleted.
    """
    with transaction.atomic():
        _hold(scep_profile)
        try:
            scep_profile.refresh_from_db()
        except ScepProfile.DoesNotExist as error:
            raise ProfileGone("The SCEP profile was deleted.") from error
        return _save(scep_profile, values=values, action="scep_profile.update", actor=actor)


def delete_scep_profile(scep_profile: ScepProfile, *, actor: str) -> None:
    """Remove a SCEP profile.

    Raises ProfileInUse while certificates, or tokens that are good for anything, refer to it.
    """
    public_id, name = scep_profile.public_id, scep_profile.name
    with transaction.atomic():
        _hold(scep_profile)
        # First, so that whoever adds a row that points to it right now is waited for.
        ScepProfile.objects.select_for_update().filter(pk=scep_profile.pk).first()
        scep_profile_deleting.send(ScepProfile, scep_profile=scep_profile)
        if users := _find_users(scep_profile):
            raise ProfileInUse(
                f"The SCEP profile {name} is used by {' and '.join(users)} and cannot be deleted."
            )
        scep_profile.delete()
        forget_unused_authorities()
        audit.record(actor, action="scep_profile.delete", subject_id=public_id, subject=name)


def _hold(scep_profile: ScepProfile) -> None:
    """One change after the other, until the commit.

    Not by the row itself: whoever lets another CA issue has the CA's and then wants the profiles',
    and a change of a profile wants the CA's, too.
    """
    lock_until_commit(f"scep profile {scep_profile.pk}")


def _find_users(scep_profile: ScepProfile) -> list[str]:
    """Return what refers to the profile and is not deleted with it, by name.

    One row of each kind is looked for: the deletion itself would read every certificate.
    """
    users = []
    for relation in ScepProfile._meta.related_objects:
        model: Any = relation.related_model
        rows = model._default_manager.filter(**{relation.field.name: scep_profile}).order_by()
        if relation.on_delete is PROTECT and rows.exists():
            users.append(str(model._meta.verbose_name_plural))
    return sorted(users)


def _save(
    profile: ScepProfile, *, values: ScepProfileValues, action: str, actor: str
) -> ScepProfile:
    before = [getattr(profile, name) for name in CHECKED_ANEW]
    was_external = profile.pk is not None and profile.is_external
    challenge = _get_static_challenge(profile)
    _write_values(profile, values=values)
    pem = values.get("trusted_ca_pem", "") if profile.is_external else ""
    trusted = read_authorities(pem, now=timezone.now()) if pem.strip() else None
    check_values(profile)
    _check_trust(profile, has_new=bool(trusted))
    if was_external and not profile.is_external:
        _check_unused(profile)
    if before != [getattr(profile, name) for name in CHECKED_ANEW]:
        profile.checked_at, profile.check_code, profile.check_message = None, "", ""
    try:
        with transaction.atomic():
            profile.issuing_ca = _choose_authority(profile)
            profile.save()
            if trusted is not None or not profile.is_external:
                profile.trusted_cas.set(store_authorities(trusted or []))
                forget_unused_authorities()
            if challenge and challenge != _get_static_challenge(profile):
                end_claimed_requests(profile, now=timezone.now(), actor=actor)
            audit.record(actor, action=action, subject_id=profile.public_id, subject=profile.name)
    except IntegrityError as error:
        raise ProfileInvalid(
            f"There is a SCEP profile named {profile.name} already.", field="name"
        ) from error
    return profile


def _write_values(profile: ScepProfile, *, values: ScepProfileValues) -> None:
    for name, value in values.items():
        if name in SECRETS:
            if value is not None:
                setattr(profile, name, str(value).encode() or None)
        elif name == "ca_fingerprint":
            profile.ca_fingerprint = normalize_fingerprint(str(value))
        elif name != "trusted_ca_pem":
            setattr(profile, name, value.strip() if isinstance(value, str) else value)
    unused = BUILTIN_ONLY if profile.is_external else EXTERNAL_ONLY
    if profile.is_external and profile.challenge_type != ChallengeType.DYNAMIC:
        unused = unused | {name: EXTERNAL_ONLY[name] for name in EXTERNAL_ONLY if "hook" in name}
    for name, value in unused.items():
        setattr(profile, name, value)
    if profile.challenge_type != ChallengeType.STATIC and not values.get("static_challenge"):
        profile.static_challenge = None


def _get_static_challenge(profile: ScepProfile) -> bytes:
    return bytes(profile.static_challenge or b"")


def _choose_authority(profile: ScepProfile) -> CertificateAuthority | None:
    """Return the CA that issues for the profile; an active issuing CA stays.

    It is asked once more under a lock: another may have taken over since the profile was read, and
    has to wait for this transaction before it takes the profiles over.
    """
    if profile.is_external:
        return None
    if profile.single_certificate:
        role, present = CertificateAuthorityRole.SINGLE, ensure_single_authority(now=timezone.now())
    else:
        role, present = CertificateAuthorityRole.ISSUING, profile.issuing_ca or get_issuing_ca()
    still_active = CertificateAuthority.objects.select_for_update(no_key=True).filter(
        pk=present.pk, role=role, state=CertificateAuthorityState.ACTIVE
    )
    return still_active.first() or CertificateAuthority.objects.get(
        role=role, state=CertificateAuthorityState.ACTIVE
    )


def _check_trust(profile: ScepProfile, *, has_new: bool) -> None:
    if not profile.is_external or has_new:
        return
    if profile.pk is None or not profile.trusted_cas.exists():
        raise ProfileInvalid(
            "Upload the CA certificates whose identities are to be trusted (PEM).",
            field="trusted_ca_pem",
        )


def _check_unused(profile: ScepProfile) -> None:
    """A profile of our own CA trusts no other: who has an identity of one would be refused."""
    in_use = IssuedCertificate.objects.filter(
        scep_profile=profile,
        issuer__role=CertificateAuthorityRole.EXTERNAL,
        status=CertificateStatus.ISSUED,
        not_after__gt=timezone.now(),
    )
    if in_use.exists():
        raise ProfileInvalid(
            "Devices have identities of the external server, which would be refused at once. "
            "Make another SCEP profile for the built-in CA.",
            field="server_type",
        )
