"""Periodic work of the certificate authority."""

import logging

from celery import shared_task
from django.db import IntegrityError
from django.utils import timezone

from organization.errors import NotSetUp, SecretUnreadable
from scep.models import CertificateAuthority
from scep.services.automatic_rotation import rotate_due
from scep.services.expiry import warn_expiring
from scep.services.external_servers import check_external_servers
from scep.services.held_requests import end_vain_requests
from scep.services.ocsp import ensure_ocsp_signer
from scep.services.revocation import ensure_crl, list_signing_authorities
from scep.services.sweep import delete_old_challenges, delete_old_requests, revoke_orphans

log = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def sweep_certificates() -> None:
    """Revoke intents that never became certificates; end and forget challenges and requests."""
    now = timezone.now()
    revoke_orphans(now=now)
    end_vain_requests(now=now)
    delete_old_challenges(now=now)
    delete_old_requests(now=now)


@shared_task  # type: ignore[untyped-decorator]
def rebuild_revocation_list(authority_id: int) -> None:
    """Make the list of one CA where it is due; an external CA makes its own."""
    authority = CertificateAuthority.objects.filter(pk=authority_id, private_key__isnull=False)
    for row in authority.defer("private_key"):
        ensure_crl(row, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def refresh_revocation() -> None:
    """Every CA's list and OCSP certificate anew where due; one that fails holds up no other."""
    now = timezone.now()
    for authority in list_signing_authorities():
        try:
            ensure_crl(authority, now=now)
            if authority.not_after > now:
                ensure_ocsp_signer(authority, now=now)
        except (NotSetUp, SecretUnreadable) as error:
            log.error("%s cannot say what it has revoked: %s", authority, error)
        except (IntegrityError, CertificateAuthority.DoesNotExist):
            log.info("%s was cancelled meanwhile", authority)


@shared_task  # type: ignore[untyped-decorator]
def rotate_certificates() -> None:
    """Replace certificates of this server well before they end; warn of what does end."""
    now = timezone.now()
    try:
        rotate_due(now=now)
    finally:
        # What could not be rotated is the very thing to be warned of.
        warn_expiring(now=now)


@shared_task  # type: ignore[untyped-decorator]
def check_scep_servers() -> None:
    """Ask every external SCEP server for its CA, so that one that is down shows early."""
    check_external_servers(now=timezone.now())
