"""What the doctor's own requests meet on their way: a door that says how they arrived.

It answers only those that this installation has signed, each once and for a minute, so that it
tells strangers nothing and reads no large body for them. It stands where devices come in, below
/mdm/ and /scep/, and where people do, below /enroll/: proxies have rules for each.
"""

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import DisallowedHost
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from devices.errors import MessageRefused
from devices.protocol.client_certificate import decode_client_certificate
from organization.services.client_address import get_client_address, is_trusted_proxy
from scep.errors import MessageUnreadable
from scep.protocol.certificates import encode_certificate, fingerprint
from scep.protocol.transport import decode_message_text, decode_query

LIFETIME_SECONDS = 60
DOORS = ("mdm", "scep", "enroll")
FORGED_CERTIFICATE = "forged-by-the-doctor"
_signer = TimestampSigner(sep="~", salt="guardmdm.probe")


def build_probe_path(door: str) -> str:
    """Return the path of one request, which is good for a minute: /mdm/probe/…"""
    return f"/{door}/probe/{_signer.sign(secrets.token_hex(8))}"


@csrf_exempt
def echo(request: HttpRequest, ticket: str) -> HttpResponse:
    """Say how the request arrived: method, sizes, addresses; contents only as a digest."""
    if not _take(ticket):
        return HttpResponseNotFound(content_type="text/plain")
    header = settings.CLIENT_CERT_HEADER
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.headers.get(header, "") if header and is_trusted_proxy(peer) else ""
    seen: dict[str, Any] = {
        "method": request.method,
        "scheme": request.META.get("wsgi.url_scheme", ""),
        "host": _find_host(request),
        "signature_length": len(request.headers.get("Mdm-Signature", "")),
        "message_sha256": _digest_message(request.META.get("QUERY_STRING", "")),
        "body_length": len(request.body),
        "peer": peer,
        "peer_is_trusted": is_trusted_proxy(peer),
        "forwarded_for": request.headers.get("X-Forwarded-For", ""),
        "client_address": get_client_address(request) or "",
        "believes_certificate": FORGED_CERTIFICATE in forwarded,
        "certificate": _describe_certificate(forwarded),
    }
    return JsonResponse(seen, headers={"Cache-Control": "no-store"})


def build_urls() -> list[URLPattern]:
    return [path(f"{door}/probe/<str:ticket>", echo) for door in DOORS]


def _take(ticket: str) -> bool:
    """Return whether the ticket is ours, and nobody has come with it before."""
    try:
        nonce = _signer.unsign(ticket, max_age=LIFETIME_SECONDS)
    except BadSignature:
        return False
    return cache.add(f"probe:{nonce}", 1, timeout=2 * LIFETIME_SECONDS)


def _find_host(request: HttpRequest) -> str:
    try:
        return request.get_host()
    except DisallowedHost:
        return ""


def _describe_certificate(forwarded: str) -> str:
    """Return the SHA-256 of the certificate, what is wrong with it, or "" for none."""
    if not forwarded:
        return ""
    try:
        return fingerprint(encode_certificate(decode_client_certificate(forwarded)))
    except MessageRefused as refusal:
        return str(refusal)


def _digest_message(query: str) -> str:
    """Return what SCEP would make of the query, "" for what it cannot read."""
    try:
        message = decode_message_text(decode_query(query).message)
    except MessageUnreadable:
        return ""
    return hashlib.sha256(message).hexdigest()
