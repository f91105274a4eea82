"""System › Certificates › Authorities: the CAs, this server's own certificates, what is done."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from organization.console import get_actor, recent_sign_in_required, role_required
from organization.errors import NotSetUp
from organization.forms import ConsoleForm
from organization.models import Role
from scep.errors import AuthorityInvalid
from scep.forms import (
    AuthorityRevocationForm,
    ExportAuthorityForm,
    ImportAuthorityForm,
    PrepareAuthorityForm,
    ServiceRevocationForm,
)
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.description import describe_certificate
from scep.selectors import build_links, is_needed, list_chain
from scep.services.authority_end import find_obstacle, revoke_authority, rotate_authority
from scep.services.authority_import import import_authority
from scep.services.escrow import export_authority
from scep.services.permitted_names import list_authority_warnings
from scep.services.revocation import revoke_service_certificate
from scep.services.rotation import activate_authority, cancel_authority, prepare_authority
from scep.services.service_certificates import BUILDERS, rotate_service_certificate

LIST = "console:authorities"
ITEM = "console:authority"
ROUTE = "system/certificates/authorities/"
STATES = (
    CertificateAuthorityState.NEXT,
    CertificateAuthorityState.ACTIVE,
    CertificateAuthorityState.RETIRED,
)

only_administrators = role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)


def _list_authorities() -> "QuerySet[CertificateAuthority]":
    rows = CertificateAuthority.objects.select_related("parent", "revocation_list")
    return rows.defer("private_key", "parent__private_key", "revocation_list__der")


def _list_service_certificates() -> "QuerySet[ServiceCertificate]":
    rows = ServiceCertificate.objects.select_related("issuer")
    return rows.defer("private_key", "certificate", "issuer__private_key", "issuer__certificate")


@role_required()
def list_authorities(request: HttpRequest) -> HttpResponse:
    rows = list(_list_authorities())
    own = [row for row in rows if row.role != CertificateAuthorityRole.EXTERNAL]
    own.sort(key=lambda row: (STATES.index(CertificateAuthorityState(row.state)), -row.pk))
    context = {
        "next": next((row for row in own if row.state == CertificateAuthorityState.NEXT), None),
        "own": own,
        "external": [row for row in rows if row.role == CertificateAuthorityRole.EXTERNAL],
        "services": _list_service_certificates().order_by("-is_active", "-pk")[:100],
    }
    return render(request, "console/authority/list.html", context)


@role_required()
def show_authority(request: HttpRequest, key: str) -> HttpResponse:
    authority = get_object_or_404(_list_authorities(), public_id=key)
    is_external = authority.role == CertificateAuthorityRole.EXTERNAL
    context = {
        "row": authority,
        "facts": describe_certificate(bytes(authority.certificate)),
        "chain": list_chain(authority)[1:],
        "profiles": (authority.trusting_profiles if is_external else authority.scep_profiles).all(),
        "warnings": list_authority_warnings(authority, now=timezone.now()),
        "links": None if is_external else build_links(authority),
        "has_key": _has_key(authority),
        "is_revocable": authority.revoked_at is None and not find_obstacle(authority),
        "is_rotatable": authority.role == CertificateAuthorityRole.SINGLE
        and authority.state == CertificateAuthorityState.ACTIVE,
    }
    return render(request, "console/authority/authority.html", context)


def _has_key(authority: CertificateAuthority) -> bool:
    rows = CertificateAuthority.objects.filter(pk=authority.pk, private_key__isnull=False)
    return rows.exists()


@only_administrators
def prepare(request: HttpRequest) -> HttpResponse:
    return _answer_form(
        request,
        PrepareAuthorityForm,
        act=prepare_authority,
        template="console/authority/prepare.html",
        done=_("The next CA is prepared and announced to SCEP clients."),
    )


@only_administrators
@recent_sign_in_required
def import_ca(request: HttpRequest) -> HttpResponse:
    return _answer_form(
        request,
        ImportAuthorityForm,
        act=_import,
        template="console/authority/import.html",
        done=_("The CA is imported. It issues nothing until you activate it."),
    )


def _import(bundle: bytes, **values: Any) -> CertificateAuthority:
    return import_authority(bundle, **values)


@only_administrators
@recent_sign_in_required
def activate(request: HttpRequest, key: str) -> HttpResponse:
    authority = get_object_or_404(_list_authorities(), public_id=key)
    return _answer_question(
        request,
        authority,
        act=lambda: activate_authority(authority, actor=get_actor(request), now=timezone.now()),
        template="console/authority/activate.html",
        done=_("“%s” issues from now on.") % authority,
        warnings=list_authority_warnings(authority, now=timezone.now()),
    )


@only_administrators
def cancel(request: HttpRequest, key: str) -> HttpResponse:
    authority = get_object_or_404(_list_authorities(), public_id=key)
    return _answer_question(
        request,
        authority,
        act=lambda: cancel_authority(authority, actor=get_actor(request)),
        template="console/authority/cancel.html",
        done=_("“%s” is forgotten.") % authority,
    )


@only_administrators
@recent_sign_in_required
def rotate_single(request: HttpRequest, key: str) -> HttpResponse:
    authority = get_object_or_404(_list_authorities(), public_id=key)
    return _answer_question(
        request,
        authority,
        act=lambda: rotate_authority(authority, actor=get_actor(request), now=timezone.now()),
        template="console/authority/rotate_single.html",
        done=_("A new CA issues from now on. The old one still opens what was sent to it."),
    )


@only_administrators
@recent_sign_in_required
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    """Revoke a retired CA, once its name has been typed."""
    row = get_object_or_404(_list_authorities().filter(revoked_at=None), public_id=key)
    form = AuthorityRevocationForm(request.POST if request.method == "POST" else None, row=row)
    if form.is_valid():
        reason, now = form.cleaned_data["reason"], timezone.now()
        try:
            revoke_authority(row, reason=reason, actor=get_actor(request), now=now)
        except AuthorityInvalid as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The CA is revoked. Its devices are being renewed."))
            return redirect(ITEM, key)
    shown = ServiceCertificate.objects.filter(
        issuer=row, purpose=ServicePurpose.TLS_SERVER, is_active=True
    )
    context = {"row": row, "form": form, "is_above_server": shown.exists()}
    return render(request, "console/authority/revoke_authority.html", context)


@only_administrators
@recent_sign_in_required
def export(request: HttpRequest, key: str) -> HttpResponse:
    """Send the CA with its key, encrypted under the password that the form asks for."""
    authority = get_object_or_404(CertificateAuthority, public_id=key)
    form = ExportAuthorityForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        password = form.cleaned_data["password"]
        try:
            content = export_authority(
                authority, password=password, actor=get_actor(request), now=timezone.now()
            )
        except AuthorityInvalid as refusal:
            form.add_error(None, str(refusal))
        else:
            return _send_pkcs12(authority, content)
    return render(request, "console/authority/export.html", {"row": authority, "form": form})


def _send_pkcs12(authority: CertificateAuthority, content: bytes) -> HttpResponse:
    response = HttpResponse(content, content_type="application/x-pkcs12")
    name = slugify(authority.name) or authority.public_id
    response["Content-Disposition"] = f'attachment; filename="{name}.p12"'
    return response


@only_administrators
def rotate(request: HttpRequest, purpose: str) -> HttpResponse:
    if purpose not in BUILDERS:
        raise Http404
    chosen = ServicePurpose(purpose)
    return _answer_question(
        request,
        chosen,
        act=lambda: rotate_service_certificate(
            chosen, actor=get_actor(request), now=timezone.now()
        ),
        template="console/authority/rotate.html",
        done=_("A new certificate is in use. The old one opens and verifies until it expires."),
    )


@only_administrators
def revoke_service(request: HttpRequest, key: str) -> HttpResponse:
    """Revoke a certificate of this server; those that are needed have to be rotated first."""
    row = get_object_or_404(
        _list_service_certificates().filter(revoked_at=None, not_after__gt=timezone.now()),
        public_id=key,
    )
    form = ServiceRevocationForm(request.POST if request.method == "POST" else None, row=row)
    if form.is_valid():
        reason, now = form.cleaned_data["reason"], timezone.now()
        try:
            revoke_service_certificate(row, reason=reason, now=now, actor=get_actor(request))
        except AuthorityInvalid as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The certificate is revoked."))
            return redirect(LIST)
    context = {"row": row, "form": form, "is_needed": is_needed(row)}
    return render(request, "console/authority/revoke.html", context)


def _answer_form(
    request: HttpRequest,
    form_class: type[ConsoleForm],
    *,
    act: Callable[..., CertificateAuthority],
    template: str,
    done: str,
) -> HttpResponse:
    """Show a form that makes a CA; once it is filled in, make it and go to its page."""
    form = form_class(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = act(**form.cleaned_data, actor=get_actor(request), now=timezone.now())
        except (AuthorityInvalid, NotSetUp) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, done)
            return redirect(ITEM, row.public_id)
    return render(request, template, {"form": form})


def _answer_question(
    request: HttpRequest,
    row: Any,
    *,
    act: Callable[[], Any],
    template: str,
    done: str,
    warnings: Sequence[str] = (),
) -> HttpResponse:
    """Ask whether it is meant; once it is, do it and go back to the list."""
    if request.method != "POST":
        return render(request, template, {"row": row, "warnings": warnings})
    try:
        act()
        messages.success(request, done)
    except (AuthorityInvalid, NotSetUp) as refusal:
        messages.error(request, str(refusal))
    return redirect(LIST)


console_urlpatterns: list[URLPattern] = [
    path(ROUTE, list_authorities, name="authorities"),
    path(f"{ROUTE}prepare", prepare, name="authority-prepare"),
    path(f"{ROUTE}import", import_ca, name="authority-import"),
    path(f"{ROUTE}services/<str:purpose>/rotate", rotate, name="service-rotate"),
    path(f"{ROUTE}services/<str:key>/revoke", revoke_service, name="service-revoke"),
    path(f"{ROUTE}<str:key>", show_authority, name="authority"),
    path(f"{ROUTE}<str:key>/activate", activate, name="authority-activate"),
    path(f"{ROUTE}<str:key>/cancel", cancel, name="authority-cancel"),
    path(f"{ROUTE}<str:key>/export", export, name="authority-export"),
    path(f"{ROUTE}<str:key>/rotate", rotate_single, name="authority-rotate"),
    path(f"{ROUTE}<str:key>/revoke", revoke, name="authority-revoke"),
]
