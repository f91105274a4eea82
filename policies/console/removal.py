"""What an administrator is told before items are taken out of a policy."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from policies.models import ItemKind, PolicyItem


def describe_removal(items: Sequence[PolicyItem]) -> list[str]:
    """Return what devices lose with the items, in sentences; none for no items."""
    packages = [item for item in items if item.is_mac_package]
    apps = [item for item in items if item.kind == ItemKind.APP and not item.is_mac_package]
    told = []
    if len(items) > len(packages):
        told.append(
            _(
                "What devices have from this policy is removed from them, unless another policy "
                "brings it."
            )
        )
    if apps:
        told.append(
            _(
                "An app goes with its data, also one that a person had installed before the "
                "policy took it over."
            )
        )
    if packages:
        told.append(_("Macs keep what packages have installed."))
    return told
