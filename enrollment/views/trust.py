"""The root CAs, for people whose device must trust them before it can enroll."""

from ssl import DER_cert_to_PEM_cert

from django.http import HttpRequest, HttpResponse

from enrollment.services.profile import build_root_profile
from enrollment.views.door import public_door
from enrollment.views.profile import build_attachment
from scep.selectors import get_root_ca, list_root_cas


@public_door("GET", "HEAD")
def download_root_profile(request: HttpRequest) -> HttpResponse:
    """Answer a signed profile with nothing but the root CAs."""
    return build_attachment(build_root_profile(), name="ca.mobileconfig")


@public_door("GET", "HEAD")
def download_root_pem(request: HttpRequest) -> HttpResponse:
    """Answer every root CA, ours first."""
    content = "".join(DER_cert_to_PEM_cert(bytes(row.certificate)) for row in list_root_cas())
    return build_attachment(content.encode(), name="ca.pem", content_type="application/x-pem-file")


@public_door("GET", "HEAD")
def download_root_der(request: HttpRequest) -> HttpResponse:
    """Answer our own root CA: the format holds one certificate."""
    return build_attachment(
        bytes(get_root_ca().certificate), name="ca.cer", content_type="application/x-x509-ca-cert"
    )


@public_door("GET", "HEAD")
def answer_trust_check(request: HttpRequest) -> HttpResponse:
    """Answer nothing: that the browser got this far says that it trusts the certificate."""
    return HttpResponse(status=204)
