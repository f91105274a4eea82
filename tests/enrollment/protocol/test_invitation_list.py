"""Lists of people as spreadsheets and mail programs write them."""

import pytest

from enrollment.protocol import invitation_list
from enrollment.protocol.invitation_list import (
    MAX_PEOPLE,
    InvitedPerson,
    decode_people,
    decode_text,
)

ANN = InvitedPerson("Ann Lee", "ann@example.com")
JOSE = InvitedPerson("José Peña", "jose@example.com", "es")


@pytest.mark.parametrize(
    "data",
    [
        b"Ann Lee,ann@example.com\nJos\xc3\xa9 Pe\xc3\xb1a,jose@example.com,es\n",
        b"\xef\xbb\xbfname;e-mail;language\r\nAnn Lee;ann@example.com\r\n"
        b"Jos\xc3\xa9 Pe\xc3\xb1a;jose@example.com;es-MX\r\n",
        "sep=;\nSprache;E-Mail;Name\n;ann@EXAMPLE.com;Ann Lee\n"
        "ES;jose@example.com;José Peña".encode("cp1252"),
        "Vorname\tNachname\tE-Mail-Adresse\tSprache\nAnn\tLee\tann@example.com\t\n"
        "José\tPeña\tjose@example.com\tes\n".encode("utf-16"),
        b'"Ann Lee <ann@example.com>"\n\n   \n"Jos\xc3\xa9 Pe\xc3\xb1a",jose@example.com,es',
        b"ann@example.com,Ann Lee\njose@example.com,Jos\xc3\xa9 Pe\xc3\xb1a,es\n",
    ],
    ids=["plain", "excel", "excel-hint", "unicode-text", "addresses", "swapped"],
)
def test_people_are_read_when_a_spreadsheet_wrote_them(data: bytes) -> None:
    found = decode_people(decode_text(data))
    assert (found.people, found.problems) == ([ANN, JOSE], [])


def test_bad_lines_are_told_by_number_when_others_are_good() -> None:
    text = (
        "name,email,language\n"
        "Ann Lee,ann@example.com\n"
        "No Address,\n"
        "\n"
        "Bad,not an address@\n"
        "Klingon,k@example.com,tlh\n"
        f"{'x' * 201},long@example.com\n"
        "Bell \x07,bell@example.com\n"
        "Dots,a..b@example.com\n"
        'Open,"quote@example.com\nBob,bob@example.com\n'
    )
    found = decode_people(text)
    assert found.people == [ANN]
    assert [(each.line, each.text) for each in found.problems] == [
        (3, invitation_list.NO_ADDRESS),
        (5, invitation_list.BAD_ADDRESS),
        (6, invitation_list.BAD_LANGUAGE),
        (7, invitation_list.BAD_NAME),
        (8, invitation_list.BAD_NAME),
        (9, invitation_list.BAD_ADDRESS),
        (10, invitation_list.OPEN_QUOTE),
    ]


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: c@d.example", "a@b", "a b@example.com", "a@-x.example", "@example.com",
        "ä@example.com", f"{'l' * 65}@example.com", "a@b@example.com", "a@exa mple.com", "<>@x.y",
    ],
)  # fmt: skip
def test_address_is_refused_when_it_is_none(address: str) -> None:
    with pytest.raises(ValueError):
        invitation_list.check_email(address)


def test_domain_becomes_ascii_when_it_is_not() -> None:
    assert invitation_list.check_email("ann@Bücher.example") == "ann@xn--bcher-kva.example"
    assert invitation_list.check_email("ann@straße.example") == "ann@xn--strae-oqa.example"


def test_same_person_counts_once_when_named_again() -> None:
    found = decode_people("Ann Lee,ann@example.com\nann,ANN@example.com\nAnn,ann@Example.com")
    assert (found.people, found.problems) == ([ANN], [])


def test_titles_without_an_address_are_refused() -> None:
    found = decode_people("name,department\nAnn,Sales\n")
    assert [(each.line, each.text) for each in found.problems] == [(1, invitation_list.NO_COLUMN)]


def test_list_ends_when_it_is_too_long() -> None:
    found = decode_people("\n".join(f"N{n},n{n}@example.com" for n in range(MAX_PEOPLE + 5)))
    assert found.problems[-1].text == invitation_list.TOO_MANY
    assert len(decode_people("x\n" * 5000).problems) <= invitation_list.MAX_PROBLEMS + 1


@pytest.mark.parametrize(
    "text", ["", "\ufeff", "\0\0,\0", '"' * 99, "a," * 9999, "\r\r\r", "sep=;"]
)
def test_nothing_breaks_when_the_text_is_no_list(text: str) -> None:
    assert decode_people(text).people == []


@pytest.mark.parametrize("filler", ["(", "<", "é", '\\"'])
def test_cell_that_no_address_is_as_long_as_is_refused_at_once(filler: str) -> None:
    found = decode_people(f"Ann,{filler * 100_000}<ann@example.com>")
    assert (found.people, [each.line for each in found.problems]) == ([], [1])


def test_nested_comments_in_an_address_raise_nothing() -> None:
    assert len(decode_people(f"Ann,{'(' * 350}<ann@example.com>").problems) == 1
