"""How the organization presents itself: name, help contact, colour and logo."""

from typing import Any

from django.db import transaction

from organization.models import Organization, OrganizationLogo
from organization.protocol.colour import DEFAULT_ACCENT, decode_colour
from organization.protocol.logo import decode_logo
from organization.services import audit


@transaction.atomic
def update_organization(organization: Organization, *, actor: str, **changes: Any) -> Organization:
    """Set the fields given: `name`, `support_contact`, `accent_colour` (`#rrggbb` or "").

    What was the same before is no change. Raises ValueError for a colour that is none.
    """
    row = Organization.objects.select_for_update().get(pk=organization.pk)
    if "accent_colour" in changes:
        changes["accent_colour"] = _normalize_colour(changes["accent_colour"])
    before = {field: getattr(row, field) for field in changes}
    changed = {field: value for field, value in changes.items() if before[field] != value}
    if changed:
        for field, value in changed.items():
            setattr(row, field, value)
        row.save(update_fields=[*changed, "updated_at"])
        detail = {field: {"from": before[field], "to": value} for field, value in changed.items()}
        _record(row, action="organization.update", actor=actor, detail=detail)
    return row


@transaction.atomic
def set_logo(organization: Organization, *, content: bytes, actor: str) -> Organization:
    """Take a PNG or JPEG file for the logo; raises LogoRefused."""
    logo = decode_logo(content)
    values = {"digest": logo.digest, "page": logo.page, "large": logo.large}
    OrganizationLogo.objects.update_or_create(organization=organization, defaults=values)
    return _note_logo(organization, digest=logo.digest, action="organization.logo", actor=actor)


@transaction.atomic
def remove_logo(organization: Organization, *, actor: str) -> Organization:
    """Show GuardMDM's mark again; without a logo nothing changes."""
    deleted, _ = OrganizationLogo.objects.filter(organization=organization).delete()
    if not deleted:
        return organization
    return _note_logo(organization, digest="", action="organization.logo_remove", actor=actor)


def _note_logo(organization: Organization, *, digest: str, action: str, actor: str) -> Organization:
    organization.logo_digest = digest
    organization.save(update_fields=["logo_digest", "updated_at"])
    _record(organization, action=action, actor=actor, detail={"digest": digest} if digest else {})
    return organization


def _record(row: Organization, *, action: str, actor: str, detail: dict[str, Any]) -> None:
    audit.record(actor, action=action, subject_id=row.public_id, subject=row.name, detail=detail)


def _normalize_colour(text: str) -> str:
    colour = decode_colour(text) if text else ""
    return "" if colour == DEFAULT_ACCENT else colour
