"""One running server for all stories, on the database and broker that the suite is run on."""

import os
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import pytest

from tests.enrollment.mail_server import MailServer
from tests.flows.server import Server
from tests.oidc.running import run_provider
from tests.services import REDIS_DATABASES, create_database, find_free_port
from tests.simulator.apns import FakeApns
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure
from tests.simulator.factory import FactoryAuthority, make_authority
from tests.simulator.habits import Habits

GIVEN_DATABASE = os.environ.get("GUARDMDM_DATABASE_URL", "")
GIVEN_BROKER = os.environ.get("GUARDMDM_BROKER_URL", "")
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# The upper half of the databases, behind those of the suite's own processes; a server takes two,
# broker and cache. Two servers on one broker would work off each other's tasks.
REDIS_DATABASE = REDIS_DATABASES // 2 + 2 * WORKER
LOG_CHARACTERS = 4000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A story that fails is told with what its server's processes wrote last."""
    report = yield
    server = item.funcargs.get("server")
    if report.failed and isinstance(server, Server):
        report.sections.append(("log of the server", server.log[-LOG_CHARACTERS:]))
    return report


@pytest.fixture(scope="session")
def apns() -> Iterator[FakeApns]:
    with FakeApns() as fake:
        yield fake


@pytest.fixture(scope="session")
def factory() -> FactoryAuthority:
    """Who makes the devices, for a server that takes it for Apple."""
    return make_authority()


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def identity_provider() -> Iterator[dict[str, str]]:
    """The settings of a server at which people of a provider sign in."""
    client = {"client_id": "guardmdm", "client_secret": uuid.uuid4().hex}
    with run_provider(find_free_port(), **client) as issuer:
        yield {
            "GUARDMDM_OIDC_ISSUER": issuer,
            "GUARDMDM_OIDC_CLIENT_ID": client["client_id"],
            "GUARDMDM_OIDC_CLIENT_SECRET": client["client_secret"],
            "GUARDMDM_OIDC_CONSOLE": "yes",
        }


@pytest.fixture(scope="package")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    apns: FakeApns,
    factory: FactoryAuthority,
    mail_server: MailServer,
    identity_provider: dict[str, str],
) -> Iterator[Server]:
    """Stopped after the last story, beside other tests: that takes seconds of waiting."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "apns-ca.pem").write_bytes(apns.ca_pem)
    (folder / "device-ca.pem").write_bytes(factory.ca_pem)
    environment = {
        "GUARDMDM_APNS_HOST": "127.0.0.1",
        "GUARDMDM_APNS_PORT": str(apns.port),
        "GUARDMDM_APNS_CA": str(folder / "apns-ca.pem"),
        "GUARDMDM_DEVICE_CA": str(folder / "device-ca.pem"),
        "GUARDMDM_USER_CHANNEL": "yes",
        "GUARDMDM_EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
        "GUARDMDM_EMAIL_FROM": "mdm@example.com",
        **identity_provider,
    }
    if GIVEN_DATABASE.startswith("postgres"):
        url = create_database(GIVEN_DATABASE, name=f"flows_{os.getpid()}")
        environment["GUARDMDM_DATABASE_URL"] = url
    if GIVEN_BROKER.startswith("redis"):
        environment["GUARDMDM_BROKER_URL"] = f"{GIVEN_BROKER.rpartition('/')[0]}/{REDIS_DATABASE}"
    server = Server(folder, environment)
    server.manage("bootstrap", "--org", "Example Corp", "--demo")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def api(server: Server) -> Iterator[httpx.Client]:
    """The REST interface with an administrator's key."""
    key = server.manage("create_api_key", "--name", "stories", "--role", "administrator")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{server.base_url}/api/v1/", headers=headers, timeout=30) as api:
        yield api


@pytest.fixture(scope="package")
def scep_profiles(api: httpx.Client) -> dict[str, str]:
    """A SCEP profile for each type of challenge, by the type."""
    more = {"dynamic": {}, "token": {}, "static": {"static_challenge": "correct horse battery"}}
    made = {}
    for kind, facts in more.items():
        fields = {"name": f"Story {kind}", "challenge_type": kind, **facts}
        made[kind] = api.post("scep/profiles", json=fields).raise_for_status().json()["id"]
    return made


@pytest.fixture
def enroll_device(
    apns: FakeApns, factory: FactoryAuthority
) -> Iterator[Callable[..., SimulatedDevice]]:
    """Enroll a device that afterwards opens a connection whenever the fake APNs wakes it."""
    stop = threading.Event()

    def enroll(url: str, *, platform: str = "ios", **habits: Any) -> SimulatedDevice:
        device = SimulatedDevice(platform, habits=Habits(**habits), factory=factory)
        device.on_token = lambda each: apns.register(
            each.state.token, each.state.push_magic, each.topic, each.wake.set
        )
        device.enroll(url)
        threading.Thread(target=answer_pushes, args=(device, stop), daemon=True).start()
        return device

    yield enroll
    stop.set()


def answer_pushes(device: SimulatedDevice, stop: threading.Event) -> None:
    """As Apple's do: who is told to come later, or gets no answer, comes again."""
    while not stop.is_set():
        try:
            device.answer_push(seconds=0.2)
        except SimulationFailure as failure:
            if failure.status != 503 and not isinstance(failure.__cause__, httpx.TransportError):
                raise
            stop.wait(1)
            device.wake.set()
