"""The command line's options, and the plan that they make."""

import argparse
from pathlib import Path

from .factory import FactoryAuthority
from .fleet import Plan
from .habits import Habits, Misbehaviour, RenewalHabit
from .network import Network
from .platforms import PLATFORMS, SIGNATURE_SHAPES

SCEP_ENCODINGS = {"ber": True, "der": False}


def make_parser() -> argparse.ArgumentParser:
    """Every option of `python -m tests.simulator`."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator",
        description="Apple devices that enroll, check in and obey; no code shared with the server.",
    )
    parser.add_argument("urls", nargs="*", metavar="URL", help="http(s)://host/enroll?token=JWT")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    _add_fleet(parser.add_argument_group("how many, of what"))
    _add_habits(parser.add_argument_group("how they behave"))
    _add_network(parser.add_argument_group("network"))
    _add_staying(parser.add_argument_group("staying alive"))
    return parser


def _add_fleet(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--count", type=int, help="devices per URL (default: one per platform)")
    group.add_argument(
        "--platform", type=_parse_platforms, default=("ios",), help="ios,ipados,macos, in turn"
    )
    group.add_argument("--rate", type=float, help="devices started per second")
    group.add_argument("--parallel", type=int, default=8, help="devices at once (default 8)")
    group.add_argument("--wait-managed", type=float, metavar="SECONDS")


def _add_habits(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--direct", action="store_true", help="skip the page, use /enroll/profile")
    group.add_argument("--desktop", action="store_true", help="iPads ask for desktop pages")
    group.add_argument("--signature", choices=SIGNATURE_SHAPES, help="force one Mdm-Signature")
    group.add_argument("--scep-encoding", choices=SCEP_ENCODINGS, help="force one SCEP form")
    group.add_argument("--scep-get", action="store_true", help="PKIOperation by GET")
    group.add_argument("--binary-plist", action="store_true", help="send binary property lists")
    group.add_argument("--not-now", type=int, default=0, metavar="N", help="put off N commands")
    group.add_argument("--renewal", type=RenewalHabit, choices=list(RenewalHabit))
    group.add_argument("--user", metavar="NAME", help="log in to Macs once they are enrolled")
    group.add_argument("--sign-in", metavar="NAME", help="who signs in where the page asks for it")
    group.add_argument("--misbehave", type=Misbehaviour, choices=list(Misbehaviour))


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--ca", type=Path, metavar="FILE", help="PEM to trust for TLS")
    group.add_argument("--insecure", action="store_true", help="trust any TLS certificate")
    group.add_argument("--mtls", action="store_true", help="show the identity in TLS")


def _add_staying(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--stay", action="store_true", help="answer pushes until Ctrl-C")
    group.add_argument("--poll", type=float, metavar="SECONDS", help="also connect this often")
    group.add_argument("--state", type=Path, metavar="DIR", help="keep the devices there")
    group.add_argument("--apns-port", type=int, metavar="P", help="run the fake APNs (0: any)")
    group.add_argument("--apns-ca-out", type=Path, metavar="FILE", help="write its CA here")
    group.add_argument("--device-ca", type=Path, metavar="FILE", help="key and CA of the devices")
    group.add_argument("--device-ca-out", type=Path, metavar="FILE", help="write the devices' CA")
    group.add_argument("--apns-client-ca", type=Path, metavar="FILE", help="who may push")


def _parse_platforms(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    unknown = [name for name in names if name not in PLATFORMS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PLATFORMS)}")
    return names


def make_plan(options: argparse.Namespace, *, factory: FactoryAuthority | None = None) -> Plan:
    """The plan of parsed options; factory: the CA of the devices' own identities."""
    return Plan(
        urls=tuple(options.urls),
        platforms=options.platform,
        count=len(options.platform) if options.count is None else options.count,
        rate=options.rate,
        parallel=max(1, options.parallel),
        desktop=options.desktop,
        habits=make_habits(options),
        factory=factory,
        network=Network(options.ca, options.insecure, options.mtls),
        wait_managed=options.wait_managed,
        state_dir=options.state,
    )


def make_habits(options: argparse.Namespace) -> Habits:
    """The habits that every device of the run shares."""
    return Habits(
        direct=options.direct,
        signature=SIGNATURE_SHAPES.get(options.signature),
        scep_ber=SCEP_ENCODINGS.get(options.scep_encoding),
        scep_get=options.scep_get,
        binary_plist=options.binary_plist,
        not_now=options.not_now,
        misbehave=options.misbehave,
        renewal=options.renewal,
        user=options.user,
        person=options.sign_in,
    )
