"""People to be invited, as a file from a spreadsheet or pasted text: CSV in its many dialects.

A line is a name, an e-mail address and, if one likes, a language. With a first line of titles the
columns stand in any order. What cannot be read is told by the number of its line.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parseaddr

import idna

from enrollment.protocol.languages import LANGUAGES
from enrollment.protocol.person import MAX_EMAIL, MAX_NAME
from organization.protocol.one_line import is_one_line

MAX_BYTES = 4 * 1024 * 1024
MAX_PEOPLE = 10_000
MAX_PROBLEMS = 1_000
# "Name <address>": what takes longer cells apart needs seconds, or more calls than Python allows.
MAX_CELL = MAX_NAME + MAX_EMAIL + 10
DELIMITERS = (",", ";", "\t")
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", re.I)
TITLES = {
    "email": (
        "email", "e-mail", "mail", "email address", "e-mail address", "e-mail-adresse",
        "mailadresse", "adresse e-mail", "courriel", "correo", "correo electrónico",
        "メール", "メールアドレス",
    ),
    "name": ("name", "full name", "display name", "nom complet", "nombre completo", "名前", "氏名"),
    "first": ("first name", "given name", "firstname", "vorname", "prénom", "nombre", "名"),
    "last": (
        "last name", "surname", "family name", "lastname", "nachname", "nom", "apellido",
        "apellidos", "姓",
    ),
    "language": ("language", "lang", "sprache", "langue", "idioma", "言語"),
}  # fmt: skip


def _(text: str) -> str:
    return text


NO_ADDRESS = _("There is no e-mail address.")
BAD_ADDRESS = _("This is no e-mail address.")
BAD_NAME = _("The name is too long or holds a control character.")
BAD_LANGUAGE = _("The language must be one of en, de, fr, es, ja.")
OPEN_QUOTE = _("A quotation mark is not closed, or a cell has several lines.")
NO_COLUMN = _("The titles name no column of e-mail addresses.")
TOO_MANY = _("There are more than 10,000 people: divide the list.")


@dataclass(frozen=True)
class InvitedPerson:
    """`language` is one of LANGUAGES, or "" for the default."""

    name: str
    email: str
    language: str = ""


@dataclass(frozen=True)
class LineProblem:
    """`line` counts from 1, as an editor does; the doors translate `text`."""

    line: int
    text: str


@dataclass
class PeopleList:
    """Each person once, in the list's order."""

    people: list[InvitedPerson] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)


class _Unusable(ValueError):
    pass


def decode_text(data: bytes) -> str:
    """Return a file's text: UTF-8, with or without a mark, UTF-16 with one, else Windows-1252."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def decode_people(text: str) -> PeopleList:
    """Read a list of at most MAX_PEOPLE people; never raises."""
    found, seen, columns = PeopleList(), set[str](), None
    for line, cells in _read_rows(text.removeprefix("\ufeff")):
        if not found.people and not found.problems and columns is None:
            columns = _read_titles(cells)
            if columns is not None:
                if "email" not in columns:
                    return PeopleList(problems=[LineProblem(line, NO_COLUMN)])
                continue
        try:
            person = _read_person(cells, columns=columns)
        except _Unusable as problem:
            found.problems.append(LineProblem(line, str(problem)))
        else:
            _add(found, person, seen=seen)
        if len(found.people) > MAX_PEOPLE or len(found.problems) >= MAX_PROBLEMS:
            found.problems.append(LineProblem(line, TOO_MANY))
            break
    return found


def check_email(text: str) -> str:
    """Return the address with its domain in ASCII and lower case; raises ValueError."""
    local, _at, domain = text.strip().rpartition("@")
    try:
        # As browsers and mailers do now: Python's own codec takes "straße.de" for "strasse.de".
        domain = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise _Unusable(BAD_ADDRESS) from error
    address = f"{local}@{domain}"
    if not LOCAL_PART.fullmatch(local) or not DOMAIN.fullmatch(domain) or len(local) > 64:
        raise _Unusable(BAD_ADDRESS)
    if len(address) > MAX_EMAIL:
        raise _Unusable(BAD_ADDRESS)
    return address


def _add(found: PeopleList, person: InvitedPerson, *, seen: set[str]) -> None:
    key = person.email.lower()
    if key not in seen:
        seen.add(key)
        found.people.append(person)


def _read_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield what is not empty, with the number of the line where it begins."""
    first, _newline, rest = text.partition("\n")
    skipped = 0
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own hint
        delimiter, text, skipped = first.strip()[4], rest, 1
    else:
        delimiter = _find_delimiter(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begin = 1
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:  # a cell of more than 128 KB
            row = ["\n"]
        cells = [cell.strip(" \t\u00a0") for cell in row]
        if any(cells):
            yield begin + skipped, cells
        begin = rows.line_num + 1


def _find_delimiter(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=bare.count)


def _read_titles(cells: list[str]) -> dict[str, int] | None:
    """Return the columns by what they hold, or None where the line is a person's."""
    if any("@" in cell for cell in cells):
        return None
    columns: dict[str, int] = {}
    for number, cell in enumerate(cells):
        title = " ".join(cell.lower().replace("_", " ").split())
        for kind, titles in TITLES.items():
            if title in titles:
                columns.setdefault(kind, number)
    return columns or None


def _read_person(cells: list[str], *, columns: dict[str, int] | None) -> InvitedPerson:
    if any("\n" in cell or "\r" in cell for cell in cells):
        raise _Unusable(OPEN_QUOTE)
    name, email, language = _pick(cells, columns) if columns else _guess(cells)
    if not email:
        raise _Unusable(NO_ADDRESS)
    if len(email) > MAX_CELL:
        raise _Unusable(BAD_ADDRESS)
    if "<" in email:
        shown, email = parseaddr(email)
        name = name or shown
    if len(name) > MAX_NAME or not is_one_line(name):
        raise _Unusable(BAD_NAME)
    return InvitedPerson(name, check_email(email), _check_language(language))


def _pick(cells: list[str], columns: dict[str, int]) -> tuple[str, str, str]:
    def get(kind: str) -> str:
        number = columns.get(kind, len(cells))
        return cells[number] if number < len(cells) else ""

    name = get("name") or " ".join(filter(None, (get("first"), get("last"))))
    return name, get("email"), get("language")


def _guess(cells: list[str]) -> tuple[str, str, str]:
    """Return the cell with the @ as the address, the first other one as the name."""
    place = next((number for number, cell in enumerate(cells) if "@" in cell), None)
    if place is None:
        raise _Unusable(NO_ADDRESS)
    others = [cell for number, cell in enumerate(cells) if number != place]
    return (others[0] if others else ""), cells[place], (others[1] if len(others) > 1 else "")


def _check_language(text: str) -> str:
    language = re.split(r"[-_]", text.strip().lower())[0]
    if language and language not in LANGUAGES:
        raise _Unusable(BAD_LANGUAGE)
    return language
