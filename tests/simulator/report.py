"""What happened to the devices, step by step, and the totals."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from .errors import ServerTooLenient, SimulationFailure, Vanished
from .habits import Habits

UNTRUSTED_HINT = " (--ca FILE trusts its CA, --insecure any certificate)"


@dataclass
class Step:
    """One step of one device; milliseconds of wall time."""

    name: str
    milliseconds: float = 0.0
    ok: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


class StepRecorder:
    """Times steps, names the failing one, and acts out refusals and vanishing."""

    def __init__(self, habits: Habits) -> None:
        self.steps: list[Step] = []
        self._habits = habits

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Runs one step; the dictionary takes details for the report."""
        step = Step(name)
        self.steps.append(step)
        started = time.perf_counter()
        try:
            yield step.detail
            step.ok = True
        except SimulationFailure as failure:
            failure.step = failure.step or name
            raise
        except httpx.HTTPError as error:
            hint = UNTRUSTED_HINT if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
            unanswered = SimulationFailure(f"no answer: {type(error).__name__}: {error}{hint}")
            unanswered.step = name
            raise unanswered from error
        finally:
            step.milliseconds = round((time.perf_counter() - started) * 1000, 1)
        self._act(name)

    def _act(self, name: str) -> None:
        if self._habits.refused_at == name:
            lenient = ServerTooLenient(f"the server accepted {self._habits.misbehave}")
            lenient.step = name
            raise lenient
        if self._habits.vanishes_after == name:
            raise Vanished(name)


@dataclass
class Failure:
    """Why a device stopped: everything an administrator would ask for."""

    step: str | None
    kind: str
    reason: str
    status: int | None = None
    body: str | None = None
    fail_info: str | None = None


def describe_failure(error: Exception) -> Failure:
    """The report's form of any error that ended a device."""
    kind = type(error).__name__
    if isinstance(error, SimulationFailure):
        return Failure(error.step, kind, error.reason, error.status, error.body, error.fail_info)
    return Failure(None, kind, str(error))


@dataclass
class DeviceReport:
    """One device: outcome is enrolled, managed, refused, vanished, gone or failed.

    ok: it did what was asked of it, which for a misbehaving device is to be refused.
    """

    udid: str
    serial: str
    platform: str
    outcome: str
    ok: bool
    steps: list[Step]
    commands: list[dict[str, str]] = field(default_factory=list)
    failure: Failure | None = None


def percentile(values: Sequence[float], *, share: float) -> float:
    """The nearest-rank percentile; share between 0 and 1, values not empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summarize(reports: Sequence[DeviceReport], *, seconds: float) -> dict[str, Any]:
    """Totals as one JSON-able document; times in milliseconds, rate in devices/s."""
    return {
        "devices": [asdict(report) for report in reports],
        "totals": {
            "devices": len(reports),
            "succeeded": sum(report.ok for report in reports),
            "failed": sum(not report.ok for report in reports),
            "seconds": round(seconds, 2),
            "per_second": round(len(reports) / seconds, 2) if seconds else None,
            "steps": summarize_steps(reports),
        },
    }


def summarize_steps(reports: Sequence[DeviceReport]) -> dict[str, dict[str, float]]:
    """p50, p90, p99 and the maximum of each step, and of whole devices."""
    times: dict[str, list[float]] = {}
    for report in reports:
        for step in report.steps:
            times.setdefault(step.name, []).append(step.milliseconds)
        times.setdefault("total", []).append(sum(s.milliseconds for s in report.steps))
    return {name: _spread(values) for name, values in times.items()}


def _spread(values: Sequence[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(values, share=s), 1) for name, s in shares.items()}
