"""First-time set-up: each app's own part, in the order in which they need each other."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from devices.models import Group
from devices.services.groups import create_group
from devices.services.push.certificate import ensure_demo_certificate
from enrollment.models import EnrollmentToken
from enrollment.services.bootstrap import ensure_signing_key
from enrollment.services.token_texts import build_enrollment_url
from enrollment.services.tokens import create_token
from organization.models import Administrator, Organization
from organization.protocol.one_line import is_one_line
from organization.services.administrators import create_administrator
from policies.services.bootstrap import ensure_demo_policy
from scep.models import ScepProfile
from scep.services.authorities import DEFAULT_KEY_TYPE
from scep.services.bootstrap import ensure_authorities, ensure_default_profile

ACTOR = "manage.py bootstrap"
DEFAULT_ORGANIZATION = "GuardMDM"
DEMO_ORGANIZATION = "Example Corp"
DEFAULT_ADMINISTRATOR = "admin@example.com"
DEFAULT_GROUP = "Default"
DEMO_NAME = "Engineering BYOD"  # of the sample group and of its token


@dataclass(frozen=True)
class SetUp:
    """What stands after the set-up; `one_time_password` only where an account was made."""

    organization: Organization
    administrator: Administrator
    one_time_password: str | None
    enrollment_url: str | None


def set_up(
    *,
    organization_name: str | None = None,
    administrator_email: str | None = None,
    demo: bool,
    ca_key: str = DEFAULT_KEY_TYPE,
) -> SetUp:
    """Create everything that is missing; the caller holds the set-up lock, so nothing is twice.

    Raises ValidationError for a name or an address that cannot be one.
    """
    with transaction.atomic():
        default = DEMO_ORGANIZATION if demo else DEFAULT_ORGANIZATION
        organization = _ensure_organization(organization_name or default)
        ensure_authorities(organization.name, now=timezone.now(), key_type=ca_key)
        profile = ensure_default_profile()
        ensure_signing_key()
        _ensure_group(DEFAULT_GROUP, description="Devices without a group of their own.")
        administrator, password = _ensure_administrator(administrator_email)
        url = _ensure_demo(profile) if demo else None
    return SetUp(organization, administrator, password, url)


def _ensure_organization(name: str) -> Organization:
    organization = Organization.objects.order_by("id").first()
    if organization is None:
        # The CA's certificate, made next, bears it for years.
        return Organization.objects.create(name=_check_name(name.strip()))
    return organization


def _check_name(name: str) -> str:
    if not is_one_line(name):
        raise ValidationError("An organization's name holds no control characters.")
    Organization._meta.get_field("name").clean(name, None)
    return name


def _ensure_administrator(email: str | None) -> tuple[Administrator, str | None]:
    """Make the named administrator, or the first one of all; never touch one that is there."""
    known = Administrator.objects.order_by("id")
    if email:
        known = known.filter(email__iexact=email)
    administrator = known.first()
    if administrator is not None:
        return administrator, None
    return create_administrator(email or DEFAULT_ADMINISTRATOR, actor=ACTOR)


def _ensure_group(name: str, *, description: str) -> Group:
    group = Group.objects.filter(name=name).first()
    return group or create_group(name, description=description, actor=ACTOR)


def _ensure_demo(profile: ScepProfile) -> str:
    group = _ensure_group(DEMO_NAME, description="Personal devices of the engineering team.")
    ensure_demo_certificate()
    ensure_demo_policy(group)
    token = EnrollmentToken.objects.filter(name=DEMO_NAME, revoked_at=None).first()
    if token is None:
        token = create_token(
            name=DEMO_NAME,
            group=group,
            expires_at=None,
            max_uses=0,
            scep_profile=profile,
            actor=ACTOR,
        )
    return build_enrollment_url(token)
