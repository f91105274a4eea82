"""`manage.py`: what people have to mend, in one line that says how.

The database is away, behind or full, a folder is not this user's, or the keys are others.
"""

import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError, connection

from organization.errors import SecretUnreadable

AWAY = "The database cannot be reached: {error}. Start it, or correct GUARDMDM_DATABASE_URL."
BEHIND = (
    "{database} is not set up, or is an earlier version's. `manage.py bootstrap` brings it up to "
    "date, and so does the server when it starts; a backup of it is made with its own version."
)

UNWRITABLE = (
    "The database cannot be written: {error}. Make room where it is, and see that this user may "
    "write there."
)
# By the beginning of their names; PostgreSQL: the disk is full, and it may only be read.
SQLITE_TROUBLES = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")
POSTGRESQL_TROUBLES = ("53100", "25006")


def run(arguments: Sequence[str]) -> None:
    """Do what the command line says; with --traceback every error is shown whole."""
    try:
        execute_from_command_line(list(arguments))
    except (DatabaseError, InterfaceError, PermissionError, SecretUnreadable) as error:
        text = None if "--traceback" in arguments else _explain(error)
        if text is None:
            raise
        sys.exit(text)


def _explain(error: Exception) -> str | None:
    """Return what is the matter, or None where that cannot be told in a line."""
    if isinstance(error, SecretUnreadable):
        return f"GUARDMDM_ENCRYPTION_KEYS: {error}. Give it the key that it was sealed with."
    if isinstance(error, PermissionError):
        return f"{error.filename}: {error.strerror}. Run this as the user whose folder it is."
    return _explain_database(error)


def _explain_database(error: Exception) -> str | None:
    """Return what is the matter, or None where the database is there and up to date."""
    if _is_about_storage(error):
        return UNWRITABLE.format(error=_first_line(error))
    from guardmdm.readiness import count_missing_migrations  # needs the apps, which are there now

    try:
        return BEHIND.format(database=_name_database()) if count_missing_migrations() else None
    except (DatabaseError, InterfaceError):
        return AWAY.format(error=_first_line(error))


def _name_database() -> str:
    """With its file, where it is one: a mistyped folder begins another (docs/adr/0277)."""
    if connection.vendor == "sqlite":
        return f"The database {connection.settings_dict['NAME']}"
    return "The database"


def _is_about_storage(error: Exception) -> bool:
    name = str(getattr(error.__cause__, "sqlite_errorname", ""))
    state = getattr(error.__cause__, "sqlstate", None)
    return name.startswith(SQLITE_TROUBLES) or state in POSTGRESQL_TROUBLES


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
