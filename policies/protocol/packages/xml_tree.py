"""Small XML documents from strangers: no document type, no entities, bounded."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from policies.errors import PackageInvalid

MAX_NODES, MAX_DEPTH = 100_000, 64


def decode_xml(data: bytes, *, what: str) -> Element:
    """Return the root element; raises PackageInvalid, which names `what`."""
    builder = TreeBuilder()
    budget = _Budget(what)
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        budget.enter()
        builder.start(name, attributes)

    def end(name: str) -> None:
        budget.depth -= 1
        builder.end(name)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = budget.refuse_doctype
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, PackageInvalid):
            raise
        raise PackageInvalid(f"{what} is no XML that can be read.") from error


class _Budget:
    def __init__(self, what: str) -> None:
        self.what, self.nodes, self.depth = what, 0, 0

    def enter(self) -> None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise PackageInvalid(f"{self.what} is too large or too deep.")

    def refuse_doctype(self, *_declaration: object) -> None:
        raise PackageInvalid(f"{self.what} has a document type of its own.")
