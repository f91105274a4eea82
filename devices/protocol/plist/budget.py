"""How much a property list may grow to while it is read."""

from dataclasses import dataclass

from devices.errors import PlistInvalid

MAX_DEPTH = 64
FEW_NODES = 200_000
"""What any list may have: reading them costs about 0.2 s."""
BYTES_PER_NODE = 16
"""Of a larger one. XML takes more for a key and its value in Apple's words, as close together as
they can stand: a Mac's list of 17,000 apps with all that it may tell of them has 20."""
BINARY_BYTES_PER_NODE = 3
"""Binary lists refer to their keys, and to values that occur again, in 2 or 3 bytes each: such apps
have 4 to 7."""


@dataclass
class Budget:
    """What is left: every element and every reference to one costs a node, its text bytes."""

    bytes_left: int
    nodes_left: int

    def spend(self, *, depth: int, size: int = 0, nodes: int = 1) -> None:
        """Pay for some nodes; raises PlistInvalid when the list is too deep or too large."""
        self.nodes_left -= nodes
        self.bytes_left -= size
        if depth > MAX_DEPTH:
            raise PlistInvalid(f"nested deeper than {MAX_DEPTH}")
        if self.nodes_left < 0:
            raise PlistInvalid("more elements than a message of this size has")
        if self.bytes_left < 0:
            raise PlistInvalid("its strings and data repeat too often")


def build_budget(data: bytes, *, max_bytes: int, is_binary: bool) -> Budget:
    """Return what a message of so many bytes may grow to."""
    per_node = BINARY_BYTES_PER_NODE if is_binary else BYTES_PER_NODE
    return Budget(bytes_left=2 * max_bytes, nodes_left=max(FEW_NODES, len(data) // per_node))
