"""`python -m tests.simulator`: runs a fleet and prints what happened."""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from . import factory
from .apns import ApnsAuthority, FakeApns, load_authority, make_authority
from .factory import FactoryAuthority
from .fleet import Fleet
from .options import make_parser, make_plan
from .report import DeviceReport, summarize
from .store import write_private
from .story import build_report

AUTHORITY_FILE = "apns-authority.pem"
FACTORY_FILE = "device-authority.pem"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 only when every device did what was asked."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    authority = keep_authority(options.state)
    maker = (
        factory.load_authority(options.device_ca.read_bytes())
        if options.device_ca
        else keep_factory(options.state)
    )
    for path, pem in (
        (options.apns_ca_out, authority.ca_pem),
        (options.device_ca_out, maker.ca_pem),
    ):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pem)
    if not options.urls and not options.state:
        parser.error("give an enrollment URL, or --state with devices to resume")
    console = Console(file=sys.stderr if options.json else sys.stdout, highlight=False)
    with run_apns(options, authority) as apns:
        return run(options, apns=apns, maker=maker, console=console)


def keep_authority(folder: Path | None) -> ApnsAuthority:
    """The fake APNs' CA: from the state folder, where a server already trusts it."""
    if folder is None:
        return make_authority()
    path = folder / AUTHORITY_FILE
    if path.exists():
        return load_authority(path.read_bytes())
    authority = make_authority()
    write_private(path, content=authority.root.pem)
    return authority


def keep_factory(folder: Path | None) -> FactoryAuthority:
    """The CA of the devices' own identities: from the state folder, as above."""
    if folder is None:
        return factory.make_authority()
    path = folder / FACTORY_FILE
    if path.exists():
        return factory.load_authority(path.read_bytes())
    made = factory.make_authority()
    write_private(path, content=made.pem)
    return made


@contextlib.contextmanager
def run_apns(options: argparse.Namespace, authority: ApnsAuthority) -> Iterator[FakeApns | None]:
    """The fake APNs while the devices live, or None when it was not asked for."""
    if options.apns_port is None:
        yield None
        return
    client_ca = options.apns_client_ca.read_bytes() if options.apns_client_ca else None
    with FakeApns(port=options.apns_port, client_ca=client_ca, authority=authority) as apns:
        yield apns


def run(
    options: argparse.Namespace,
    *,
    apns: FakeApns | None,
    maker: FactoryAuthority,
    console: Console,
) -> int:
    """Resumes, enrolls, stays, reports; returns the exit code."""

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    fleet = Fleet(make_plan(options, factory=maker), apns=apns, say=say)
    if apns:
        say(f"fake APNs on {apns.host}:{apns.port}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: fleet.stop.set())
    if resumed := fleet.resume():
        say(f"{resumed} devices resumed")
    started = time.monotonic()
    reports = enroll_with_progress(fleet, console=console, say=say)
    seconds = time.monotonic() - started
    if options.stay and not fleet.stop.is_set():
        say("waiting for pushes; Ctrl-C ends")
        fleet.stay(poll=options.poll)
        reports = [refresh(report, fleet) for report in reports]
    document = summarize(reports, seconds=seconds)
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        print_totals(document["totals"], say=say)
    return 0 if document["totals"]["failed"] == 0 else 1


def refresh(report: DeviceReport, fleet: Fleet) -> DeviceReport:
    """The report with what the device did while it stayed."""
    device = next(each for each in fleet.devices if each.udid == report.udid)
    gone = report.outcome in ("enrolled", "managed") and not device.is_enrolled
    fresh = build_report(device, "gone" if gone else report.outcome, ok=report.ok)
    fresh.failure = report.failure
    return fresh


def enroll_with_progress(
    fleet: Fleet, *, console: Console, say: Callable[[str], None]
) -> list[DeviceReport]:
    """A bar on a terminal, a line per device elsewhere."""
    total = fleet.plan.count * len(fleet.plan.urls)
    if not total:
        return []
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Enrolling", total=total)

        def done(report: DeviceReport) -> None:
            progress.advance(task)
            if not console.is_terminal or not report.ok:
                say(describe(report))

        return fleet.enroll(done=done)


def describe(report: DeviceReport) -> str:
    """One device in one line."""
    spent = sum(step.milliseconds for step in report.steps)
    line = f"{report.platform} {report.serial}: {report.outcome} in {spent:.0f} ms"
    if report.commands:
        line += f", {len(report.commands)} commands"
    if failure := report.failure:
        line += f"; {failure.step}: {failure.reason}"
        line += f" {failure.body!r}" if failure.body else ""
    return line


def print_totals(totals: dict[str, object], *, say: Callable[[str], None]) -> None:
    """The totals as plain lines."""
    say(
        f"{totals['succeeded']} of {totals['devices']} devices did what was asked, "
        f"{totals['seconds']} s, {totals['per_second']} a second"
    )
    steps = totals["steps"]
    if isinstance(steps, dict):
        for name, spread in steps.items():
            numbers = "  ".join(f"{key} {value:.0f}" for key, value in spread.items())
            say(f"  {name:15} {numbers}  ms")
