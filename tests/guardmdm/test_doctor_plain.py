"""The doctor at an HTTPS address behind which plain HTTP is spoken: serve without --host."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.test import Client

from guardmdm.health import check_tls
from guardmdm.probe import FORGED_CERTIFICATE, build_probe_path


def test_missing_tls_is_told_as_that_when_plain_http_answers(settings: Any) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.BASE_URL = f"https://127.0.0.1:{server.server_port}"
        finding = check_tls()
        server.shutdown()
    assert (finding.is_failure, finding.text) == (True, "what answers there does not speak TLS")
    assert "serve --host" in finding.fix


def test_a_claimed_certificate_counts_when_a_trusted_proxy_passes_it_on(settings: Any) -> None:
    settings.CLIENT_CERT_HEADER, settings.TRUSTED_PROXIES = "X-Client-Cert", ["192.0.2.1"]
    believed = [
        Client(headers={"X-Client-Cert": FORGED_CERTIFICATE}, REMOTE_ADDR=address)
        .put(build_probe_path("mdm"))
        .json()["believes_certificate"]
        for address in ("192.0.2.1", "192.0.2.2")
    ]
    assert believed == [True, False]
