"""A CA for TLS servers that this process trusts, and an external SCEP server behind it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.scep.external.scep_server import Holder, ScepServer, make_authority
from tests.scep.external.tls_server import Asked, Reply, TlsAuthority, WebServer, serve

if TYPE_CHECKING:
    from scep.models import ScepProfile


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsAuthority:
    return TlsAuthority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, tls: TlsAuthority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.path))


@pytest.fixture
def inside(settings: Any, trusting: None) -> None:
    """As with GUARDMDM_ALLOW_PRIVATE_URLS=yes: loopback may be called."""
    settings.ALLOW_PRIVATE_URLS = True


@pytest.fixture
def web(tls: TlsAuthority) -> Iterator[WebServer]:
    """A server named localhost that answers "hello"."""

    def answer(asked: Asked) -> Reply:
        return Reply(200, b"hello", {"Content-Type": "Text/Plain; charset=utf-8"})

    with serve(tls.make_context("localhost", "127.0.0.1"), answer) as server:
        yield server


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The five seconds of a call are one, so that tests of slowness are not slow."""
    from scep.services import outbound

    monkeypatch.setattr(outbound, "SECONDS", 1.0)


@pytest.fixture(scope="session")
def authority() -> Holder:
    """The external server's CA; made once, for RSA keys are slow to make."""
    return make_authority()


@pytest.fixture
def stranger(authority: Holder) -> ScepServer:
    """Somebody else's SCEP server, which behaves until a test tells it not to."""
    return ScepServer(authority, static="an external static challenge")


@pytest.fixture
def outside(tls: TlsAuthority, stranger: ScepServer, inside: None) -> Iterator[WebServer]:
    """The stranger's server on loopback, reachable for this process."""
    with serve(tls.make_context("localhost"), stranger.answer) as server:
        yield server


@pytest.fixture
def values(outside: WebServer, stranger: ScepServer, bootstrapped: None) -> dict[str, Any]:
    """What an administrator says of the stranger's server: static challenges."""
    return {
        "name": "External",
        "server_type": "external",
        "challenge_type": "static",
        "static_challenge": stranger.static,
        "external_url": f"{outside.url}/scep",
        "ca_name": "corp",
        "ca_fingerprint": stranger.authority.fingerprint,
        "trusted_ca_pem": stranger.authority.pem,
    }


@pytest.fixture
def external(db: None, values: dict[str, Any]) -> "ScepProfile":
    from scep.services.profiles import create_scep_profile

    return create_scep_profile(actor="tests", **values)
