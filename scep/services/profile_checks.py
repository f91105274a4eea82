"""What the values of a SCEP profile must be, alone and together, before it is stored."""

import string

from organization.protocol.json_check import UNTYPED
from organization.protocol.one_line import is_one_line
from scep.errors import AddressRefused, ProfileInvalid
from scep.models import ChallengeType, HookType, KeyUsage, ScepProfile, ScepServerType
from scep.protocol.addresses import decode_target
from scep.protocol.http_messages import Credentials
from scep.protocol.subject_template import (
    verify_alternative_name_templates,
    verify_subject_template,
)

KEY_SIZES = (2048, 4096)
MAX_VALIDITY_DAYS = 825
MIN_STATIC_CHALLENGE = 8
MAX_NAME = 100
MAX_HOOK_USERNAME = 200
FINGERPRINT_DIGITS = 64
# Windows shows SHA-1 as the "thumbprint", NDES's page MD5.
OTHER_DIGITS = {32: "an MD5", 40: "a SHA-1", 128: "a SHA-512"}


def check_values(profile: ScepProfile) -> None:
    """Raise ProfileInvalid for values of which none or not all together can work."""
    _check_name(profile.name)
    if profile.server_type not in ScepServerType.values:
        raise ProfileInvalid(
            f"The server must be one of {', '.join(ScepServerType.values)}.", field="server_type"
        )
    if profile.challenge_type not in ChallengeType.values:
        raise ProfileInvalid(
            f"The challenge must be one of {', '.join(ChallengeType.values)}.",
            field="challenge_type",
        )
    if profile.key_size not in KEY_SIZES:
        raise ProfileInvalid("The key size must be 2048 or 4096.", field="key_size")
    if profile.key_usage not in KeyUsage.values:
        raise ProfileInvalid(
            "The key usage must be 1 (signing) or 5 (signing and encryption).", field="key_usage"
        )
    if not 1 <= profile.validity_days <= MAX_VALIDITY_DAYS:
        raise ProfileInvalid(
            f"The validity must be 1 to {MAX_VALIDITY_DAYS} days.", field="validity_days"
        )
    if profile.renewal_days is not None and not 1 <= profile.renewal_days < profile.validity_days:
        raise ProfileInvalid(
            "The renewal window must be shorter than the validity.", field="renewal_days"
        )
    verify_subject_template(_check_list(profile.subject, field="subject"))
    verify_alternative_name_templates(
        _check_list(profile.subject_alternative_names, field="subject_alternative_names")
    )
    _check_static_challenge(profile)
    if profile.is_external:
        _check_external(profile)


def _check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME or not is_one_line(name):
        raise ProfileInvalid(
            f"A SCEP profile needs a name of at most {MAX_NAME} characters.", field="name"
        )


def _check_list(templates: object, *, field: str) -> list[str]:
    if not isinstance(templates, list) or not all(isinstance(each, str) for each in templates):
        raise ProfileInvalid("A template is a list of texts, each like CN={serial}.", field=field)
    return templates


def _check_static_challenge(profile: ScepProfile) -> None:
    challenge = profile.static_challenge
    if profile.challenge_type != ChallengeType.STATIC:
        if challenge:
            raise ProfileInvalid(
                "Only a profile with static challenges takes a static challenge.",
                field="static_challenge",
            )
        return
    text = bytes(challenge or b"").decode()
    if len("".join(text.split())) < MIN_STATIC_CHALLENGE:
        raise ProfileInvalid(
            f"A static challenge needs at least {MIN_STATIC_CHALLENGE} characters that are no "
            "blanks.",
            field="static_challenge",
        )
    if UNTYPED.search(text):
        raise ProfileInvalid(
            "A static challenge has no control characters.", field="static_challenge"
        )


def _check_external(profile: ScepProfile) -> None:
    if profile.challenge_type == ChallengeType.TOKEN:
        raise ProfileInvalid(
            "An external server cannot check a token: choose static or dynamic.",
            field="challenge_type",
        )
    if not profile.external_url:
        raise ProfileInvalid("An external server needs its URL.", field="external_url")
    _check_url(profile.external_url, what="The external server's URL", field="external_url")
    if "?" in profile.external_url:
        raise ProfileInvalid(
            "The external server's URL must end before the question mark.", field="external_url"
        )
    if len(profile.ca_name) > MAX_NAME or not profile.ca_name.isprintable():
        raise ProfileInvalid(f"The CA's name may have {MAX_NAME} characters.", field="ca_name")
    _check_fingerprint(profile.ca_fingerprint)
    if profile.challenge_type == ChallengeType.DYNAMIC:
        _check_hook(profile)


def _check_fingerprint(digits: str) -> None:
    message = ""
    if other := OTHER_DIGITS.get(len(digits)):
        message = f"That is {other} fingerprint; one of SHA-256 has 64 digits."
    elif len(digits) != FINGERPRINT_DIGITS or not set(digits) <= set(string.hexdigits):
        message = "Fetch the external CA's SHA-256 fingerprint and confirm it."
    if message:
        raise ProfileInvalid(message, field="ca_fingerprint")


def _check_hook(profile: ScepProfile) -> None:
    if profile.hook_type not in HookType.values:
        raise ProfileInvalid(
            "Say where the external server's one-time challenges come from.", field="hook_type"
        )
    if not profile.hook_url:
        raise ProfileInvalid(
            "Say at which URL the one-time challenges are fetched.", field="hook_url"
        )
    _check_url(profile.hook_url, what="The challenge URL", field="hook_url")
    name = profile.hook_username
    if len(name) > MAX_HOOK_USERNAME or not name.isprintable() or ":" in name:
        raise ProfileInvalid(
            "The challenge URL's user name is too long or holds a colon.", field="hook_username"
        )
    if profile.hook_type == HookType.JSON and profile.hook_password and not name:
        _check_bearer(bytes(profile.hook_password).decode())
    if profile.hook_type == HookType.NDES and not (name and profile.hook_password):
        raise ProfileInvalid(
            "The NDES admin page needs a user name and a password.",
            field="hook_password" if name else "hook_username",
        )


def _check_bearer(password: str) -> None:
    try:
        Credentials("", password).encode_bearer()
    except ValueError as error:
        raise ProfileInvalid(
            f"Without a user name the password is sent as a bearer token: {error}.",
            field="hook_password",
        ) from error


def _check_url(url: str, *, what: str, field: str) -> None:
    try:
        decode_target(url)
    except AddressRefused as error:
        raise ProfileInvalid(f"{what} cannot be used: {error}.", field=field) from error
