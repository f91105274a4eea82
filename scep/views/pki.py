"""Doors of relying parties: /pki/crl, /pki/ocsp and /pki/ca of each CA, without any secret."""

from collections.abc import Callable
from functools import wraps
from hashlib import sha256

from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from organization.errors import NotSetUp, SecretUnreadable
from scep.errors import MessageUnreadable
from scep.models import CertificateAuthority
from scep.protocol.ocsp import MAX_REQUEST_BYTES, decode_request_path
from scep.selectors import find_published_authority
from scep.services.ocsp import answer_ocsp
from scep.services.revocation import ensure_crl

RETRY_AFTER_SECONDS = "30"
CACHED_SECONDS = 5 * 60
"""How long a proxy may keep an answer: a revocation is seen everywhere after this."""
CERTIFICATE_CACHED_SECONDS = 24 * 3600
CRL, OCSP, CERTIFICATE = (
    "application/pkix-crl",
    "application/ocsp-response",
    "application/pkix-cert",
)
Door = Callable[..., HttpResponse]


def _public_door(*methods: str) -> Callable[[Door], Door]:
    """404 for an unknown CA, 503 while the database or the CA's key is away; never a traceback."""

    def decorate(door: Door) -> Door:
        @csrf_exempt
        @require_http_methods(list(methods))
        @wraps(door)
        def guarded(request: HttpRequest, authority_id: str, **parts: str) -> HttpResponse:
            try:
                return door(request, authority_id, **parts)
            # A next CA that is cancelled at this moment is one that never was.
            except (Http404, IntegrityError, CertificateAuthority.DoesNotExist):
                return _answer_text("There is no such certificate authority.", status=404)
            except (OperationalError, InterfaceError, NotSetUp, SecretUnreadable):
                response = _answer_text("The server is not ready, try again later.", status=503)
                response["Retry-After"] = RETRY_AFTER_SECONDS
                return response

        return guarded

    return decorate


@_public_door("GET", "HEAD")
def download_crl(request: HttpRequest, authority_id: str) -> HttpResponse:
    """Answer the CA's revocation list, DER (RFC 5280), made anew where it is due."""
    authority = _get_authority(authority_id, with_key=True)
    row = ensure_crl(authority, now=timezone.now())
    answer = _answer(bytes(row.der or b""), content_type=CRL)
    answer["ETag"] = quote_etag(f"{authority.public_id}-{row.number}")
    # By its number, which is the moment it was made, or more where several were made in one second:
    # by the date alone a client would believe that it has the last of them.
    return _cacheable(request, answer, changed_at=row.number, seconds=CACHED_SECONDS)


@_public_door("GET", "HEAD")
def download_authority(request: HttpRequest, authority_id: str) -> HttpResponse:
    """Answer the CA's certificate, DER, as its certificates' "CA issuers" link promises."""
    authority = _get_authority(authority_id, with_key=False)
    answer = _answer(bytes(authority.certificate), content_type=CERTIFICATE)
    answer["ETag"] = quote_etag(authority.fingerprint)
    return _cacheable(
        request,
        answer,
        changed_at=int(authority.created_at.timestamp()),
        seconds=CERTIFICATE_CACHED_SECONDS,
    )


@_public_door("GET", "HEAD", "POST")
def answer_status(request: HttpRequest, authority_id: str, encoded: str = "") -> HttpResponse:
    """Answer an OCSP request (RFC 6960 appendix A): POSTed, or as base64 in the path."""
    authority = _get_authority(authority_id, with_key=True)
    if request.method == "POST":
        data = request.read(MAX_REQUEST_BYTES + 1)
        if len(data) > MAX_REQUEST_BYTES:
            return _answer_text("The OCSP request is larger than 64 KB.", status=413)
    else:
        try:
            data = decode_request_path(encoded)
        except MessageUnreadable:
            data = b""  # refused in OCSP's own words
    answer = answer_ocsp(data, authority=authority, now=timezone.now())
    response = _answer(answer.der, content_type=OCSP)
    if request.method == "POST" or not answer.is_general:
        response["Cache-Control"] = "no-store"
        return response
    response["ETag"] = quote_etag(sha256(answer.der).hexdigest())
    response["Expires"] = http_date(answer.next_update.timestamp())
    changed_at = int(answer.this_update.timestamp())
    return _cacheable(request, response, changed_at=changed_at, seconds=CACHED_SECONDS)


def _get_authority(public_id: str, *, with_key: bool) -> CertificateAuthority:
    authority = find_published_authority(public_id, with_key=with_key)
    if authority is None:
        raise Http404
    return authority


def _answer(content: bytes, *, content_type: str) -> HttpResponse:
    # The length: no middleware adds it here, and HEAD has nothing else to say.
    return HttpResponse(
        content, content_type=content_type, headers={"Content-Length": str(len(content))}
    )


def _cacheable(
    request: HttpRequest, response: HttpResponse, *, changed_at: int, seconds: int
) -> HttpResponse:
    """Tell proxies how long to keep it (RFC 5019 section 6); 304 for who has it already.

    `changed_at`: Unix seconds. What is ahead of the clock is not told (RFC 9110 section 8.8.2.1).
    """
    response["Cache-Control"] = f"public, max-age={seconds}, no-transform, must-revalidate"
    response["Last-Modified"] = http_date(min(changed_at, int(timezone.now().timestamp())))
    known = get_conditional_response(
        request, etag=response["ETag"], last_modified=changed_at, response=response
    )
    return known if known is not None else response


def _answer_text(text: str, *, status: int) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)
