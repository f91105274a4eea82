"""The doctor at an HTTPS address behind which plain HTTP is spoken: serve without --host."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from guardmdm.health import check_tls


def test_missing_tls_is_told_as_that_when_plain_http_answers(settings: Any) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.BASE_URL = f"https://127.0.0.1:{server.server_port}"
        finding = check_tls()
        server.shutdown()
    assert (finding.is_failure, finding.text) == (True, "what answers there does not speak TLS")
    assert "serve --host" in finding.fix
