"""Devices whose certificates come from somebody else's SCEP server, against a running server."""

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from guardmdm.serving import WEB_TURNS, count_workers
from tests.flows.conftest import answer_pushes
from tests.flows.server import Server, make_token, wait_for
from tests.flows.test_enrollment_story import get_device, wait_managed
from tests.scep.external.scep_server import (
    PASSWORD,
    TOKEN,
    USER,
    Holder,
    ScepServer,
    build_name,
    make_authority,
    make_identity,
)
from tests.scep.external.tls_server import Asked, Reply, TlsAuthority, WebServer, serve, serve_raw
from tests.simulator.apns import FakeApns
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import HttpRefused
from tests.simulator.habits import Habits
from tests.simulator.network import Network
from tests.simulator.state import Identity
from tests.webhooks.receiver import Receiver, verify

pytestmark = pytest.mark.slow
STATIC = "an external static challenge"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsAuthority:
    return TlsAuthority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger() -> ScepServer:
    return ScepServer(make_authority(), static=STATIC)


@pytest.fixture(scope="module")
def outside(tls: TlsAuthority, stranger: ScepServer) -> Iterator[WebServer]:
    with serve(tls.make_context("localhost"), stranger.answer) as server:
        yield server


class HangingProvider:
    """An identity provider that takes connections, counts them, and answers nothing."""

    def __init__(self) -> None:
        self.waiting, self.is_over = threading.Semaphore(0), threading.Event()

    def behave(self, connection: socket.socket) -> None:
        self.waiting.release()
        self.is_over.wait(20)


@pytest.fixture(scope="module")
def provider() -> HangingProvider:
    return HangingProvider()


@pytest.fixture(scope="module")
def issuer(provider: HangingProvider) -> Iterator[str]:
    with serve_raw(provider.behave) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, apns: FakeApns, tls: TlsAuthority, issuer: str
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("external")
    (folder / "apns-ca.pem").write_bytes(apns.ca_pem)
    server = Server(
        folder,
        {
            "GUARDMDM_APNS_HOST": "127.0.0.1",
            "GUARDMDM_APNS_PORT": str(apns.port),
            "GUARDMDM_APNS_CA": str(folder / "apns-ca.pem"),
            "GUARDMDM_ALLOW_PRIVATE_URLS": "yes",
            "GUARDMDM_OIDC_ISSUER": issuer,
            "GUARDMDM_OIDC_CLIENT_ID": "guardmdm",
            "GUARDMDM_OIDC_CONSOLE": "yes",
            "SSL_CERT_FILE": str(tls.path),
        },
    )
    server.manage("bootstrap", "--org", "Example Corp", "--demo")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    key = server.manage("create_api_key", "--name", "stories", "--role", "administrator")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{server.base_url}/api/v1/", headers=headers, timeout=30) as api:
        yield api


@pytest.fixture(scope="module")
def make_profile(
    server: Server, outside: WebServer, stranger: ScepServer, tmp_path_factory: Any
) -> Callable[..., str]:
    """Make a SCEP profile for the stranger's server that trusts `trusted`; returns its id."""
    folder: Path = tmp_path_factory.mktemp("profiles")
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "token").write_text(TOKEN)
    url = outside.url
    ways = {
        "static": ["--challenge", "static", "--static-challenge", STATIC],
        "ndes": [
            "--challenge", "dynamic", "--hook", "ndes", "--hook-username", USER,
            "--hook-url", f"{url}/certsrv/mscep_admin/",
            "--hook-password-file", str(folder / "password"),
        ],
        "json": [
            "--challenge", "dynamic", "--hook", "json", "--hook-url", f"{url}/challenge",
            "--hook-password-file", str(folder / "token"),
        ],
    }  # fmt: skip

    def make(way: str, *, trusted: Holder | None = None) -> str:
        pem = folder / "trusted.pem"
        pem.write_text((trusted or stranger.authority).pem)
        made = server.manage(
            "create_scep_profile", "--name", f"{way} {secrets.token_hex(4)}", *ways[way],
            "--external-url", f"{url}/scep", "--trusted-cas", str(pem),
            "--ca-fingerprint", stranger.authority.fingerprint,
        )  # fmt: skip
        assert made["url"] == f"{url}/scep"
        return str(made["id"])

    return make


@pytest.fixture
def make_device(tls: TlsAuthority, apns: FakeApns) -> Iterator[Callable[..., SimulatedDevice]]:
    """A device that trusts the tests' TLS CA and answers pushes once it is enrolled."""
    stop = threading.Event()

    def make(platform: str = "ios") -> SimulatedDevice:
        http = Network(ca_file=tls.path).make_client()
        device = SimulatedDevice(platform, habits=Habits(), http=http)
        device.on_token = lambda each: apns.register(
            each.state.token, each.state.push_magic, each.topic, each.wake.set
        )
        threading.Thread(target=answer_pushes, args=(device, stop), daemon=True).start()
        return device

    yield make
    stop.set()


@pytest.mark.parametrize(
    ("way", "platform"), [("static", "ios"), ("ndes", "macos"), ("json", "ipados")]
)
def test_device_is_managed_when_an_external_server_gives_its_certificate(
    api: httpx.Client,
    stranger: ScepServer,
    make_profile: Callable[..., str],
    make_device: Callable[..., SimulatedDevice],
    way: str,
    platform: str,
) -> None:
    token = make_token(api, scep_profile=make_profile(way))
    device = make_device(platform)
    device.enroll(token["url"])
    row = wait_managed(api, device)
    assert device.certificate == stranger.issued[-1]
    timeline = api.get(f"devices/{row['id']}/timeline").raise_for_status().json()["results"]
    codes = {entry["code"] for entry in timeline}
    assert codes >= {"profile_downloaded", "device_authenticated", "device_enrolled"}
    assert not [entry for entry in timeline if entry["level"] == "error"]
    assert device.read_session_state() == "managed"


@pytest.mark.parametrize("trust", ["nobody's", "another profile's"])
def test_device_is_refused_when_its_tokens_profile_does_not_trust_its_ca(
    api: httpx.Client,
    stranger: ScepServer,
    make_profile: Callable[..., str],
    make_device: Callable[..., SimulatedDevice],
    trust: str,
) -> None:
    other = make_authority("Another CA")
    if trust == "another profile's":
        make_profile("static", trusted=other)
    token = make_token(api, scep_profile=make_profile("static"))
    device = make_device()
    device.download_profile(token["url"])
    device.obtain_identity()
    foreign = make_identity(other, subject=build_name("device"))
    device.state.identity = Identity(foreign.key, foreign.certificate)
    with pytest.raises(HttpRefused) as caught:
        device.authenticate()
    assert caught.value.status == 403
    assert get_device(api, device) == {}
    log = api.get("enrollment/log", params={"code": "identity_not_trusted"}).json()["results"]
    assert log


def test_device_of_the_builtin_ca_is_refused_when_its_token_wants_an_external_one(
    api: httpx.Client,
    make_profile: Callable[..., str],
    make_device: Callable[..., SimulatedDevice],
) -> None:
    own, other = make_device(), make_device()
    own.enroll(make_token(api)["url"])
    other.download_profile(make_token(api, scep_profile=make_profile("static"))["url"])
    other.obtain_identity()
    other.state.identity = own.state.identity
    with pytest.raises(HttpRefused) as caught:
        other.authenticate()
    assert caught.value.status == 403


def test_person_is_told_when_the_external_server_gives_no_challenge(
    api: httpx.Client,
    stranger: ScepServer,
    make_profile: Callable[..., str],
    make_device: Callable[..., SimulatedDevice],
) -> None:
    token = make_token(api, scep_profile=make_profile("ndes"))
    stranger.is_down = True
    try:
        with pytest.raises(HttpRefused) as caught:
            make_device().download_profile(token["url"])
    finally:
        stranger.is_down = False
    assert caught.value.status == 503
    log = api.get("enrollment/log", params={"code": "scep_server_unreachable"}).json()["results"]
    assert log
    device = make_device()
    device.enroll(token["url"])
    wait_for(lambda: get_device(api, device).get("status") == "managed")


def test_others_are_answered_while_a_challenge_server_takes_its_time(
    server: Server,
    api: httpx.Client,
    tls: TlsAuthority,
    make_profile: Callable[..., str],
    make_device: Callable[..., SimulatedDevice],
) -> None:
    """Each profile asks it for a challenge; a server that hangs is waited for, five seconds."""
    profile = make_profile("json")
    token = make_token(api, scep_profile=profile)
    waiting, is_over = threading.Semaphore(0), threading.Event()

    def hang(asked: Asked) -> Reply:
        waiting.release()
        is_over.wait(20)
        return Reply(503)

    def try_to_enroll() -> None:
        with pytest.raises(HttpRefused):
            make_device().download_profile(token["url"])

    with serve(tls.make_context("localhost"), hang) as slow:
        hook = {"hook_url": f"{slow.url}/challenge"}
        api.patch(f"scep/profiles/{profile}", json=hook).raise_for_status()
        assert_others_are_served(server, try_to_enroll, waiting=waiting, is_over=is_over)


def test_nobody_waits_for_an_identity_provider_that_hangs(
    server: Server, provider: HangingProvider
) -> None:
    def try_to_sign_in() -> None:
        httpx.get(f"{server.base_url}/accounts/sign-in", timeout=30, follow_redirects=True)

    assert_others_are_served(
        server, try_to_sign_in, waiting=provider.waiting, is_over=provider.is_over
    )


def assert_others_are_served(
    server: Server,
    hang: Callable[[], None],
    *,
    waiting: threading.Semaphore,
    is_over: threading.Event,
) -> None:
    """`waiting` is released by each request of `hang` that waits, until `is_over`."""
    everybody = WEB_TURNS * count_workers()
    # Three times as many: the system does not deal them out evenly to the processes.
    with ThreadPoolExecutor(3 * everybody) as pool:
        tries = [pool.submit(hang) for _ in range(3 * everybody)]
        assert all(waiting.acquire(timeout=20) for _ in range(everybody)), "not all at once"
        for _ in range(8):
            httpx.get(f"{server.base_url}/enroll/ca.pem", timeout=4).raise_for_status()
        is_over.set()
    for each in tries:
        each.result()


def test_another_server_is_told_when_a_device_enrolls(
    api: httpx.Client, tls: TlsAuthority, make_device: Callable[..., SimulatedDevice]
) -> None:
    receiver = Receiver()
    with serve(tls.make_context("localhost"), receiver.answer) as there:
        values = {"name": "Help desk", "url": f"{there.url}/hook", "events": ["device.enrolled"]}
        made = api.post("webhooks", json=values).raise_for_status().json()
        enrolled: list[SimulatedDevice] = []
        while not receiver.came.wait(2):  # every process knows of it within five seconds
            assert len(enrolled) < 10
            enrolled.append(make_device())
            enrolled[-1].enroll(make_token(api)["url"])
        event = verify(receiver.asked[0], secret=made["secret"])
        ids = [get_device(api, device)["id"] for device in enrolled]
        assert event["data"]["device"]["id"] in ids
        rows = f"webhooks/{made['id']}/deliveries"
        wait_for(lambda: api.get(rows).json()["results"][0]["state"] == "delivered")
        api.delete(f"webhooks/{made['id']}").raise_for_status()


def test_no_secret_stands_in_the_log_when_the_stories_are_over(
    server: Server, stranger: ScepServer
) -> None:
    for secret in (PASSWORD, TOKEN, STATIC, "eyJ"):
        assert secret not in server.log
