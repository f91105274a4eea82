"""A link has leaked: nobody enrolls with it any more, and who came by it is dealt with, at once."""

from collections.abc import Iterable

from django.db import transaction

from devices.models import BulkCommand, Group
from devices.services.bulk_commands import assign_group_to_many, unenroll_many
from devices.services.groups import create_group
from enrollment.errors import LeakInvalid
from enrollment.models import EnrollmentToken
from enrollment.services.token_traffic import list_acted_on
from enrollment.services.tokens import revoke_token
from organization.services import audit

KEEP, QUARANTINE, UNENROLL = "keep", "quarantine", "unenroll"
ACTIONS = (KEEP, QUARANTINE, UNENROLL)
QUARANTINE_GROUP = "Quarantine"
QUARANTINE_TEXT = "Devices that came by a leaked link. Give it no policies, or strict ones."


@transaction.atomic
def respond_to_leak(
    token: EnrollmentToken,
    *,
    action: str,
    devices: Iterable[int] | None,
    group: Group | None = None,
    actor: str,
) -> BulkCommand | None:
    """Revoke the token and move or unenroll devices that came by it, as one audited step.

    `devices` are keys, None = all whose present enrollment came by the token. `group` is where
    QUARANTINE moves them, None = the group “Quarantine”, which is made if need be. Returns what is
    done by and by, if anything is. Raises LeakInvalid for another token's devices.
    """
    if action not in ACTIONS:
        raise LeakInvalid(f"an action is one of {', '.join(ACTIONS)}")
    revoke_token(token, actor=actor)
    known = set(list_acted_on(token)) if action != KEEP else set()
    chosen = known if devices is None else set(devices)
    if action != KEEP and chosen - known:
        raise LeakInvalid("a device is none of those that are enrolled by this token")
    bulk = _act(sorted(chosen), action=action, group=group, actor=actor)
    detail = {
        "action": action,
        "devices": len(chosen) if action != KEEP else 0,
        "bulk": bulk.public_id if bulk else "",
    }
    audit.record(
        actor, action="token.leak", subject_id=token.jti, subject=token.name, detail=detail
    )
    return bulk


def _act(keys: list[int], *, action: str, group: Group | None, actor: str) -> BulkCommand | None:
    if action == KEEP or not keys:
        return None
    if action == UNENROLL:
        return unenroll_many(keys, actor=actor)
    return assign_group_to_many(keys, group=group or _get_quarantine(actor=actor), actor=actor)


def _get_quarantine(*, actor: str) -> Group:
    group = Group.objects.filter(name__iexact=QUARANTINE_GROUP).first()
    return group or create_group(QUARANTINE_GROUP, description=QUARANTINE_TEXT, actor=actor)
