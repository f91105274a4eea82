"""Administrators' doors: Groups."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext_lazy

from devices.errors import GroupGone, GroupInUse
from devices.forms import GroupFilter, GroupForm
from devices.models import Group
from devices.selectors import count_devices_by_group
from devices.services import groups
from organization.console import WORDS, ListPage, Section, Sort


def _count_devices(groups: list[Any]) -> None:
    """Put on each group how many devices are in it; they are counted for all at once."""
    counts = count_devices_by_group()
    for group in groups:
        group.device_count = counts[group.pk]


def _describe_group(request: HttpRequest, group: Any) -> dict[str, Any]:
    _count_devices([group])
    return {}


GROUPS = Section(
    name="groups",
    item="group",
    route="groups/",
    add_label=gettext_lazy("Add group"),
    page=ListPage(
        title=gettext_lazy("Groups"),
        columns=(
            Sort("name", gettext_lazy("Group"), WORDS, ("name", "pk")),
            gettext_lazy("Policies"),
            gettext_lazy("Devices"),
        ),
        default_ordering="name",
        row_template="console/group/row.html",
        get_rows=lambda: Group.objects.prefetch_related("policies").order_by("name"),
        complete=_count_devices,
        filterset=GroupFilter,
        empty_title=gettext_lazy("No groups yet"),
        empty_text=gettext_lazy("A group's devices get the same policies. Add one first."),
    ),
    item_template="console/group/group.html",
    get_item_context=_describe_group,
    form=GroupForm,
    create=groups.create_group,
    update=groups.update_group,
    delete=groups.delete_group,
    refusals=(GroupGone, GroupInUse),
)

group_urlpatterns: list[URLPattern] = GROUPS.build_urls()
