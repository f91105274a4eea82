"""Tables as CSV files that a spreadsheet opens without running anything in them."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import StreamingHttpResponse

# A cell that starts with one of these is a formula to Excel, Numbers and LibreOffice, the wide
# ones in East Asia (OWASP: CSV injection); a leading apostrophe makes it text.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
# Where a comma is for decimals, Excel opens the file with these between the cells, and quotes that
# do not begin such a cell are nothing to it.
INNER_START = re.compile(f"(?<=[;\t\r\n])(?= *[{re.escape(''.join(FORMULA_STARTS))}])")


class _Line:
    """A file that hands each written line straight back."""

    def write(self, line: str) -> str:
        return line


def quote_cell(value: Any) -> str:
    """Return the cell's text, made harmless where it would be a formula.

    Moments are UTC, and numbers short: a spreadsheet takes a zone or microseconds for text.
    """
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.2f}"
    text = "" if value is None else str(value)
    if ";" in text or not text.isprintable():
        text = INNER_START.sub("'", text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def build_csv_lines(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff"  # Excel reads UTF-8 only behind a byte order mark
    yield writer.writerow([quote_cell(cell) for cell in header])
    for row in rows:
        yield writer.writerow([quote_cell(cell) for cell in row])


def build_csv_response(
    name: str, *, header: Sequence[Any], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Stream a download called `name`.csv, a row at a time."""
    response = StreamingHttpResponse(
        build_csv_lines(header, rows), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
