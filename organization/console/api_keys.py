"""System › API keys: which programs may use the REST interface."""

from datetime import datetime

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from organization.console.access import get_actor, role_required
from organization.console.lists import ListPage
from organization.console.ordering import FUTURE, PAST, WORDS, Sort
from organization.console.section import Section
from organization.errors import ApiKeyExists
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter, warn_when
from organization.models import ApiKey, Role
from organization.protocol.expiry import decode_expiry
from organization.services.api_keys import create_api_key, list_active_keys, revoke_api_key

ROLE_CHOICES = (
    (Role.AUDITOR, gettext_lazy("Auditor: reads everything but secrets, changes nothing")),
    (Role.OPERATOR, gettext_lazy("Operator: tokens, devices, groups and policies")),
    (Role.ADMINISTRATOR, gettext_lazy("Administrator: everything that the interface can do")),
)
NEVER, USUAL = "never", "365d"
LIFETIMES = (
    ("30d", gettext_lazy("In 30 days")),
    ("90d", gettext_lazy("In 90 days")),
    (USUAL, gettext_lazy("In a year")),
    (NEVER, gettext_lazy("Never")),
)


class ApiKeyFilter(ConsoleFilterSet):
    q = SearchFilter("name", "hint", placeholder=gettext_lazy("Search name or first characters…"))
    is_revoked = django_filters.ChoiceFilter(
        label=gettext_lazy("Status"),
        method="filter_revoked",
        choices=(("no", gettext_lazy("Active")), ("yes", gettext_lazy("Revoked or expired"))),
        empty_label=gettext_lazy("All states"),
    )

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ()

    def filter_revoked(self, rows: "QuerySet[ApiKey]", name: str, value: str) -> "QuerySet[ApiKey]":
        active = list_active_keys(now=timezone.now()).values("pk")
        return rows.filter(pk__in=active) if value == "no" else rows.exclude(pk__in=active)


class ApiKeyForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("Of the program. What it changes stands under it in the audit log."),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=ROLE_CHOICES,
        initial=Role.AUDITOR,
        widget=forms.RadioSelect,
    )

    expires_at = warn_when(
        forms.ChoiceField(
            label=gettext_lazy("Expires"), choices=LIFETIMES, initial=USUAL, required=False
        ),
        value=NEVER,
        warning=gettext_lazy("Whoever finds it may use it until somebody notices."),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        self.refuse_duplicate(list_active_keys(now=timezone.now()), name=name)
        return name

    def clean_expires_at(self) -> datetime | None:
        return decode_expiry(self.cleaned_data["expires_at"] or USUAL, now=timezone.now())


def list_api_keys() -> "QuerySet[ApiKey]":
    is_expired = Q(expires_at__lte=timezone.now())
    return ApiKey.objects.annotate(has_expired=is_expired).order_by("-pk")


def show_key(request: HttpRequest, made: tuple[ApiKey, str]) -> HttpResponse:
    """The one page that shows a new key."""
    key, text = made
    return render(request, "console/api_key/key.html", {"row": key, "key": text})


EXPIRES = Sort(
    "expires_at", gettext_lazy("Expires"), FUTURE, ("expires_at", "pk"), none_is="highest"
)
LAST_USED = Sort(
    "last_used_at", gettext_lazy("Last used"), PAST, ("last_used_at", "pk"), none_is="lowest"
)
API_KEYS = Section(
    name="api-keys",
    item="api-key",
    route="system/api-keys/",
    add_label=gettext_lazy("Create API key"),
    page=ListPage(
        title=gettext_lazy("API keys"),
        path=(gettext_lazy("System"),),
        columns=(
            Sort("name", gettext_lazy("Name"), WORDS, ("name", "pk")),
            gettext_lazy("Role"),
            gettext_lazy("Status"),
            EXPIRES,
            LAST_USED,
            "",
        ),
        row_template="console/api_key/row.html",
        get_rows=list_api_keys,
        filterset=ApiKeyFilter,
        empty_title=gettext_lazy("No API keys yet"),
        empty_text=gettext_lazy("Create one for each program that uses the REST interface."),
    ),
    form=ApiKeyForm,
    create=create_api_key,
    show_created=show_key,
    refusals=(ApiKeyExists,),
    read_role=Role.ADMINISTRATOR,
    write_role=Role.ADMINISTRATOR,
    is_sensitive=True,
)


@role_required(Role.ADMINISTRATOR)
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    row = API_KEYS.get_row(key)
    if request.method != "POST":
        return render(request, "console/api_key/revoke.html", {"row": row})
    revoke_api_key(row, actor=get_actor(request))
    messages.success(request, _("“%s” is revoked: its next request is refused.") % row)
    return redirect("console:api-keys")


console_urlpatterns: list[URLPattern] = [
    *API_KEYS.build_urls(),
    path("system/api-keys/<str:key>/revoke", revoke, name="api-key-revoke"),
]
