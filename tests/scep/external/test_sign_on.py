"""NDES on a Windows server: NTLM, bound to the TLS connection; the server's half is pyspnego's."""

import base64
import hashlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from scep.errors import ServerUnreachable
from scep.protocol.http_messages import Credentials
from scep.services.outbound import fetch
from tests.scep.external.tls_server import Asked, Reply, TlsAuthority, WebServer, serve

USER, PASSWORD = "EXAMPLE\\mdm", "hook-password"


class Windows:
    """IIS with Windows authentication: `schemes` it offers, `is_bound` for Extended Protection."""

    def __init__(self, certificate: bytes) -> None:
        self.certificate = certificate
        self.schemes = ["Negotiate", "NTLM"]
        self.sent: list[str] = []
        self.sessions = threading.local()  # a connection has a thread of its own

    def answer(self, asked: Asked) -> Reply:
        text = asked.headers.get("Authorization", "")
        self.sent.append(text)
        scheme, _, token = text.partition(" ")
        if scheme not in self.schemes:
            self.sessions.context = None
            return self.refuse(", ".join(self.schemes))
        try:
            return self.go_on(scheme, base64.b64decode(token))
        except SpnegoError:
            return self.refuse(", ".join(self.schemes))

    def go_on(self, scheme: str, token: bytes) -> Reply:
        context = getattr(self.sessions, "context", None)
        if context is None:
            digest = hashlib.sha256(self.certificate).digest()
            binding = GssChannelBindings(application_data=b"tls-server-end-point:" + digest)
            context = spnego.server(protocol="ntlm", channel_bindings=binding)
            self.sessions.context = context
        out = context.step(token)
        if context.complete:
            return Reply(200, f"hello {context.client_principal}".encode())
        return self.refuse(f"{scheme} {base64.b64encode(out or b'').decode()}")

    def refuse(self, challenge: str) -> Reply:
        return Reply(401, b"no", {"WWW-Authenticate": challenge})


@pytest.fixture
def windows(
    tls: TlsAuthority, inside: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    users = tmp_path / "users"
    users.write_text(f"EXAMPLE:mdm:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    context = tls.make_context("localhost")
    with serve(context, lambda _: Reply()) as server:
        der = ssl.PEM_cert_to_DER_cert(
            ssl.get_server_certificate(("localhost", server.port), ca_certs=str(tls.path))
        )
        windows = Windows(der)
        server.answer = windows.answer
        yield windows, server


@pytest.mark.parametrize("schemes", [["Negotiate", "NTLM"], ["NTLM"], ["Negotiate"]])
def test_user_is_signed_in_when_the_server_wants_ntlm(windows: Any, schemes: list[str]) -> None:
    server: WebServer
    iis, server = windows
    iis.schemes = schemes
    answer = fetch(server.url, auth=Credentials(USER, PASSWORD, waits=True))
    assert (answer.status, answer.body) == (200, b"hello EXAMPLE\\mdm")
    assert len(iis.sent) == 3
    assert iis.sent[0] == ""
    assert not any(text.startswith("Basic") for text in iis.sent)


@pytest.mark.parametrize("credentials", [("EXAMPLE\\mdm", "wrong"), ("EXAMPLE\\other", PASSWORD)])
def test_answer_is_a_refusal_when_the_password_is_wrong(
    windows: Any, credentials: tuple[str, str]
) -> None:
    _, server = windows
    assert fetch(server.url, auth=Credentials(*credentials, waits=True)).status == 401


def test_sign_in_is_refused_when_somebody_between_passes_it_on(windows: Any) -> None:
    iis, server = windows
    iis.certificate = b"the certificate that the relay sees"
    assert fetch(server.url, auth=Credentials(USER, PASSWORD, waits=True)).status == 401


@pytest.mark.parametrize(
    "challenge",
    ["NTLM", "NTLM AAAA", "NTLM ???", "NTLM TlRMTVNTUAACAAAA", "NTLM " + "/" * 400, "Basic"],
)
def test_server_counts_as_unreachable_when_it_answers_ntlm_with_nonsense(
    windows: Any, challenge: str
) -> None:
    iis, server = windows
    refuse: Callable[[str], Reply] = iis.refuse
    server.answer = lambda asked: refuse(challenge if "Authorization" in asked.headers else "NTLM")
    with pytest.raises(ServerUnreachable):
        fetch(server.url, auth=Credentials(USER, PASSWORD, waits=True))


def test_no_password_is_sent_when_the_server_asks_for_none_or_another_kind(windows: Any) -> None:
    iis, server = windows
    server.answer = lambda asked: iis.refuse("Digest realm=x")
    assert fetch(server.url, auth=Credentials(USER, PASSWORD, waits=True)).status == 401
    server.answer = lambda _: Reply(200, b"open to all")
    assert fetch(server.url, auth=Credentials(USER, PASSWORD, waits=True)).body == b"open to all"
    assert not any("Authorization" in asked.headers for asked in server.asked)
