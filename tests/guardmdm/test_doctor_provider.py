"""What the doctor makes of the identity provider."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from guardmdm.health.identity_provider import check_identity_provider
from tests.services import find_free_port


@pytest.fixture
def answers() -> Iterator[dict[str, Any]]:
    """What a provider says of itself; `port` is where."""
    said: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    said["port"] = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield said
    server.shutdown()
    server.server_close()


def test_provider_is_well_when_it_is_the_one_that_is_set(
    answers: dict[str, Any], settings: Any
) -> None:
    issuer = f"http://127.0.0.1:{answers['port']}"
    settings.OIDC_ISSUER = f"{issuer}/"
    addresses = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    answers |= {"issuer": issuer, **dict.fromkeys(addresses, f"{issuer}/x")}
    finding = check_identity_provider()
    assert finding.fix == ""
    for change in ({"issuer": "https://other.example"}, {"jwks_uri": ""}):
        kept = dict(answers)
        answers |= change
        finding = check_identity_provider()
        assert (finding.is_failure, "OIDC_ISSUER" in finding.fix) == (True, True)
        answers |= kept
    settings.OIDC_ISSUER = f"http://127.0.0.1:{find_free_port()}"
    finding = check_identity_provider()
    assert finding.is_failure
