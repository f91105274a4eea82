"""System › Push certificate: what wakes the devices, how it is requested, imported, renewed."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.errors import (
    PushCertificateInvalid,
    PushCertificateMissing,
    TopicChanged,
    VendorCertificateInvalid,
)
from devices.forms import AnnotateForm, ImportPushCertificateForm, VendorForm
from devices.selectors import (
    count_devices_beyond_topic,
    count_devices_on_topic,
    find_push_certificate,
    find_refusal,
)
from devices.services.push.certificate import (
    annotate_push_certificate,
    create_csr,
    create_push_request,
    import_push_certificate,
)
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.models import Role

PAGE = "console:push-certificate"
ROUTE = "system/push-certificate/"

only_administrators = role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)


@role_required()
def show(request: HttpRequest) -> HttpResponse:
    row, now = find_push_certificate(), timezone.now()
    context: dict[str, Any] = {"row": row}
    if row is not None:
        context |= {
            "state": row.get_state(now),
            "refusal": find_refusal(row),
            "reached": count_devices_on_topic(row.topic),
            "lost": count_devices_beyond_topic(row.topic),
        }
    return render(request, "console/push_certificate/push_certificate.html", context)


@only_administrators
def download_csr(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect(PAGE)  # making a key is no reading
    return _send(create_csr(actor=get_actor(request)), name="push.csr", kind="application/pkcs10")


@only_administrators
def sign_request(request: HttpRequest) -> HttpResponse:
    """Send the CSR signed with the vendor's key, which is used once and kept nowhere."""
    form = VendorForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        values = form.cleaned_data
        try:
            content = create_push_request(
                values.pop("certificate"), **values, now=timezone.now(), actor=get_actor(request)
            )
        except VendorCertificateInvalid as refusal:
            form.add_error(None, str(refusal))
        else:
            return _send(content, name="PushCertificateRequest.plist", kind="text/plain")
    return render(request, "console/push_certificate/request.html", {"form": form})


@only_administrators
@recent_sign_in_required
def import_certificate(request: HttpRequest) -> HttpResponse:
    form = ImportPushCertificateForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        values = form.cleaned_data
        try:
            import_push_certificate(
                values.pop("certificate"), **values, now=timezone.now(), actor=get_actor(request)
            )
        except TopicChanged as refusal:
            form.ask_confirmation(lost=refusal.lost)
        except PushCertificateInvalid as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The push certificate is in use."))
            return redirect(PAGE)
    return render(request, "console/push_certificate/import.html", {"form": form})


@only_administrators
def annotate(request: HttpRequest) -> HttpResponse:
    form = AnnotateForm(request.POST or None, row=find_push_certificate())
    if form.is_valid():
        try:
            annotate_push_certificate(**form.cleaned_data, actor=get_actor(request))
        except PushCertificateMissing as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Saved."))
        return redirect(PAGE)
    return render(request, "console/push_certificate/annotate.html", {"form": form})


def _send(content: bytes, *, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


console_urlpatterns: list[URLPattern] = [
    path(ROUTE, show, name="push-certificate"),
    path(f"{ROUTE}csr", download_csr, name="push-certificate-csr"),
    path(f"{ROUTE}request", sign_request, name="push-certificate-request"),
    path(f"{ROUTE}import", import_certificate, name="push-certificate-import"),
    path(f"{ROUTE}edit", annotate, name="push-certificate-edit"),
]
