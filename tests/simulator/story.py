"""One device's whole story, told as a report: enroll, put off, wait, end."""

import time
from collections.abc import Callable

from .connection import ObeyedCommand
from .device import SimulatedDevice
from .errors import SimulationFailure, Vanished
from .report import DeviceReport, describe_failure

POLL_SECONDS = 1.0
MAX_ROUNDS = 20


def live_through(
    device: SimulatedDevice, *, url: str, wait_managed: float | None = None
) -> DeviceReport:
    """Enrolls the device and reports; never raises.

    wait_managed: seconds to keep connecting until the session's state is "managed".
    """
    return report_of(device, lambda: _enroll(device, url, wait_managed))


def report_of(device: SimulatedDevice, act: Callable[[], str]) -> DeviceReport:
    """Runs `act`, which returns the outcome, and turns any error into a report."""
    try:
        return build_report(device, act(), ok=True)
    except Vanished:
        return build_report(device, "vanished", ok=True)
    except SimulationFailure as failure:
        expected = device.habits.refused_at == failure.step and failure.is_refusal
        return build_report(device, "refused" if expected else "failed", ok=expected, error=failure)
    except Exception as error:  # noqa: BLE001 - a device's thread is a border
        return build_report(device, "failed", ok=False, error=error)


def _enroll(device: SimulatedDevice, url: str, wait_managed: float | None) -> str:
    finish_commands(device, device.enroll(url))
    log_in(device)
    if wait_managed is not None and device.is_enrolled:
        wait_until_managed(device, seconds=wait_managed)
        return "managed"
    return "enrolled" if device.is_enrolled else "gone"


def log_in(device: SimulatedDevice) -> None:
    """The Mac's user logs in, where the habits name one, and does what waits for them."""
    name = device.habits.user
    if name and device.is_enrolled and device.hardware.platform.is_mac:
        user = device.log_in(name)
        if user.is_managed:
            user.connect()


def finish_commands(device: SimulatedDevice, obeyed: list[ObeyedCommand]) -> None:
    """Connects again while the last connection put something off."""
    for _ in range(MAX_ROUNDS):
        if not device.is_enrolled or all(each.status != "NotNow" for each in obeyed):
            return
        obeyed = device.connect()


def wait_until_managed(device: SimulatedDevice, *, seconds: float) -> None:
    """Connects on each push, or each second, until the session says managed."""
    deadline = time.monotonic() + seconds
    while (state := device.read_session_state()) != "managed":
        if state is None:
            raise _stuck("the session has no status URL to watch (see --direct)")
        if time.monotonic() > deadline:
            raise _stuck(f"after {seconds:g} s the session is {state!r}, not managed")
        device.wake.wait(POLL_SECONDS)
        device.wake.clear()
        finish_commands(device, device.connect())


def _stuck(reason: str) -> SimulationFailure:
    failure = SimulationFailure(reason)
    failure.step = "wait_managed"
    return failure


def build_report(
    device: SimulatedDevice, outcome: str, *, ok: bool, error: Exception | None = None
) -> DeviceReport:
    """The device's steps and commands so far, with how it ended."""
    return DeviceReport(
        udid=device.udid,
        serial=device.serial,
        platform=device.hardware.platform.name,
        outcome=outcome,
        ok=ok,
        steps=list(device.steps),
        commands=[
            {"uuid": each.uuid, "request_type": each.request_type, "status": each.status}
            for each in device.obeyed
        ],
        failure=describe_failure(error) if error else None,
    )
