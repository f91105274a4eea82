"""What every page of the console shares: who may open it, how plain sections are made."""

from organization.console.access import get_actor, recent_sign_in_required, role_required
from organization.console.csv_export import build_csv_response
from organization.console.lists import ListPage
from organization.console.ordering import FUTURE, NUMBER, PAST, SIZE, WORDS, Sort
from organization.console.section import Section

__all__ = [
    "FUTURE",
    "NUMBER",
    "PAST",
    "SIZE",
    "WORDS",
    "ListPage",
    "Section",
    "Sort",
    "build_csv_response",
    "get_actor",
    "recent_sign_in_required",
    "role_required",
]
