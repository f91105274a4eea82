"""A simulated Mac's user, its bootstrap token, and declarative management."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.simulator import Habits, HttpRefused, SimulatedDevice, SimulationFailure
from tests.simulator.story import live_through
from tests.simulator.users import ESCROW, PER_USER

from .conftest import Holder
from .small_server import URL, SmallServer


@pytest.fixture
def server(root: Holder, registrar: Holder) -> SmallServer:
    server = SmallServer(root, registrar)
    server.extra_mdm = {"ServerCapabilities": [PER_USER, ESCROW]}
    return server


@pytest.fixture
def make(server: SmallServer, spare_key: rsa.RSAPrivateKey) -> Any:
    def build(platform: str = "macos", **habits: Any) -> SimulatedDevice:
        return SimulatedDevice(
            platform, http=server.client(), habits=Habits(**habits), key=spare_key
        )

    return build


def test_a_user_has_a_token_and_a_connection_of_their_own(server: SmallServer, make: Any) -> None:
    device = make()
    device.enroll(URL)
    user = device.log_in("anna")
    update = server.messages[-1]
    assert (update["MessageType"], update["UserID"]) == ("TokenUpdate", user.user_id)
    assert (update["UserShortName"], update["UserLongName"]) == ("anna", "Anna")
    assert update["Token"] == user.token != device.state.token
    server.commands.append({"RequestType": "ProfileList"})
    server.commands.append({"RequestType": "RestartDevice"})
    assert [each.status for each in user.connect()] == ["Acknowledged", "Error"]
    assert {each["UserID"] for each in server.answers[-3:]} == {user.user_id}
    assert user.obeyed[0].answer["ProfileList"] == []
    assert device.obeyed == []
    user.remove()
    assert (server.messages[-1]["MessageType"], user.is_managed) == ("CheckOut", False)


def test_a_mac_escrows_its_bootstrap_token_once(server: SmallServer, make: Any) -> None:
    device = make()
    device.enroll(URL)
    device.log_in("anna")
    device.log_in("ben")
    kinds = [each["MessageType"] for each in server.messages]
    assert kinds.count("SetBootstrapToken") == 1
    token = device.state.bootstrap_token
    server.replies["GetBootstrapToken"] = {"BootstrapToken": token}
    assert device.fetch_bootstrap_token() == token


def test_nobody_gets_a_channel_that_the_profile_does_not_announce(
    server: SmallServer, make: Any
) -> None:
    server.extra_mdm = {}
    device = make()
    device.enroll(URL)
    assert not device.log_in("anna").is_managed
    assert [each["MessageType"] for each in server.messages] == ["Authenticate", "TokenUpdate"]


def test_a_network_user_asks_first(server: SmallServer, make: Any) -> None:
    device = make()
    device.enroll(URL)
    server.replies["UserAuthenticate"] = {"DigestChallenge": ""}
    assert device.log_in("anna", network=True).is_managed
    server.replies["UserAuthenticate"] = 410
    assert not device.log_in("ben", network=True).is_managed
    server.replies["UserAuthenticate"] = {"DigestChallenge": "Digest realm"}
    with pytest.raises(SimulationFailure, match="digest"):
        device.log_in("cora", network=True)


def test_an_iphone_has_no_users(make: Any) -> None:
    device = make("ios")
    device.enroll(URL)
    with pytest.raises(SimulationFailure, match="only Macs"):
        device.log_in("anna")


def test_a_user_of_the_habits_logs_in_after_enrolling(server: SmallServer, make: Any) -> None:
    device = make(user="anna")
    assert live_through(device, url=URL).ok
    assert device.users["anna"].is_managed
    assert server.answers[-1]["UserShortName"] == "anna"


def answer_declarations(server: SmallServer, declarations: dict[str, Any]) -> None:
    items = [{"Identifier": name, "ServerToken": "1"} for name in declarations]
    empty: dict[str, Any] = {"Activations": [], "Assets": [], "Management": []}
    server.documents = {
        "tokens": {"SyncTokens": {"DeclarationsToken": "t1", "Timestamp": "2026-01-01T00:00:00Z"}},
        "declaration-items": {
            "Declarations": {**empty, "Configurations": items},
            "DeclarationsToken": "t1",
        },
        **{f"declaration/configuration/{name}": each for name, each in declarations.items()},
    }


def test_declarations_are_fetched_and_reported_when_told_to(server: SmallServer, make: Any) -> None:
    device = make("ios")
    device.enroll(URL)
    answer_declarations(server, {"com.example.one": {"ServerToken": "1"}})
    server.commands.append({"RequestType": "DeclarativeManagement"})
    device.connect()
    endpoints = [each["Endpoint"] for each in server.messages if "Endpoint" in each]
    one = "declaration/configuration/com.example.one"
    assert endpoints == ["tokens", "declaration-items", one, "status"]
    report = json.loads(server.messages[-1]["Data"])
    [told] = report["StatusItems"]["management"]["declarations"]["configurations"]
    assert (told["identifier"], report["Errors"]) == ("com.example.one", [])
    data = json.dumps(server.documents["tokens"]).encode()
    server.commands.append({"RequestType": "DeclarativeManagement", "Data": data})
    device.connect()
    assert server.messages[-1]["Endpoint"] == "status"
    assert len([each for each in server.messages if "Endpoint" in each]) == 4


def test_a_missing_declaration_is_the_servers_fault(server: SmallServer, make: Any) -> None:
    device = make("ios")
    device.enroll(URL)
    answer_declarations(server, {"com.example.one": {"ServerToken": "1"}})
    del server.documents["declaration/configuration/com.example.one"]
    server.commands.append({"RequestType": "DeclarativeManagement"})
    with pytest.raises(HttpRefused, match="404"):
        device.connect()
