"""How much a property list may grow to while it is read."""

from dataclasses import dataclass

from devices.errors import PlistInvalid

# A Mac's list of 7,000 apps; reading it costs about 0.3 s.
MAX_NODES = 200_000
MAX_DEPTH = 64


@dataclass
class Budget:
    """What is left: every element and every reference to one costs a node, its text bytes."""

    bytes_left: int
    nodes_left: int = MAX_NODES

    def spend(self, *, depth: int, size: int = 0) -> None:
        """Pay for one node; raises PlistInvalid when the list is too deep or too large."""
        self.nodes_left -= 1
        self.bytes_left -= size
        if depth > MAX_DEPTH:
            raise PlistInvalid(f"nested deeper than {MAX_DEPTH}")
        if self.nodes_left < 0:
            raise PlistInvalid(f"more than {MAX_NODES} elements")
        if self.bytes_left < 0:
            raise PlistInvalid("its strings and data repeat too often")
