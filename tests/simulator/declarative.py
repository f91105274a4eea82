"""Declarative management: compare tokens, fetch what is new, report status."""

import json
from typing import TYPE_CHECKING, Any

from . import checkin
from .errors import SimulationFailure

if TYPE_CHECKING:
    from .device import SimulatedDevice

KINDS = {
    "Activations": "activation",
    "Assets": "asset",
    "Configurations": "configuration",
    "Management": "management",
}


def synchronize(device: "SimulatedDevice", *, data: bytes) -> None:
    """What a DeclarativeManagement command starts; data: its SyncTokens, may be empty."""
    tokens = json.loads(data or ask(device, "tokens"))["SyncTokens"]
    token = tokens["DeclarationsToken"]
    if not isinstance(token, str) or len(token.encode()) > 256:
        raise SimulationFailure("the DeclarationsToken is not a text of at most 256 bytes")
    if token == device.state.declarations_token:
        return
    manifest = json.loads(ask(device, "declaration-items"))
    device.state.declarations = {
        item["Identifier"]: json.loads(ask(device, f"declaration/{kind}/{item['Identifier']}"))
        for name, kind in KINDS.items()
        for item in manifest["Declarations"][name]
    }
    device.state.declarations_token = manifest["DeclarationsToken"]
    report_status(device)


def ask(device: "SimulatedDevice", endpoint: str, **more: Any) -> bytes:
    """One DeclarativeManagement message; the answer's body."""
    message = checkin.build_message(device.hardware, kind="DeclarativeManagement")
    return device.check_in(message | {"Endpoint": endpoint, **more})


def report_status(device: "SimulatedDevice") -> None:
    """The first, full report of a device without subscriptions."""
    platform = device.hardware.platform
    declarations = [
        {"identifier": name, "active": True, "valid": "valid", "server-token": each["ServerToken"]}
        for name, each in device.state.declarations.items()
    ]
    report = {
        "StatusItems": {
            "device": {
                "identifier": {"serial-number": device.serial, "udid": device.udid},
                "model": {"identifier": platform.product_name, "family": platform.model_name},
                "operating-system": {
                    "version": platform.os_version,
                    "build-version": platform.build_version,
                },
            },
            "management": {"declarations": {"configurations": declarations}},
        },
        "Errors": [],
        "FullReport": True,
    }
    ask(device, "status", Data=json.dumps(report).encode())
