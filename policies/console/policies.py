"""Administrators' doors: Policies and what is in one of them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Platform
from organization.console import NUMBER, WORDS, ListPage, Section, Sort, get_actor, role_required
from organization.forms import ConsoleForm
from organization.models import Role
from policies.console.removal import describe_removal
from policies.errors import ItemInvalid, PolicyInvalid, ProfileInvalid
from policies.forms import (
    AppItemForm,
    ConfigurationForm,
    PolicyFilter,
    PolicyForm,
    ProfileItemForm,
    ReplaceForm,
    ReplacePackageForm,
)
from policies.models import ItemKind, ItemState, Policy, PolicyItem
from policies.selectors import count_item_states
from policies.services.items import (
    add_app_item,
    add_profile_item,
    configure_app,
    remove_item,
    replace_package,
    replace_profile,
)
from policies.services.policies import create_policy, delete_policy, update_policy

REFUSALS = (ItemInvalid, ProfileInvalid)


def _list_policies() -> "QuerySet[Policy]":
    policies = Policy.objects.annotate(item_count=Count("items", distinct=True))
    return policies.prefetch_related("groups").order_by("name")


def _list_items(request: HttpRequest, policy: Policy) -> dict[str, Any]:
    """Return the policy's items with how many live enrollments have, lack or refuse them."""
    items: list[Any] = list(policy.items.defer("profile").select_related("package").order_by("id"))
    counts = count_item_states(policy)
    for item in items:
        item.platform_names = [Platform(each).label for each in item.platforms]
        item.reported = sum(counts[item.pk, state] for state in ItemState.values)
        item.installed = counts[item.pk, ItemState.INSTALLED.value]
        item.failed = counts[item.pk, ItemState.FAILED.value]
    return {"items": items}


POLICIES = Section(
    name="policies",
    item="policy",
    route="policies/",
    add_label=gettext_lazy("Add policy"),
    page=ListPage(
        title=gettext_lazy("Policies"),
        columns=(
            Sort("name", gettext_lazy("Policy"), WORDS, ("name", "pk")),
            gettext_lazy("Groups"),
            Sort("items", gettext_lazy("Items"), NUMBER, ("item_count", "pk")),
        ),
        default_ordering="name",
        row_template="console/policy/row.html",
        get_rows=_list_policies,
        filterset=PolicyFilter,
        empty_title=gettext_lazy("No policies yet"),
        empty_text=gettext_lazy("Add one, put profiles and apps into it, and assign groups."),
    ),
    item_template="console/policy/policy.html",
    get_item_context=_list_items,
    form=PolicyForm,
    create=create_policy,
    update=update_policy,
    delete=delete_policy,
    list_consequences=lambda policy: describe_removal(list(policy.items.select_related("package"))),
    refusals=(PolicyInvalid,),
)


@role_required(Role.OPERATOR)
def add_profile(request: HttpRequest, key: str) -> HttpResponse:
    policy = get_object_or_404(Policy, public_id=key)
    return _answer_form(
        request,
        policy,
        form=ProfileItemForm(request.POST or None, request.FILES or None),
        title=_("Add profile"),
        button=_("Add profile"),
        save=lambda **data: add_profile_item(policy, **data),
    )


@role_required(Role.OPERATOR)
def add_app(request: HttpRequest, key: str) -> HttpResponse:
    policy = get_object_or_404(Policy, public_id=key)
    return _answer_form(
        request,
        policy,
        form=AppItemForm(request.POST or None),
        title=_("Add app"),
        button=_("Add app"),
        save=lambda **data: add_app_item(policy, **data),
    )


@role_required(Role.OPERATOR)
def replace_item(request: HttpRequest, key: str, item: str) -> HttpResponse:
    """Another version of a profile, or of an uploaded app."""
    is_replaceable = Q(kind=ItemKind.PROFILE) | Q(package__isnull=False)
    rows = PolicyItem.objects.filter(is_replaceable, policy__public_id=key)
    row = get_object_or_404(rows.select_related("policy", "package"), public_id=item)
    form: ConsoleForm
    if row.package is not None:
        form = ReplacePackageForm(request.POST or None, row=row)
        save: Callable[..., PolicyItem] = replace_package
    else:
        form, save = ReplaceForm(request.POST or None, request.FILES or None), replace_profile
    return _answer_form(
        request,
        row.policy,
        form=form,
        title=_("Replace “%s”") % row,
        button=_("Replace"),
        save=lambda **data: save(row, **data),
    )


@role_required(Role.OPERATOR)
def configure_item(request: HttpRequest, key: str, item: str) -> HttpResponse:
    rows = PolicyItem.objects.filter(policy__public_id=key, kind=ItemKind.APP)
    row = get_object_or_404(rows.select_related("policy", "package"), public_id=item)
    return _answer_form(
        request,
        row.policy,
        form=ConfigurationForm(request.POST if request.method == "POST" else None, row=row),
        title=_("Configure “%s”") % row,
        button=_("Save"),
        save=lambda **data: configure_app(row, **data),
    )


@role_required(Role.OPERATOR)
def delete_item(request: HttpRequest, key: str, item: str) -> HttpResponse:
    rows = PolicyItem.objects.select_related("policy", "package")
    row = get_object_or_404(rows, policy__public_id=key, public_id=item)
    if request.method != "POST":
        context = {"policy": row.policy, "item": row, "consequences": describe_removal([row])}
        return render(request, "console/policy/remove.html", context)
    remove_item(row, actor=get_actor(request))
    messages.success(request, _("“%s” is taken out and will be removed from devices.") % row)
    return redirect("console:policy", key)


def _answer_form(
    request: HttpRequest,
    policy: Policy,
    *,
    form: ConsoleForm,
    title: str,
    button: str,
    save: Callable[..., PolicyItem],
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            item = save(**form.cleaned_data, actor=get_actor(request))
        except REFUSALS as refusal:
            field = getattr(refusal, "field", "")
            form.add_error(field if field in form.fields else None, str(refusal))
        else:
            messages.success(request, _("“%s” is saved.") % item)
            return redirect("console:policy", policy.public_id)
    context = {"policy": policy, "form": form, "title": title, "button": button}
    return render(request, "console/policy/item_form.html", context)


console_urlpatterns: list[URLPattern] = [
    *POLICIES.build_urls(),
    path("policies/<str:key>/items/profile", add_profile, name="policy-add-profile"),
    path("policies/<str:key>/items/app", add_app, name="policy-add-app"),
    path("policies/<str:key>/items/<str:item>/replace", replace_item, name="policy-item-replace"),
    path(
        "policies/<str:key>/items/<str:item>/configure",
        configure_item,
        name="policy-item-configure",
    ),
    path("policies/<str:key>/items/<str:item>/remove", delete_item, name="policy-item-remove"),
]
