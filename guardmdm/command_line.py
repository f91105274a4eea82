"""`manage.py`: where the database is away or behind, one line says so, and how to mend it."""

import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError

AWAY = "The database cannot be reached: {error}. Start it, or correct GUARDMDM_DATABASE_URL."
BEHIND = (
    "The database is not set up, or is an earlier version's. `manage.py bootstrap` brings it up to "
    "date, and so does the server when it starts; a backup of it is made with its own version."
)


def run(arguments: Sequence[str]) -> None:
    """Do what the command line says; with --traceback every error is shown whole."""
    try:
        execute_from_command_line(list(arguments))
    except (DatabaseError, InterfaceError) as error:
        text = None if "--traceback" in arguments else _explain(error)
        if text is None:
            raise
        sys.exit(text)


def _explain(error: Exception) -> str | None:
    """Return what is the matter, or None where the database is there and up to date."""
    from guardmdm.readiness import count_missing_migrations  # needs the apps, which are there now

    try:
        return BEHIND if count_missing_migrations() else None
    except (DatabaseError, InterfaceError):
        return AWAY.format(error=str(error).partition("\n")[0])
