"""Administrators' policies: made, renamed, given to groups, deleted."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from devices.models import Group
from organization.models import hold_row
from organization.services.audit import record
from policies.errors import PolicyInvalid
from policies.models import Policy
from policies.protocol.names import clean_name
from policies.signals import policy_changed

NAME_LENGTH = 100


@transaction.atomic
def create_policy(
    name: str, *, description: str = "", groups: Iterable[Group] = (), actor: str
) -> Policy:
    """Raises PolicyInvalid for an empty, long or taken name."""
    policy = Policy(name=_check_name(name), description=description)
    _save(policy)
    group_ids = [group.pk for group in groups]
    policy.groups.set(group_ids)
    _record(policy, actor=actor, action="policy.create")
    announce_change(policy, group_ids=group_ids)
    return policy


@transaction.atomic
def update_policy(
    policy: Policy,
    *,
    name: str | None = None,
    description: str | None = None,
    groups: Iterable[Group] | None = None,
    actor: str,
) -> Policy:
    """Change what is given; `groups` are all that have it then, and who loses it loses its items.

    Of two at once the later one has the last word, and neither undoes what the other left alone.
    Raises PolicyInvalid for an empty, long or taken name, and where it was deleted.
    """
    hold_row(policy, gone=PolicyInvalid("The policy was deleted."))
    if name is not None or description is not None:
        policy.name = policy.name if name is None else _check_name(name)
        policy.description = policy.description if description is None else description
        _save(policy)
        _record(policy, actor=actor, action="policy.update")
    if groups is not None:
        _assign_groups(policy, group_ids={group.pk for group in groups}, actor=actor)
    return policy


def _assign_groups(policy: Policy, *, group_ids: set[int], actor: str) -> None:
    before = set(policy.groups.values_list("pk", flat=True))
    if before == group_ids:
        return
    policy.groups.set(group_ids)
    names = sorted(policy.groups.values_list("name", flat=True))
    _record(policy, actor=actor, action="policy.assign", detail={"groups": names})
    announce_change(policy, group_ids=sorted(before ^ group_ids))


@transaction.atomic
def delete_policy(policy: Policy, *, actor: str) -> None:
    """Delete it with its items, which are then removed from the devices that have them."""
    # First, so that whoever adds an item or a group to it right now is waited for.
    if Policy.objects.select_for_update().filter(pk=policy.pk).first() is None:
        return
    group_ids = sorted(policy.groups.values_list("pk", flat=True))
    _record(policy, actor=actor, action="policy.delete")
    announce_change(policy, group_ids=group_ids)
    policy.delete()


def announce_change(policy: Policy, *, group_ids: list[int] | None = None) -> None:
    """Tell that the devices of these groups (default: all of the policy's) are concerned."""
    if group_ids is None:
        group_ids = sorted(policy.groups.values_list("pk", flat=True))
    policy_changed.send(Policy, policy=policy, group_ids=group_ids)


def _check_name(name: str) -> str:
    name = clean_name(name)
    if not name or len(name) > NAME_LENGTH:
        raise PolicyInvalid(f"A policy needs a name of 1 to {NAME_LENGTH} letters.", field="name")
    return name


def _save(policy: Policy) -> None:
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError as error:
        raise PolicyInvalid("There is a policy of this name already.", field="name") from error


def _record(
    policy: Policy, *, actor: str, action: str, detail: dict[str, list[str]] | None = None
) -> None:
    record(actor, action=action, subject_id=policy.public_id, subject=policy.name, detail=detail)
