"""The devices' door to uploaded apps: GET and HEAD /apps/<address>/…

Whoever knows an address, 128 random bits that only devices are told, gets what is there:
installers of Apple's systems bring no credentials. Answers: 200, 206, 304, 404, 416, 503.
"""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseNotModified,
)
from django.http.response import HttpResponseBase

from devices.protocol.plist import encode_plist
from policies.errors import RangeNotSatisfiable
from policies.models import Package
from policies.protocol.byte_range import decode_range
from policies.services.downloads import Download, NoSlot
from policies.services.package_files import get_path
from policies.services.packages import build_package_manifest

View = Callable[[HttpRequest, Package], HttpResponseBase]
# The content behind an address never changes.
FOR_EVER = "public, max-age=31536000, immutable"
RETRY_AFTER = 30


def app_door(view: View) -> Callable[..., HttpResponseBase]:
    """Only GET and HEAD, of a package that is there."""

    @wraps(view)
    def door(request: HttpRequest, address: str, kind: str = "") -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        found = Package.objects.filter(address=address)
        package = (found.filter(kind=kind) if kind else found).first()
        if package is None or not get_path(package.sha256).exists():
            return _answer(404, "There is no such app.")
        return view(request, package)

    return door


@app_door
def show_manifest(request: HttpRequest, package: Package) -> HttpResponseBase:
    """The manifest holds this server's address, which may change: not cached."""
    content = encode_plist(build_package_manifest(package))
    response = HttpResponse(content, content_type="application/xml; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@app_door
def download(request: HttpRequest, package: Package) -> HttpResponseBase:
    """The file, or the part of it that is asked for; by nginx where there is one."""
    tag = f'"{package.sha256}"'
    if request.headers.get("X-Sendfile-Type") == "X-Accel-Redirect":
        response: HttpResponseBase = HttpResponse()
        response["X-Accel-Redirect"] = f"{settings.ACCEL_PREFIX}{package.sha256}"
        return _describe(response, tag=tag)
    if tag in request.headers.get("If-None-Match", ""):
        return _describe(HttpResponseNotModified(), tag=tag)
    try:
        return _describe(_build_response(request, package, tag=tag), tag=tag)
    except RangeNotSatisfiable as error:
        response = _answer(416, str(error))
        response["Content-Range"] = f"bytes */{package.size}"
        return response
    except NoSlot:
        response = _answer(503, "Too many downloads at once.")
        response["Retry-After"] = str(RETRY_AFTER)
        return response


def _build_response(request: HttpRequest, package: Package, *, tag: str) -> HttpResponseBase:
    part = None
    if request.headers.get("If-Range", tag) == tag:
        part = decode_range(request.headers.get("Range", ""), size=package.size)
    start, length = part or (0, package.size)
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        # A FileResponse, though it is not one file as a whole: it is sent without a database.
        response = FileResponse(Download(get_path(package.sha256), start=start, length=length))
    response.status_code = 200 if part is None else 206
    response["Content-Length"] = str(length)
    if part is not None:
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{package.size}"
    return response


def _describe(response: HttpResponseBase, *, tag: str) -> HttpResponseBase:
    response["Content-Type"] = "application/octet-stream"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = FOR_EVER
    response["ETag"] = tag
    return response


def _answer(status: int, text: str) -> HttpResponse:
    response = HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response
