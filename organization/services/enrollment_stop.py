"""The switch that stops every new enrollment; devices that are enrolled notice nothing of it."""

from django.db import transaction
from django.utils import timezone

from organization.models import Organization
from organization.services import audit


@transaction.atomic
def stop_enrollments(organization: Organization, *, actor: str) -> Organization:
    """From the next request on pages, profiles, challenges and Authenticate are refused."""
    now = timezone.now()
    changed = Organization.objects.filter(pk=organization.pk, enrollment_stopped_at=None).update(
        enrollment_stopped_at=now, enrollment_stopped_by=actor[:200], updated_at=now
    )
    return _note(organization, changed=changed, action="enrollment.stop", actor=actor)


@transaction.atomic
def resume_enrollments(organization: Organization, *, actor: str) -> Organization:
    """Let devices enroll again; what was refused meanwhile must be tried again by its person."""
    changed = Organization.objects.filter(
        pk=organization.pk, enrollment_stopped_at__isnull=False
    ).update(enrollment_stopped_at=None, enrollment_stopped_by="", updated_at=timezone.now())
    return _note(organization, changed=changed, action="enrollment.resume", actor=actor)


def _note(organization: Organization, *, changed: int, action: str, actor: str) -> Organization:
    organization.refresh_from_db()
    if changed:
        audit.record(
            actor, action=action, subject_id=organization.public_id, subject=organization.name
        )
    return organization
