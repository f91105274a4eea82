"""Rows of software by the thousand: one statement each, whose rows come as one JSON text.

Django's bulk_create looks at each value in Python and words a statement for some hundred rows:
5,000 apps that nobody had took it 1.5 s of CPU, six times what everything else does with them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from organization.models.statement import Statement

TEXT, INTEGER = "text", "bigint"


@dataclass(frozen=True, eq=False)
class RowsStatement:
    """`sql` with `{told}` where the given rows stand, as a table of that name with these columns.

    Values of its own (`%s`) come before it.
    """

    sql: str
    columns: Mapping[str, str]

    def run(self, rows: Sequence[Sequence[Any]], *values: Any) -> int:
        """Return how many rows were written; each row has the columns' values in their order."""
        connection: Any = connections[DEFAULT_DB_ALIAS]
        return self._get(connection.vendor).run(connection, [*values, self._encode(rows)])

    def fetch(self, rows: Sequence[Sequence[Any]], *values: Any) -> list[tuple[Any, ...]]:
        connection: Any = connections[DEFAULT_DB_ALIAS]
        return self._get(connection.vendor).fetch(connection, [*values, self._encode(rows)])

    def _encode(self, rows: Sequence[Sequence[Any]]) -> str:
        return json.dumps([dict(zip(self.columns, row, strict=True)) for row in rows])

    @cache  # noqa: B019 - they are constants of the modules
    def _get(self, vendor: str) -> Statement:
        if vendor == "postgresql":
            columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
            told = f"json_to_recordset(%s::json) AS told({columns})"
        else:
            paths = [f"json_extract(value, '$.{name}') AS {name}" for name in self.columns]
            told = f"(SELECT {', '.join(paths)} FROM json_each(%s)) AS told"  # noqa: S608
        return Statement(self.sql.format(told=told))


FIND_UNKNOWN = RowsStatement(
    "SELECT told.digest FROM {told} WHERE NOT EXISTS "
    "(SELECT 1 FROM devices_softwareversion AS version WHERE version.digest = told.digest)",
    {"digest": TEXT},
)
# In one order everywhere: two devices that bring the same new apps must not wait in a circle.
ADD_TITLES = RowsStatement(
    "INSERT INTO devices_softwaretitle "
    "(public_id, identifier, name, version_count, device_count) "
    "SELECT public_id, identifier, name, 0, 0 FROM {told} WHERE true "
    "ORDER BY identifier ON CONFLICT DO NOTHING",
    {"public_id": TEXT, "identifier": TEXT, "name": TEXT},
)
ADD_VERSIONS = RowsStatement(
    "INSERT INTO devices_softwareversion "
    "(title_id, digest, name, version, short_version, source, device_count) "
    "SELECT title.id, told.digest, told.name, told.version, told.short_version, told.source, 0 "
    "FROM {told} JOIN devices_softwaretitle AS title ON title.identifier = told.identifier "
    "WHERE true ORDER BY told.digest ON CONFLICT DO NOTHING",
    {
        "identifier": TEXT,
        "digest": TEXT,
        "name": TEXT,
        "version": TEXT,
        "short_version": TEXT,
        "source": TEXT,
    },
)
INSTALL = RowsStatement(
    "INSERT INTO devices_installedapplication (device_id, version_id, bundle_size, dynamic_size) "
    "SELECT CAST(%s AS bigint), version.id, told.bundle_size, told.dynamic_size "
    "FROM {told} JOIN devices_softwareversion AS version ON version.digest = told.digest "
    "WHERE true ORDER BY version.id ON CONFLICT DO NOTHING",
    {"digest": TEXT, "bundle_size": INTEGER, "dynamic_size": INTEGER},
)
RESIZE = RowsStatement(
    "UPDATE devices_installedapplication "
    "SET bundle_size = told.bundle_size, dynamic_size = told.dynamic_size "
    "FROM {told} WHERE devices_installedapplication.id = told.id",
    {"id": INTEGER, "bundle_size": INTEGER, "dynamic_size": INTEGER},
)
