"""XML property lists: scanned for what XML can do to a server, then given to plistlib."""

import plistlib
from typing import Any
from xml.parsers import expat

from devices.errors import PlistInvalid
from devices.protocol.budget import Budget

# What plistlib raises on 3.11 to 3.13 for lists that are well-formed XML or nearly so.
ERRORS = (
    expat.ExpatError,
    ValueError,
    AttributeError,
    LookupError,
    TypeError,
    OverflowError,
    RecursionError,
)


def read_xml(data: bytes, budget: Budget) -> Any:
    """Decode an XML property list; raises PlistInvalid."""
    try:
        _scan(data, budget)
        return plistlib.loads(data, fmt=plistlib.FMT_XML)
    except PlistInvalid:
        raise
    except ERRORS as error:
        raise PlistInvalid(f"not a property list ({type(error).__name__})") from error


def _scan(data: bytes, budget: Budget) -> None:
    """Count elements and depth; Apple's DOCTYPE is fine, declarations of one's own are not."""
    depth = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        budget.spend(depth=depth)

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _check_doctype
    parser.EntityDeclHandler = _refuse_entity
    parser.Parse(data, True)


def _check_doctype(name: str, _system: str | None, _public: str | None, subset: bool) -> None:
    if name != "plist" or subset:
        raise PlistInvalid("a document type of its own")


def _refuse_entity(*_declaration: Any) -> None:
    raise PlistInvalid("an entity declaration")
