"""The enrollment page holds nothing that the Safari of an old iPhone (iOS 12.2) cannot read, and
the kiosk nothing that the one of an old iPad (13.4) cannot.

One word of a later language and Safari reads nothing of a script; one selector that it does not
know, and it drops the whole rule. No browser that old runs here, so what came later is looked for
by its name.
"""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "static" / "enroll"
COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# What is written, and the Safari that was the first to know it.
LATER = {
    "js": {
        r"\?\.(?!\d)|\?\?": 13.1,
        r"\.(replaceAll|matchAll|allSettled)\(": 13.1,
        r"&&=|\|\|=": 14,
        r"\.(at|findLast|hasOwn)\(|\bstructuredClone\b": 15.4,
        r"AbortSignal\.(timeout|any)|\.requestSubmit\(": 16,
        r"\(\?<[=!]": 16.4,
    },
    "css": {
        r"\bclamp\(": 13.1,
        r":(is|where)\(": 14,
        r"\binset\b": 14.1,
        r"(?<!grid-)\bgap:": 14.1,  # in a row of boxes; for a grid there is the old name
        r"(?<![\w-])aspect-ratio:": 15,
        r":has\(|@layer|\d[dsl]v[hw]\b": 15.4,
        r"@container|color-mix\(|^\s*&": 16,
        r"light-dark\(|\btext-wrap\b": 17,
    },
}


@pytest.mark.parametrize(
    ("name", "safari"),
    [("enroll.js", 12.1), ("enroll.css", 12.1), ("kiosk.js", 13.1), ("kiosk.css", 13.1)],
)
def test_the_page_is_readable_when_the_device_is_old(name: str, safari: float) -> None:
    text = COMMENTS.sub("", (STATIC / name).read_text())
    found = {
        match[0]: f"Safari {since}"
        for pattern, since in LATER[name.rpartition(".")[2]].items()
        for match in re.finditer(pattern, text, re.MULTILINE)
        if since > safari
    }
    assert found == {}
