"""Simulated Apple devices: strangers that share no code with the server."""

from .apns import FakeApns
from .cms import sign_detached
from .connection import ObeyedCommand
from .device import SimulatedDevice
from .errors import (
    CmsInvalid,
    HttpRefused,
    ProfileRefused,
    ScepRefused,
    SimulationFailure,
    Vanished,
)
from .habits import Habits, Misbehaviour, RenewalHabit
from .hardware import Hardware, make_hardware
from .platforms import PLATFORMS, SIGNATURE_SHAPES
from .scep import build_csr, build_name, build_pki_message, build_self_signed, generate_key
from .state import DeviceState, Identity
from .users import MacUser

__all__ = [
    "PLATFORMS",
    "SIGNATURE_SHAPES",
    "CmsInvalid",
    "DeviceState",
    "FakeApns",
    "Habits",
    "Hardware",
    "HttpRefused",
    "Identity",
    "MacUser",
    "Misbehaviour",
    "ObeyedCommand",
    "ProfileRefused",
    "RenewalHabit",
    "ScepRefused",
    "SimulatedDevice",
    "SimulationFailure",
    "Vanished",
    "build_csr",
    "build_name",
    "build_pki_message",
    "build_self_signed",
    "generate_key",
    "make_hardware",
    "sign_detached",
]
