"""What a check says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`fix` is empty where all is well; `is_failure` tells a warning from what must be mended."""

    name: str
    text: str
    fix: str = ""
    is_failure: bool = False


def build_failure(name: str, text: str, fix: str) -> Finding:
    return Finding(name, text, fix, is_failure=True)
