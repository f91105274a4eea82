"""Where a program has asked this server, for the links in its answers."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from organization.services.client_address import is_trusted_proxy

SCHEMES = ("http", "https")


def build_own_url(request: HttpRequest) -> str:
    """Return the address of this request as the client knows it.

    A proxy ends TLS and passes on a name, often without its port: the program that followed a link
    made of these would send its key in clear. Of another name than the base URL's a trusted proxy
    says by X-Forwarded-Proto how it was asked.
    """
    path, host, own = request.get_full_path(), request.get_host(), urlsplit(settings.BASE_URL)
    if own.scheme == "https" and split_domain_port(host)[0].strip("[]") == own.hostname:
        return f"{settings.BASE_URL}{path}"
    told = request.headers.get("X-Forwarded-Proto", "")
    is_told = told in SCHEMES and is_trusted_proxy(request.META.get("REMOTE_ADDR"))
    return f"{told if is_told else request.scheme}://{host}{path}"
