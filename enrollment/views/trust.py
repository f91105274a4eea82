"""The root CA, for people whose device must trust it before it can enroll."""

import base64
import textwrap

from django.http import HttpRequest, HttpResponse

from enrollment.services.profile import build_root_profile
from enrollment.views.door import public_door
from enrollment.views.profile import build_attachment
from scep.selectors import get_root_ca


@public_door("GET", "HEAD")
def download_root_profile(request: HttpRequest) -> HttpResponse:
    """Answer a signed profile with nothing but the root CA."""
    return build_attachment(build_root_profile(), name="ca.mobileconfig")


@public_door("GET", "HEAD")
def download_root_pem(request: HttpRequest) -> HttpResponse:
    text = textwrap.wrap(base64.b64encode(bytes(get_root_ca().certificate)).decode(), 64)
    lines = ["-----BEGIN CERTIFICATE-----", *text, "-----END CERTIFICATE-----", ""]
    return build_attachment(
        "\n".join(lines).encode(), name="ca.pem", content_type="application/x-pem-file"
    )


@public_door("GET", "HEAD")
def download_root_der(request: HttpRequest) -> HttpResponse:
    return build_attachment(
        bytes(get_root_ca().certificate), name="ca.cer", content_type="application/x-x509-ca-cert"
    )
