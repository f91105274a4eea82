"""A device's whole life against a hand-sized server."""

import plistlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.simulator import (
    Habits,
    Misbehaviour,
    ProfileRefused,
    RenewalHabit,
    ScepRefused,
    SimulatedDevice,
    SimulationFailure,
)
from tests.simulator.store import load_devices, save_device
from tests.simulator.story import live_through

from .conftest import Holder, issue
from .small_server import TOPIC, URL, SmallServer, describe


@pytest.fixture
def server(root: Holder, registrar: Holder) -> SmallServer:
    return SmallServer(root, registrar)


@pytest.fixture
def make(server: SmallServer, spare_key: rsa.RSAPrivateKey) -> Any:
    def build(platform: str = "ios", **habits: Any) -> SimulatedDevice:
        return SimulatedDevice(
            platform,
            http=server.client(),
            habits=Habits(**habits),
            key=spare_key,
            sleep=lambda seconds: None,
        )

    return build


@pytest.mark.parametrize("platform", ["ios", "ipados", "macos"])
@pytest.mark.parametrize("direct", [True, False])
def test_device_enrolls_when_server_is_correct(
    server: SmallServer, make: Any, platform: str, direct: bool
) -> None:
    device = make(platform, direct=direct)
    device.enroll(URL)
    authenticate, token_update = server.messages
    assert authenticate["MessageType"] == "Authenticate"
    assert ("DeviceName" in authenticate) is (platform == "macos")
    assert token_update["MessageType"] == "TokenUpdate"
    assert len(token_update["Token"]) == 32
    assert ("UnlockToken" in token_update) is (platform != "macos")
    assert device.topic == TOPIC
    assert device.certificate.public_key() == device.identity.key.public_key()
    assert server.answers[0]["Status"] == "Idle"
    device.token_update()
    assert "UnlockToken" not in server.messages[-1]


def test_scep_uses_get_when_post_is_not_offered(server: SmallServer, make: Any) -> None:
    server.caps = "SHA-256\nAES\n"
    make().enroll(URL)
    assert server.operations[-1] == "GET PKIOperation"


def test_scep_polls_when_pending(server: SmallServer, make: Any) -> None:
    server.pending = 2
    make().enroll(URL)
    assert server.operations.count("POST PKIOperation") == 3


def test_scep_gives_up_when_always_pending(server: SmallServer, make: Any) -> None:
    server.pending = 99
    with pytest.raises(ScepRefused, match="PENDING"):
        make().enroll(URL)


@pytest.mark.parametrize(
    ("misbehaviour", "outcome", "messages"),
    [
        ("wrong-challenge", "refused", 0),
        ("bad-signature", "refused", 0),
        ("no-signature", "refused", 0),
        ("other-udid", "refused", 1),
        ("vanish-after-profile", "vanished", 0),
        ("vanish-after-certificate", "vanished", 0),
        ("vanish-after-authenticate", "vanished", 1),
        ("duplicate-messages", "enrolled", 4),
        ("not-now", "enrolled", 2),
    ],
)
def test_report_says_so_when_device_misbehaves(
    server: SmallServer, make: Any, misbehaviour: str, outcome: str, messages: int
) -> None:
    server.commands.extend({"RequestType": "SecurityInfo"} for _ in range(2))
    device = make(misbehave=Misbehaviour(misbehaviour))
    if misbehaviour == "duplicate-messages":
        # The hand-sized server issues a new certificate each time.
        device.habits = replace(device.habits, misbehave=None)
        device.open_page(URL)
        device.download_profile(URL)
        device.obtain_identity()
        device.habits = replace(device.habits, misbehave=Misbehaviour(misbehaviour))
        device.authenticate()
        device.token_update()
    else:
        report = live_through(device, url=URL)
        assert (report.outcome, report.ok) == (outcome, True), report.failure
    assert len(server.messages) == messages


def test_report_fails_when_server_is_too_lenient(server: SmallServer, make: Any) -> None:
    server.challenge = "not-the-challenge"
    report = live_through(make(misbehave=Misbehaviour.WRONG_CHALLENGE), url=URL)
    assert not report.ok
    assert report.failure
    assert report.failure.kind == "ServerTooLenient"


def run_commands(server: SmallServer, device: SimulatedDevice, *commands: dict[str, Any]) -> Any:
    """The device's answers to the commands, in order."""
    device.enroll(URL)
    server.answers.clear()
    server.commands.extend(commands)
    device.connect()
    return server.answers[1:]


def test_answers_have_apples_keys_when_device_is_asked(server: SmallServer, make: Any) -> None:
    queries = {"RequestType": "DeviceInformation", "Queries": ["UDID", "IMEI", "Nonsense"]}
    information, security, listed, unknown = run_commands(
        server,
        make(),
        queries,
        {"RequestType": "SecurityInfo"},
        {"RequestType": "ProfileList"},
        {"RequestType": "MakeCoffee"},
    )
    assert set(information["QueryResponses"]) == {"UDID", "IMEI"}
    assert security["SecurityInfo"]["PasscodePresent"] is True
    item = listed["ProfileList"][0]
    assert item["PayloadIdentifier"] == "com.example.enrollment"
    assert item["IsManaged"] is True
    assert item["SignerCertificates"]
    assert unknown["Status"] == "Error"
    assert unknown["ErrorChain"][0]["ErrorDomain"] == "MCMDMErrorDomain"


def test_profiles_come_and_go_when_commanded(server: SmallServer, make: Any) -> None:
    clip = describe("com.apple.webClip.managed") | {"URL": "https://x", "Label": "x"}
    good = plistlib.dumps(describe("Configuration", "clip") | {"PayloadContent": [clip]})
    del clip["URL"]
    bad = plistlib.dumps(describe("Configuration", "bad") | {"PayloadContent": [clip]})
    device = make("macos", binary_plist=True)
    installed, refused, removed, missing = run_commands(
        server,
        device,
        {"RequestType": "InstallProfile", "Payload": server.sign(good)},
        {"RequestType": "InstallProfile", "Payload": bad},
        {"RequestType": "RemoveProfile", "Identifier": "com.example.clip"},
        {"RequestType": "RemoveProfile", "Identifier": "com.example.clip"},
    )
    assert installed["Status"] == removed["Status"] == "Acknowledged"
    assert refused["Status"] == missing["Status"] == "Error"
    assert "URL" in refused["ErrorChain"][1]["USEnglishDescription"]


def test_identity_is_new_when_enrollment_profile_is_sent_again(
    server: SmallServer, make: Any
) -> None:
    device = make()
    renewal = {"RequestType": "InstallProfile", "Payload": server.build_profile()}
    server.extra_mdm = {"Topic": "com.apple.mgmt.other"}
    moved = {"RequestType": "InstallProfile", "Payload": server.build_profile()}
    server.extra_mdm = {}
    device.enroll(URL)
    before = device.certificate
    server.commands.extend([renewal, moved])
    first, second = device.connect()
    assert (first.status, second.status) == ("Acknowledged", "Error")
    assert device.certificate != before
    assert server.messages[-1]["MessageType"] == "TokenUpdate"


@pytest.mark.parametrize(
    ("habit", "first", "renewed"),
    [
        (RenewalHabit.NOT_NOW, "NotNow", False),
        (RenewalHabit.ERROR, "Error", False),
        (RenewalHabit.IGNORE, "Acknowledged", False),
        (RenewalHabit.OLD_ANSWER, "Acknowledged", True),
    ],
)
def test_device_renews_in_its_own_way_when_it_has_a_habit(
    server: SmallServer, make: Any, habit: RenewalHabit, first: str, renewed: bool
) -> None:
    device = make(renewal=habit)
    command = {"RequestType": "InstallProfile", "Payload": server.build_profile()}
    device.enroll(URL)
    before = device.certificate
    server.commands.append(command)
    assert [each.status for each in device.connect()] == [first]
    assert (device.certificate != before) == renewed
    assert server.signers[-1 - renewed] == before.serial_number
    server.commands.append(command)
    assert [each.status for each in device.connect()] == ["Acknowledged"]
    assert device.certificate != before
    assert server.messages[-1]["MessageType"] == "TokenUpdate"
    assert server.signers[-1] == device.certificate.serial_number


def test_apps_are_managed_when_installed(server: SmallServer, make: Any) -> None:
    app = {"RequestType": "InstallApplication", "Identifier": "com.x.app", "ManagementFlags": 1}
    done, again, managed, installed, removed = run_commands(
        server,
        make(),
        app,
        app,
        {"RequestType": "ManagedApplicationList"},
        {"RequestType": "InstalledApplicationList", "ManagedAppsOnly": True},
        {"RequestType": "RemoveApplication", "Identifier": "com.x.app"},
    )
    assert done["State"] == "Installing"
    assert again["RejectionReason"] == "AppAlreadyInstalled"
    assert managed["ManagedApplicationList"]["com.x.app"]["Status"] == "Managed"
    assert [each["Identifier"] for each in installed["InstalledApplicationList"]] == ["com.x.app"]
    assert removed["Status"] == "Acknowledged"


@pytest.mark.parametrize(("platform", "least"), [("ios", 10), ("macos", 70)])
def test_own_apps_are_listed_when_all_are_asked_for(
    server: SmallServer, make: Any, platform: str, least: int
) -> None:
    ask = {"RequestType": "InstalledApplicationList"}
    everything, again = run_commands(server, make(platform), ask, ask)
    apps = everything["InstalledApplicationList"]
    assert len(apps) >= least
    assert all(app["Name"] and app["Version"] and app["BundleSize"] > 0 for app in apps)
    assert ("DynamicSize" in apps[0]) == (platform == "ios")
    assert again == everything | {"CommandUUID": again["CommandUUID"]}


def test_own_certificates_are_listed_when_asked_for(server: SmallServer, make: Any) -> None:
    device = make()
    [answer] = run_commands(server, device, {"RequestType": "CertificateList"})
    identity, *roots = answer["CertificateList"]
    assert device.certificate is not None
    assert identity["IsIdentity"]
    assert identity["Data"] == device.certificate.public_bytes(Encoding.DER)
    assert [root["IsIdentity"] for root in roots] == [False] * len(roots)


def test_users_are_listed_when_a_mac_is_asked(server: SmallServer, make: Any) -> None:
    [refused] = run_commands(server, make(), {"RequestType": "UserList"})
    [answer] = run_commands(server, make("macos"), {"RequestType": "UserList"})
    assert refused["Status"] == "Error"
    assert {"UserName", "UID", "IsLoggedIn"} <= answer["Users"][0].keys()


def test_lock_needs_a_pin_when_on_a_mac(server: SmallServer, make: Any) -> None:
    device = make("macos")
    bad, good = run_commands(
        server,
        device,
        {"RequestType": "DeviceLock"},
        {"RequestType": "DeviceLock", "PIN": "123456"},
    )
    assert bad["Status"] == "CommandFormatError"
    assert good["Status"] == "Acknowledged"
    assert device.state.lock_pin == "123456"


def test_device_is_gone_when_erased(server: SmallServer, make: Any) -> None:
    device = make()
    run_commands(server, device, {"RequestType": "EraseDevice"}, {"RequestType": "SecurityInfo"})
    assert device.state.erased
    assert not device.is_enrolled
    assert server.messages[-1]["MessageType"] == "TokenUpdate"


def test_device_checks_out_when_mdm_profile_is_removed(server: SmallServer, make: Any) -> None:
    removal = {"RequestType": "RemoveProfile", "Identifier": "com.example.enrollment"}
    device = make()
    run_commands(server, device, removal)
    assert server.messages[-1]["MessageType"] == "CheckOut"
    with pytest.raises(SimulationFailure):
        device.connect()


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"Topic": "com.example"}, "Topic"),
        ({"ServerURL": "http://mdm.example.com/"}, "https"),
        ({"IdentityCertificateUUID": "other"}, "IdentityCertificateUUID"),
        ({"AccessRights": 2}, "bit 2"),
        ({"AccessRights": 0}, "AccessRights"),
    ],
)
def test_profile_is_refused_when_apple_would(
    server: SmallServer, make: Any, extra: dict[str, Any], reason: str
) -> None:
    server.extra_mdm = extra
    with pytest.raises(ProfileRefused, match=reason) as caught:
        make().enroll(URL)
    assert caught.value.step == "profile"


def test_profile_is_refused_when_signed_by_a_stranger(server: SmallServer, make: Any) -> None:
    server.signer = issue("Stranger")
    with pytest.raises(SimulationFailure, match="trusted root"):
        make().enroll(URL)


def test_device_resumes_when_stored(server: SmallServer, make: Any, tmp_path: Any) -> None:
    device = make("macos")
    device.enroll(URL)
    save_device(tmp_path, hardware=device.hardware, state=device.state)
    [(hardware, state)] = load_devices(tmp_path)
    assert hardware == device.hardware
    again = SimulatedDevice(http=server.client(), hardware=hardware, state=state)
    server.commands.append({"RequestType": "SecurityInfo"})
    assert [each.status for each in again.connect()] == ["Acknowledged"]
    again.check_out()
    save_device(tmp_path, hardware=hardware, state=again.state)
    assert load_devices(tmp_path) == []
