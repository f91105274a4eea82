"""A WSGI application that says what reached it, to look at the proxy in front."""

import json
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    if environ["PATH_INFO"].startswith("/apps/") and seen.get("HTTP_X_SENDFILE_TYPE"):
        headers = [("X-Accel-Redirect", "/package-files/abc"), ("Content-Type", "text/plain")]
        start_response("200 OK", [*headers, ("Cache-Control", "public, immutable")])
        return [b""]
    seen["body_bytes"] = str(len(environ["wsgi.input"].read()))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
