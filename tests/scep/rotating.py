"""What tests of a new issuing CA do: prepare it, let it take over, ask it."""

from datetime import datetime, timedelta

from cryptography import x509
from django.utils import timezone

from scep.models import (
    CertificateAuthority,
    ScepProfile,
    ServicePurpose,
)
from scep.selectors import (
    get_service_identity,
)
from scep.services.pki_operation import handle_pki_operation
from scep.services.rotation import activate_authority, prepare_authority

ACTOR = "admin@example.com"
DAY = timedelta(days=1)


def prepare(
    key_type: str = "ec_p256", activates_at: datetime | None = None
) -> CertificateAuthority:
    return prepare_authority(
        key_type=key_type, activates_at=activates_at, actor=ACTOR, now=timezone.now()
    )


def activate(authority: CertificateAuthority) -> CertificateAuthority:
    return activate_authority(authority, actor=ACTOR, now=timezone.now())


def get_ra(authority: CertificateAuthority | None = None) -> x509.Certificate:
    return get_service_identity(ServicePurpose.SCEP_RA, issuer=authority).certificate


def ask(profile: ScepProfile, message: bytes) -> bytes:
    profile = ScepProfile.objects.select_related("issuing_ca").get(pk=profile.pk)
    return handle_pki_operation(message, scep_profile=profile, now=timezone.now())
