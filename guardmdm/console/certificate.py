"""One certificate's page: what stands in it, who has it, who signed it, how it is revoked."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.models import Device
from guardmdm.console.certificates import find_tokens
from organization.console import get_actor, role_required
from organization.models import Role
from scep.forms import RevocationForm
from scep.models import CertificateStatus, IssuedCertificate
from scep.protocol.description import describe_certificate
from scep.selectors import list_chain
from scep.services.issuance import revoke_certificate

FORMATS = {"pem": "application/x-pem-file", "cer": "application/pkix-cert"}


def _get_certificate(key: str) -> IssuedCertificate:
    rows = IssuedCertificate.objects.select_related("issuer__parent", "scep_profile", "renews")
    rows = rows.defer("issuer__private_key", "issuer__parent__private_key")
    return get_object_or_404(rows, public_id=key)


@role_required()
def show_certificate(request: HttpRequest, key: str) -> HttpResponse:
    certificate = _get_certificate(key)
    context = {
        "row": certificate,
        "device": Device.objects.filter(public_id=certificate.device_id).first(),
        "token": find_tokens([certificate]).get(certificate.pk),
        "facts": _describe(certificate),
        "chain": list_chain(certificate.issuer),
        "renewals": certificate.renewals.order_by("pk")[:20],
        "is_revocable": certificate.status != CertificateStatus.REVOKED,
    }
    return render(request, "console/certificate/certificate.html", context)


def _describe(certificate: IssuedCertificate) -> Any:
    """Return what stands in it; None while it is being issued."""
    return describe_certificate(bytes(certificate.certificate)) if certificate.certificate else None


@role_required()
def download_certificate(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """Send the certificate; as PEM with every CA certificate above it, as servers want it."""
    certificate = get_object_or_404(
        IssuedCertificate.objects.select_related("issuer__parent").exclude(certificate=None),
        public_id=key,
    )
    content = bytes(certificate.certificate or b"")
    if kind == "pem":
        ders = [content, *(bytes(ca.certificate) for ca in list_chain(certificate.issuer))]
        content = "".join(describe_certificate(der).pem for der in ders).encode()
    response = HttpResponse(content, content_type=FORMATS[kind])
    response["Content-Disposition"] = f'attachment; filename="{certificate.public_id}.{kind}"'
    return response


@role_required(Role.OPERATOR)
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    certificate = _get_certificate(key)
    form = RevocationForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"row": certificate, "form": form}
        return render(request, "console/certificate/revoke.html", context)
    reason = form.cleaned_data["reason"]
    revoke_certificate(certificate, reason=reason, now=timezone.now(), actor=get_actor(request))
    messages.success(request, _("The certificate is revoked."))
    return redirect("console:certificate", key)
