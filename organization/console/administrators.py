"""System › Administrators: the people who sign in, and what each may do."""

from typing import Any

import django_filters
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from organization.console.access import (
    get_actor,
    recent_sign_in_required,
    role_required,
)
from organization.console.lists import ListPage
from organization.console.ordering import PAST, WORDS, Sort
from organization.console.section import Section
from organization.errors import (
    AdministratorExists,
    AdministratorNeeded,
    OwnAccount,
    PasswordNeeded,
)
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter
from organization.models import Administrator, Role, may
from organization.services.administrators import (
    create_administrator,
    delete_administrator,
    disconnect_provider,
    reset_password,
    update_administrator,
)
from organization.services.provider_sign_in import build_check, can_sign_in

ROLE_CHOICES = (
    (Role.AUDITOR, _("Auditor: reads everything but secrets, changes nothing")),
    (Role.OPERATOR, _("Operator: daily work with tokens, devices, groups and policies")),
    (Role.ADMINISTRATOR, _("Administrator: everything, also certificates, people and erasing")),
)


class AdministratorFilter(ConsoleFilterSet):
    q = SearchFilter("email", "name", placeholder=_("Search name or e-mail…"))
    role = django_filters.ChoiceFilter(
        label=_("Role"), choices=Role.choices, empty_label=_("All roles")
    )

    class Meta:
        model = Administrator
        fields: tuple[str, ...] = ()


class AdministratorForm(ConsoleForm):
    """`email` can be given once, to a new account; whether it may sign in, later only."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=150, required=False)
    role = forms.ChoiceField(
        label=_("Role"), choices=ROLE_CHOICES, initial=Role.OPERATOR, widget=forms.RadioSelect
    )
    is_active = forms.BooleanField(
        label=_("May sign in"),
        required=False,
        help_text=_("Without it the person is signed out everywhere at once."),
    )

    def __init__(self, *args: Any, row: Administrator | None = None, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        del self.fields["is_active" if row is None else "email"]
        if row is not None:
            self.fields["role"].help_text = _("With another role the person signs in again.")


class ResetForm(forms.Form):
    remove_second_factor = forms.BooleanField(
        label=_("Forget authenticator app, passkeys and recovery codes too: they are lost"),
        required=False,
    )


def list_administrators() -> "QuerySet[Administrator]":
    theirs = Authenticator.objects.filter(user=OuterRef("pk"))
    return Administrator.objects.annotate(
        has_app=Exists(theirs.filter(type=Authenticator.Type.TOTP)),
        has_passkey=Exists(theirs.filter(type=Authenticator.Type.WEBAUTHN)),
    ).order_by("email")


def describe_connection(request: HttpRequest, row: Administrator) -> dict[str, Any]:
    """What the page says of the identity provider, and the link that connects one's own account."""
    is_own = row.pk == request.user.pk
    return {
        "provider": settings.OIDC_NAME if can_sign_in() else "",
        "is_own": is_own,
        "may_disconnect": bool(row.provider_subject)
        and (may(request.user, Role.ADMINISTRATOR) or is_own),
        "check": build_check(request) if is_own else "",
    }


def show_password(request: HttpRequest, made: tuple[Administrator, str]) -> HttpResponse:
    """The one page that shows a new one-time password."""
    administrator, password = made
    provider = settings.OIDC_NAME if can_sign_in() else ""
    context = {
        "row": administrator,
        "password": password,
        "provider": provider,
        "address": f"{settings.BASE_URL}{reverse('console:dashboard')}",
    }
    return render(request, "console/administrator/password.html", context)


CALLED = Lower(Coalesce(NullIf("name", Value("")), "email"))
ADMINISTRATORS = Section(
    name="administrators",
    item="administrator",
    route="system/administrators/",
    add_label=_("Add administrator"),
    page=ListPage(
        title=_("Administrators"),
        path=(_("System"),),
        columns=(
            Sort("name", _("Person"), WORDS, (CALLED, "pk")),
            _("Role"),
            _("Second factor"),
            Sort("last_login", _("Last sign-in"), PAST, ("last_login", "pk"), none_is="lowest"),
        ),
        row_template="console/administrator/row.html",
        get_rows=list_administrators,
        filterset=AdministratorFilter,
        empty_title=_("Nobody yet"),
        empty_text=_("Add the people who manage devices with you."),
    ),
    item_template="console/administrator/administrator.html",
    get_item_context=describe_connection,
    form=AdministratorForm,
    create=create_administrator,
    update=update_administrator,
    delete=delete_administrator,
    show_created=show_password,
    refusals=(AdministratorExists, AdministratorNeeded, OwnAccount),
    write_role=Role.ADMINISTRATOR,
    is_sensitive=True,
)


@role_required(Role.ADMINISTRATOR)
@recent_sign_in_required
def reset(request: HttpRequest, key: str) -> HttpResponse:
    administrator = ADMINISTRATORS.get_row(key)
    form = ResetForm(request.POST if request.method == "POST" else None, label_suffix="")
    if request.method != "POST" or not form.is_valid():
        context = {"row": administrator, "form": form}
        return render(request, "console/administrator/reset.html", context)
    try:
        password = reset_password(administrator, actor=get_actor(request), **form.cleaned_data)
    except OwnAccount as refusal:
        messages.error(request, str(refusal))
        return redirect("console:administrator", administrator.public_id)
    return show_password(request, (administrator, password))


@role_required(write=Role.AUDITOR)
@recent_sign_in_required
def disconnect(request: HttpRequest, key: str) -> HttpResponse:
    administrator = ADMINISTRATORS.get_row(key)
    if not (may(request.user, Role.ADMINISTRATOR) or administrator.pk == request.user.pk):
        raise PermissionDenied
    if request.method != "POST":
        context = {"row": administrator, "provider": settings.OIDC_NAME}
        return render(request, "console/administrator/disconnect.html", context)
    try:
        disconnect_provider(administrator, actor=get_actor(request))
    except PasswordNeeded as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("“%s” is disconnected.") % administrator)
    return redirect("console:administrator", administrator.public_id)


console_urlpatterns: list[URLPattern] = [
    *ADMINISTRATORS.build_urls(),
    path("system/administrators/<str:key>/reset", reset, name="administrator-reset"),
    path("system/administrators/<str:key>/disconnect", disconnect, name="administrator-disconnect"),
]
