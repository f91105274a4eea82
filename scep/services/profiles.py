"""SCEP profiles: how devices get an identity certificate."""

import string
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import PROTECT
from django.utils import timezone

from organization.protocol.json_check import UNTYPED
from organization.services import audit
from scep.errors import AddressRefused, ProfileInUse, ProfileInvalid
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    CertificateStatus,
    ChallengeType,
    HookType,
    IssuedCertificate,
    KeyUsage,
    ScepProfile,
    ScepServerType,
)
from scep.protocol.addresses import decode_target
from scep.protocol.certificates import normalize_fingerprint
from scep.protocol.http_messages import Credentials
from scep.protocol.subject_template import (
    verify_alternative_name_templates,
    verify_subject_template,
)
from scep.selectors import get_issuing_ca
from scep.services.authorities import ensure_single_authority
from scep.services.held_requests import end_claimed_requests
from scep.services.trusted_authorities import (
    forget_unused_authorities,
    read_authorities,
    store_authorities,
)
from scep.signals import scep_profile_deleting

KEY_SIZES = (2048, 4096)
MAX_VALIDITY_DAYS = 825
MIN_STATIC_CHALLENGE = 8
MAX_NAME = 100
MAX_HOOK_USERNAME = 200
FINGERPRINT_DIGITS = 64
# Windows shows SHA-1 as the "thumbprint", NDES's page MD5.
OTHER_DIGITS = {32: "an MD5", 40: "a SHA-1", 128: "a SHA-512"}
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
    """Change what `values` name; raises ProfileInvalid, and then nothing is changed.

    A profile that is not static keeps no static challenge.
    """
    return _save(scep_profile, values=values, action="scep_profile.update", actor=actor)


def delete_scep_profile(scep_profile: ScepProfile, *, actor: str) -> None:
    """Remove a SCEP profile.

    Raises ProfileInUse while certificates, or tokens that are good for anything, refer to it.
    """
    public_id, name = scep_profile.public_id, scep_profile.name
    with transaction.atomic():
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
    was_external = profile.pk is not None and _is_external(profile)
    challenge = _get_static_challenge(profile)
    _write_values(profile, values=values)
    pem = values.get("trusted_ca_pem", "") if _is_external(profile) else ""
    trusted = read_authorities(pem, now=timezone.now()) if pem.strip() else None
    _check(profile)
    _check_trust(profile, has_new=bool(trusted))
    if was_external and not _is_external(profile):
        _check_unused(profile)
    if before != [getattr(profile, name) for name in CHECKED_ANEW]:
        profile.checked_at, profile.check_code, profile.check_message = None, "", ""
    try:
        with transaction.atomic():
            profile.issuing_ca = _choose_authority(profile)
            profile.save()
            if trusted is not None or not _is_external(profile):
                profile.trusted_cas.set(store_authorities(trusted or []))
                forget_unused_authorities()
            if challenge and challenge != _get_static_challenge(profile):
                end_claimed_requests(profile, now=timezone.now(), actor=actor)
            audit.record(actor, action=action, subject_id=profile.public_id, subject=profile.name)
    except IntegrityError as error:
        raise ProfileInvalid(f"There is a SCEP profile named {profile.name} already.") from error
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
    unused = BUILTIN_ONLY if _is_external(profile) else EXTERNAL_ONLY
    if _is_external(profile) and profile.challenge_type != ChallengeType.DYNAMIC:
        unused = unused | {name: EXTERNAL_ONLY[name] for name in EXTERNAL_ONLY if "hook" in name}
    for name, value in unused.items():
        setattr(profile, name, value)
    if profile.challenge_type != ChallengeType.STATIC and not values.get("static_challenge"):
        profile.static_challenge = None


def _get_static_challenge(profile: ScepProfile) -> bytes:
    return bytes(profile.static_challenge or b"")


def _is_external(profile: ScepProfile) -> bool:
    return profile.server_type == ScepServerType.EXTERNAL


def _choose_authority(profile: ScepProfile) -> CertificateAuthority | None:
    """Return the CA that issues for the profile; an active issuing CA stays.

    It is asked once more under a lock: another may have taken over since the profile was read, and
    has to wait for this transaction before it takes the profiles over.
    """
    if _is_external(profile):
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


def _check(profile: ScepProfile) -> None:
    _check_text(profile.name, what="name", longest=MAX_NAME)
    if profile.server_type not in ScepServerType.values:
        raise ProfileInvalid(f"The server must be one of {', '.join(ScepServerType.values)}.")
    if profile.challenge_type not in ChallengeType.values:
        raise ProfileInvalid(f"The challenge must be one of {', '.join(ChallengeType.values)}.")
    if profile.key_size not in KEY_SIZES:
        raise ProfileInvalid("The key size must be 2048 or 4096.")
    if profile.key_usage not in KeyUsage.values:
        raise ProfileInvalid("The key usage must be 1 (signing) or 5 (signing and encryption).")
    if not 1 <= profile.validity_days <= MAX_VALIDITY_DAYS:
        raise ProfileInvalid(f"The validity must be 1 to {MAX_VALIDITY_DAYS} days.")
    if profile.renewal_days is not None and not 1 <= profile.renewal_days < profile.validity_days:
        raise ProfileInvalid("The renewal window must be shorter than the validity.")
    verify_subject_template(_check_list(profile.subject))
    verify_alternative_name_templates(_check_list(profile.subject_alternative_names))
    _check_static_challenge(profile)
    if _is_external(profile):
        _check_external(profile)


def _check_text(text: str, *, what: str, longest: int) -> None:
    if not text or len(text) > longest or not text.isprintable():
        raise ProfileInvalid(f"A SCEP profile needs a {what} of at most {longest} characters.")


def _check_list(templates: object) -> list[str]:
    if not isinstance(templates, list) or not all(isinstance(each, str) for each in templates):
        raise ProfileInvalid("A template is a list of texts, each like CN={serial}.")
    return templates


def _check_static_challenge(profile: ScepProfile) -> None:
    challenge = profile.static_challenge
    if profile.challenge_type != ChallengeType.STATIC:
        if challenge:
            raise ProfileInvalid("Only a profile with static challenges takes a static challenge.")
        return
    text = bytes(challenge or b"").decode()
    if len("".join(text.split())) < MIN_STATIC_CHALLENGE:
        raise ProfileInvalid(
            f"A static challenge needs at least {MIN_STATIC_CHALLENGE} characters that are no "
            "blanks."
        )
    if UNTYPED.search(text):
        raise ProfileInvalid("A static challenge has no control characters.")


def _check_external(profile: ScepProfile) -> None:
    if profile.challenge_type == ChallengeType.TOKEN:
        raise ProfileInvalid("An external server cannot check a token: choose static or dynamic.")
    if not profile.external_url:
        raise ProfileInvalid("An external server needs its URL.")
    _check_url(profile.external_url, what="The external server's URL")
    if "?" in profile.external_url:
        raise ProfileInvalid("The external server's URL must end before the question mark.")
    if len(profile.ca_name) > MAX_NAME or not profile.ca_name.isprintable():
        raise ProfileInvalid(f"The CA's name may have {MAX_NAME} characters.")
    digits = profile.ca_fingerprint
    if other := OTHER_DIGITS.get(len(digits)):
        raise ProfileInvalid(f"That is {other} fingerprint; one of SHA-256 has 64 digits.")
    if len(digits) != FINGERPRINT_DIGITS or not set(digits) <= set(string.hexdigits):
        raise ProfileInvalid("Fetch the external CA's SHA-256 fingerprint and confirm it.")
    if profile.challenge_type == ChallengeType.DYNAMIC:
        _check_hook(profile)


def _check_hook(profile: ScepProfile) -> None:
    if profile.hook_type not in HookType.values:
        raise ProfileInvalid("Say where the external server's one-time challenges come from.")
    if not profile.hook_url:
        raise ProfileInvalid("Say at which URL the one-time challenges are fetched.")
    _check_url(profile.hook_url, what="The challenge URL")
    name = profile.hook_username
    if len(name) > MAX_HOOK_USERNAME or not name.isprintable() or ":" in name:
        raise ProfileInvalid("The challenge URL's user name is too long or holds a colon.")
    if profile.hook_type == HookType.JSON and profile.hook_password and not name:
        _check_bearer(bytes(profile.hook_password).decode())
    if profile.hook_type == HookType.NDES and not (name and profile.hook_password):
        raise ProfileInvalid("The NDES admin page needs a user name and a password.")


def _check_bearer(password: str) -> None:
    try:
        Credentials("", password).encode_bearer()
    except ValueError as error:
        raise ProfileInvalid(
            f"Without a user name the password is sent as a bearer token: {error}."
        ) from error


def _check_url(url: str, *, what: str) -> None:
    try:
        decode_target(url)
    except AddressRefused as error:
        raise ProfileInvalid(f"{what} cannot be used: {error}.") from error


def _check_trust(profile: ScepProfile, *, has_new: bool) -> None:
    if not _is_external(profile) or has_new:
        return
    if profile.pk is None or not profile.trusted_cas.exists():
        raise ProfileInvalid("Upload the CA certificates whose identities are to be trusted (PEM).")


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
            "Make another SCEP profile for the built-in CA."
        )
