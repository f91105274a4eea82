"""The simulated devices obey every command that the server can build for their platform."""

import plistlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from devices.protocol.commands import COMMAND_TYPES, DeviceFacts, build_command
from devices.protocol.recovery_key import build_reply_key, get_reply_certificate
from tests.apple.test_commands import make_value
from tests.simulator import SimulatedDevice, generate_key
from tests.simulator.commands import obey

# A simulated device may say no to these, but not that it does not know them.
MAY_BE_REFUSED = {
    "InstallEnterpriseApplication",  # nothing is at the address
    "RemoveProfile",
    "RemoveApplication",
    "RemoveProvisioningProfile",
    "InstallProfile",
    "DisableLostMode",
    "PlayLostModeSound",
    "DeviceLocation",
    "RequestUnlockToken",
}
EXTRA: dict[str, dict[str, Any]] = {
    "InstallApplication": {"itunes_store_id": 361309726},
    "InstallEnterpriseApplication": {"manifest_url": "https://example.com/app.plist"},
    "InstallMedia": {"itunes_store_id": 361309726},
    "RemoveMedia": {"itunes_store_id": "361309726"},
    "DeleteUser": {"user_name": "corey"},
    "EnableLostMode": {"message": "Lost"},
    "RequestMirroring": {"destination_name": "Apple TV"},
}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return generate_key()


@pytest.mark.parametrize("platform", ["ios", "ipados", "macos"])
def test_it_is_obeyed_when_the_server_sends_it(platform: str, key: rsa.RSAPrivateKey) -> None:
    facts = DeviceFacts(platform=platform, is_shared=False)
    certificate = get_reply_certificate(build_reply_key(now=datetime.now(UTC)))
    for name, kind in COMMAND_TYPES.items():
        if kind.find_refusal(facts):
            continue
        device = SimulatedDevice(platform, key=key)
        given = {
            each.name: make_value(each, platform=platform)
            for each in kind.parameters
            if each.required
        }
        given |= EXTRA.get(name, {})
        if name == "RotateFileVaultKey":
            given |= {"key_type": "personal", "reply_encryption_certificate": certificate}
        if name == "DeviceLock" and platform == "macos":
            given["pin"] = "123456"
        command = build_command(name, platform=platform, parameters=given)
        answer = obey(device, plistlib.loads(plistlib.dumps(command)))
        plistlib.dumps(answer)
        assert "valid request type" not in str(answer), name
        assert answer["Status"] != "CommandFormatError", (name, answer)
        assert answer["Status"] == "Acknowledged" or name in MAY_BE_REFUSED, (name, answer)
