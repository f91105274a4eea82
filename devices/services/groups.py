"""Groups of devices."""

from django.db import transaction
from django.db.models import ProtectedError

from devices.errors import GroupInUse
from devices.models import Group
from organization.services.audit import record


@transaction.atomic
def create_group(name: str, *, description: str = "", actor: str) -> Group:
    """Raises django.db.IntegrityError when the name is taken."""
    group = Group.objects.create(name=name, description=description)
    record(actor, action="group.create", subject_id=group.public_id, subject=name)
    return group


@transaction.atomic
def update_group(group: Group, *, name: str, description: str, actor: str) -> Group:
    """Raises django.db.IntegrityError when the name is taken."""
    group.name, group.description = name, description
    group.save(update_fields=["name", "description", "updated_at"])
    record(actor, action="group.update", subject_id=group.public_id, subject=name)
    return group


@transaction.atomic
def delete_group(group: Group, *, actor: str) -> None:
    """Raises GroupInUse while devices or tokens refer to the group."""
    public_id, name = group.public_id, group.name
    try:
        group.delete()
    except ProtectedError as error:
        users = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
        raise GroupInUse(f"{name} still has {' and '.join(users)}") from error
    record(actor, action="group.delete", subject_id=public_id, subject=name)
