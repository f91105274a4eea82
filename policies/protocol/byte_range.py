"""Range (RFC 9110 section 14): one range of bytes; several at once are answered by the whole."""

import re

from policies.errors import RangeNotSatisfiable

SINGLE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def decode_range(header: str, *, size: int) -> tuple[int, int] | None:
    """Return the first byte and how many, or None for the whole file.

    Raises RangeNotSatisfiable where no byte of the file is asked for.
    """
    match = SINGLE.fullmatch(header.replace(" ", "").lower())
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    if start > end:
        raise RangeNotSatisfiable(f"the file has {size} bytes")
    return start, end - start + 1
