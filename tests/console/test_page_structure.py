"""What a screen reader needs of a page that axe-core does not ask for: titles, headings, tables."""

from collections import defaultdict
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.console.conftest import World
from tests.console.test_browser import PAGES
from tests.console.test_permissions import fill_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]

# The same form at two addresses: the button's, and the one in the menu of all commands.
TWICE = {"device-lock", "device-erase", "device-restart"}


class Structure(HTMLParser):
    """The title, the levels of the headings outside dialogs and menu, the tables' names, and what
    browsers are told about fields of passwords.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.title = ""
        self.levels: list[int] = []
        self.tables: list[str] = []
        self.passwords: list[str] = []
        self._is_in_title = self._is_in_main = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in_title = tag == "title" and not self.title
        self._is_in_main = self._is_in_main or tag == "main"
        if self._is_in_main and tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.levels.append(int(tag[1]))
        if tag == "table":
            self.tables.append(dict(attrs).get("aria-label") or "")
        if tag == "input" and dict(attrs).get("type") == "password":
            self.passwords.append(dict(attrs).get("autocomplete") or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_in_main = self._is_in_main and tag != "main"

    def handle_data(self, data: str) -> None:
        if self._is_in_title:
            self.title += data


@pytest.fixture
def structures(world: World, administrator: Client) -> dict[str, Structure]:
    answers = {name: administrator.get(fill_in(name, world)) for name in PAGES}
    return {
        name: Structure(answer.content.decode())
        for name, answer in answers.items()
        if answer.status_code == 200
    }


def test_tabs_of_a_browser_are_told_apart_when_pages_are_about_the_same_thing(
    structures: dict[str, Structure],
) -> None:
    pages = defaultdict(list)
    for name, structure in structures.items():
        assert not structure.title.startswith((" ", "·")), name
        if name not in TWICE:
            pages[structure.title].append(name)
    assert {title: names for title, names in pages.items() if len(names) > 1} == {}


def test_headings_leave_out_no_level(structures: dict[str, Structure]) -> None:
    for name, structure in structures.items():
        if name == "token-poster":
            continue  # a sheet of paper
        assert structure.levels[:1] == [1], name
        assert structure.levels.count(1) == 1, name
        steps = zip(structure.levels, structure.levels[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), (name, structure.levels)


def test_every_table_says_what_it_lists(structures: dict[str, Structure]) -> None:
    tables = {name: each.tables for name, each in structures.items() if each.tables}
    assert len(tables) > 15
    assert [name for name, labels in tables.items() if not all(labels)] == []


def test_no_browser_writes_the_persons_own_password_into_a_field(
    structures: dict[str, Structure],
) -> None:
    """To `off` no browser listens where a password is kept for the site."""
    told = {name: found for name, it in structures.items() if (found := it.passwords)}
    assert len(told) >= 3
    assert {each for found in told.values() for each in found} == {"new-password"}, told
