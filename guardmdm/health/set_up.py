"""What the database holds that devices need: the organization, the CA, the push certificate."""

from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from django.utils import timezone

from devices.models import PushCertificateState
from devices.selectors import count_devices_beyond_topic, find_push_certificate, is_refused
from guardmdm.health.findings import Finding, build_failure
from organization.errors import NotSetUp, SecretUnreadable
from organization.selectors import get_organization
from policies.services.package_files import get_folder
from policies.services.packages import list_missing_packages
from scep.models import CertificateAuthority, CertificateAuthorityRole, ServicePurpose
from scep.selectors import (
    ExpiringCertificate,
    get_certificate,
    get_issuing_ca,
    get_root_ca,
    get_service_identity,
    list_expiring,
)

EXPIRES_SOON = timedelta(days=90)


def check_set_up() -> Finding:
    try:
        return Finding("set-up", f"done for {get_organization().name}")
    except NotSetUp:
        return build_failure("set-up", "not done yet", "Run manage.py bootstrap.")


def check_authorities() -> Finding:
    try:
        root, issuing = get_root_ca(), get_issuing_ca()
        broken = find_broken_link(root, issuing)
    except NotSetUp:
        return build_failure("CA", "there is none", "Run manage.py bootstrap.")
    if broken is not None:
        return broken
    now = timezone.now()
    expiring = list_expiring(now=now, within=EXPIRES_SOON)
    if not expiring:
        first = min((root, issuing), key=lambda row: row.not_after)
        return Finding("CA", f"{first} valid until {first.not_after:%-d %b %Y}")
    text = ", ".join(_describe_end(each, now=now) for each in expiring)
    fix = "Prepare or import the next CA."
    if all(each.is_automatic for each in expiring):
        fix = "Start the scheduler and a worker."
    elif all(each.kind == CertificateAuthorityRole.EXTERNAL for each in expiring):
        fix = "Add the CA's new certificate to the SCEP profile."
    return Finding("CA", text, fix, is_failure=expiring[0].not_after <= now)


def _describe_end(expiring: ExpiringCertificate, *, now: datetime) -> str:
    verb = "ends" if expiring.not_after > now else "expired"
    return f"{expiring.name} {verb} on {expiring.not_after:%-d %b %Y}"


def find_broken_link(root: CertificateAuthority, issuing: CertificateAuthority) -> Finding | None:
    """Check the chain's signature, and that the registration authority's key can be opened.

    Raises NotSetUp without a registration authority.
    """
    parent = issuing.parent or root
    try:
        get_certificate(issuing).verify_directly_issued_by(get_certificate(parent))
    except (InvalidSignature, ValueError, TypeError):
        return build_failure(
            "CA",
            f"{issuing} is not signed by {parent}",
            "Restore a backup, or import the CA.",
        )
    try:
        get_service_identity(ServicePurpose.SCEP_RA, issuer=issuing)
    except SecretUnreadable as error:
        return build_failure(
            "CA",
            f"the registration authority's key cannot be opened ({error})",
            "Give GUARDMDM_ENCRYPTION_KEYS the key that it was sealed with: the other servers' of "
            "this database, or that of an earlier data folder (its file encryption_keys).",
        )
    return None


def check_push_certificate() -> Finding:
    row, now = find_push_certificate(), timezone.now()
    name = "push certificate"
    fix = "System › Push certificate, or manage.py push_certificate csr, then import."
    if row is None or row.not_after is None:
        return build_failure(name, "there is none: no device can be woken", fix)
    if is_refused(row):
        return build_failure(name, f"APNs refuses it: {row.refusal}", fix)
    state = row.get_state(now)
    if state == PushCertificateState.EXPIRED:
        return build_failure(name, f"expired on {row.not_after:%-d %b %Y}", fix)
    lost = count_devices_beyond_topic(row.topic)
    if lost:
        fix = "Import the certificate that they were enrolled with, or enroll them again."
        return build_failure(
            name, f"{lost} device{' listens' if lost == 1 else 's listen'} to another topic", fix
        )
    is_soon = state == PushCertificateState.EXPIRING
    text = f"valid until {row.not_after:%-d %b %Y}, topic {row.topic}"
    return Finding(name, text, fix if is_soon else "")


def check_packages() -> Finding:
    """A restore brings back the rows of packages, not their files."""
    missing = list_missing_packages()
    text = f"the file of {missing[0]} is missing" if missing else "every file is there"
    fix = f"Copy the {len(missing)} files into {get_folder()}, or upload them again."
    return Finding("packages", text, fix if missing else "", is_failure=bool(missing))
