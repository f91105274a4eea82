"""Groups of devices."""

from django.db import transaction
from django.db.models import ProtectedError

from devices.errors import GroupGone, GroupInUse
from devices.models import Device, Group
from devices.signals import group_deleting
from organization.models import hold_row
from organization.services.audit import record


@transaction.atomic
def create_group(
    name: str, *, description: str = "", lists_all_apps: bool = False, actor: str
) -> Group:
    """Raises django.db.IntegrityError when the name is taken."""
    group = Group.objects.create(name=name, description=description, lists_all_apps=lists_all_apps)
    record(actor, action="group.create", subject_id=group.public_id, subject=name)
    return group


@transaction.atomic
def update_group(
    group: Group,
    *,
    name: str | None = None,
    description: str | None = None,
    lists_all_apps: bool | None = None,
    actor: str,
) -> Group:
    """Change what is given; of two at once neither undoes what the other left alone.

    Raises GroupGone where it was deleted, django.db.IntegrityError when the name is taken.
    """
    hold_row(group, gone=GroupGone("The group was deleted."))
    group.name = group.name if name is None else name
    group.description = group.description if description is None else description
    group.lists_all_apps = group.lists_all_apps if lists_all_apps is None else lists_all_apps
    group.save(update_fields=["name", "description", "lists_all_apps", "updated_at"])
    detail = {"lists_all_apps": group.lists_all_apps}
    record(
        actor, action="group.update", subject_id=group.public_id, subject=group.name, detail=detail
    )
    return group


@transaction.atomic
def delete_group(group: Group, *, actor: str) -> None:
    """Raises GroupInUse while devices, or tokens that are good for anything, refer to the group."""
    public_id, name = group.public_id, group.name
    try:
        # First, so that whoever adds a row that points to it right now is waited for. Nothing of a
        # device may be waited for after that: a TokenUpdate holds its own and wants the group.
        Group.objects.select_for_update().filter(pk=group.pk).first()
        if Device.objects.filter(group=group).exists():  # all of them would be read otherwise
            raise GroupInUse(f"{name} still has devices")
        group_deleting.send(Group, group=group)
        group.delete()
    except ProtectedError as error:
        users = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
        raise GroupInUse(f"{name} still has {' and '.join(users)}") from error
    record(actor, action="group.delete", subject_id=public_id, subject=name)
