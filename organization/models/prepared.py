"""Statements whose SQL is worked out once in a process.

Django works a statement's SQL out anew each time it runs, which costs several times what the
database does with it. Where devices wait, a statement is declared once, in Django's own words with
`Given` in place of what changes, and afterwards only executed. Reads and conditional updates give
what the same queryset would give; rows are written without pre_save and post_save.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.models import DateTimeField, Expression, Field, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery

from organization.models.statement import Statement, Values, adapt_moment

Row = TypeVar("Row", bound=Model)
# A condition that holds always, and by its way speaks about the commit of this statement only.
LATER = "set_config('synchronous_commit', 'off', true) = 'off'"
# By Field.get_internal_type(): what a driver takes from a field of this kind without any change.
PLAIN_TYPES = {
    "CharField": str,
    "TextField": str,
    "BooleanField": bool,
    "ForeignKey": int,
    "PositiveSmallIntegerField": int,
}


class Given(Expression):
    """A value that is told by its name when the statement runs: text, a number or a moment."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __repr__(self) -> str:
        return f"Given({self.name!r})"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


def inline_constants(sql: str, parameters: Values) -> tuple[str, list[Any]]:
    """Write texts and numbers into the SQL; return it with the parameters that remain.

    They are the same whenever the statement runs. SQLite plans anew each time for a parameter that
    it compares with what a partial index asks for, and PostgreSQL need not be told them again.
    """
    first, *pieces = sql.split("%s")
    written, left = [first], []
    for parameter, piece in zip(parameters, pieces, strict=True):
        if type(parameter) is int:
            written.append(str(parameter))
        elif isinstance(parameter, str) and "%" not in parameter:
            written.append("'" + parameter.replace("'", "''") + "'")
        else:
            written.append("%s")
            left.append(parameter)
        written.append(piece)
    return "".join(written), left


class PreparedSelect(Generic[Row]):
    """A SELECT: `build` returns its queryset, of rows, with `Given` values in it.

    Its annotations are attributes of the rows.
    `remembers`: for how many rows what was made of their columns is kept, opened secrets among
    it. The database is asked each time, and a row that has changed in any column is made anew;
    one that has not is the same object as before, so nobody may change it.
    """

    def __init__(self, build: Callable[[], QuerySet[Row]], *, remembers: int = 0) -> None:
        self._build, self._remembers = build, remembers
        self._plans: dict[str, _Plan] = {}

    def first(self, **given: Any) -> Row | None:
        """Return the first row in the queryset's own order, or None."""
        return next(iter(self.all(**given)), None)

    def all(self, **given: Any) -> list[Row]:
        """Return all rows; raises KeyError where a value is not given."""
        connection = connections[DEFAULT_DB_ALIAS]
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = _Plan(self._build(), connection, remembers=self._remembers)
            self._plans[connection.vendor] = plan
        found = plan.statement.fetch(connection, _fill(plan.parameters, given, connection))
        return [plan.decode(columns) for columns in found]


class _Plan:
    """The SQL for one kind of database, and how its columns become rows."""

    def __init__(self, queryset: QuerySet[Any], connection: Any, *, remembers: int) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        sql, self.parameters = compiler.as_sql()
        self.statement = Statement(sql)
        expressions = [expression for expression, *_ in compiler.select]
        self.converters = [
            (position, functions, expression)
            for position, (functions, expression) in compiler.get_converters(expressions).items()
        ]
        info: Any = compiler.klass_info
        fields = info["select_fields"]
        self.model, self.first, self.end = info["model"], fields[0], fields[-1] + 1
        self.names = [each.target.attname for each in expressions[self.first : self.end]]
        self.annotations = [*compiler.annotation_col_map.items()]
        self.related = get_related_populators(  # type: ignore[call-arg]  # the stubs are Django 6's
            info, compiler.select, connection.alias
        )
        self.decode = lru_cache(maxsize=remembers)(self._decode) if remembers else self._decode

    def _decode(self, columns: tuple[Any, ...]) -> Any:
        connection, values = connections[DEFAULT_DB_ALIAS], list(columns)
        for position, functions, expression in self.converters:
            for function in functions:
                values[position] = function(values[position], expression, connection)
        row = self.model.from_db(connection.alias, self.names, values[self.first : self.end])
        for each in self.related:
            each.populate(values, row)
        for name, position in self.annotations:
            setattr(row, name, values[position])
        return row


class PreparedUpdate:
    """An UPDATE of the rows of a queryset; `changes` are attributes and their new values.

    `returning`: what `fetch` returns of each row that was changed, as it is afterwards.
    `waits_for_disk`: see PreparedInsert.
    """

    def __init__(
        self,
        build: Callable[[], QuerySet[Any]],
        *,
        returning: Sequence[Any] = (),
        waits_for_disk: bool = True,
        **changes: Any,
    ) -> None:
        self._build, self._changes, self._returning = build, changes, returning
        self._waits_for_disk = waits_for_disk
        self._statements: dict[tuple[str, bool], tuple[Statement, Values]] = {}

    def run(self, **given: Any) -> int:
        """Return how many rows were changed; raises KeyError where a value is not given."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement, parameters = self._get_statement(connection)
        return statement.run(connection, _fill(parameters, given, connection))

    def fetch(self, **given: Any) -> list[tuple[Any, ...]]:
        """Return `returning` of the rows that were changed; raises KeyError like `run`."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement, parameters = self._get_statement(connection)
        return statement.fetch(connection, _fill(parameters, given, connection))

    def _get_statement(self, connection: Any) -> tuple[Statement, Values]:
        kind = (connection.vendor, connection.in_atomic_block)
        statement = self._statements.get(kind)
        if statement is None:
            statement = self._statements[kind] = self._prepare(connection)
        return statement

    def _prepare(self, connection: Any) -> tuple[Statement, Values]:
        query: Any = self._build().query.chain(UpdateQuery)
        query.add_update_values(self._changes)
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        is_alone = has_own_commit(connection)
        if is_alone and not self._waits_for_disk:
            sql += f" AND {LATER}"
        if self._returning:
            columns = [compiler.compile(each.resolve_expression(query)) for each in self._returning]
            sql += f" RETURNING {', '.join(column for column, _ in columns)}"
            parameters = (*parameters, *(value for _, values in columns for value in values))
        sql, left = inline_constants(sql, parameters)
        return Statement(sql, waits_for_disk=is_alone and self._waits_for_disk), left


class PreparedInsert:
    """An INSERT of one row of the model, unless any of the querysets of `unless` finds a row.

    With `waits_for_disk=False` its own commit is seen by everybody and outlives this process, but
    is written to PostgreSQL's disk with the next commit that waits for it, half a second later at
    most; as it is with SQLite always. Within a transaction that is the transaction's business.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        unless: Sequence[Callable[[], QuerySet[Any]]] = (),
        waits_for_disk: bool = True,
    ) -> None:
        self._model, self._unless, self._waits_for_disk = model, unless, waits_for_disk
        self._statements: dict[tuple[str, bool], tuple[Statement, Values]] = {}

    def run(self, row: Model, **given: Any) -> bool:
        """Store a new row and give it its primary key; return whether it was stored."""
        connection, table = connections[DEFAULT_DB_ALIAS], _describe(self._model)
        kind = (connection.vendor, connection.in_atomic_block)
        prepared = self._statements.get(kind)
        if prepared is None:
            prepared = self._statements[kind] = self._prepare(table, connection)
        statement, parameters = prepared
        values = table.encode(row, connection)
        found = statement.fetch(connection, [*values, *_fill(parameters, given, connection)])
        if not found:
            return False
        ((row.pk,),) = found
        row._state.adding, row._state.db = False, connection.alias
        return True

    def _prepare(self, table: "_Table", connection: Any) -> tuple[Statement, Values]:
        conditions, parameters = [], []
        for build in self._unless:
            query = build().order_by().values("pk").query
            sql, own = query.get_compiler(connection=connection).as_sql()
            conditions.append(f"NOT EXISTS ({sql})")
            parameters += own
        is_alone = has_own_commit(connection)
        if is_alone and not self._waits_for_disk:
            conditions.append(LATER)
        waits = is_alone and self._waits_for_disk
        return table.build_insert(conditions, waits_for_disk=waits), parameters


def has_own_commit(connection: Any) -> bool:
    """Whether the statement is a transaction of its own, and the database need not wait for it."""
    return connection.vendor == "postgresql" and not connection.in_atomic_block


def insert_row(row: Model) -> None:
    """Store a new row and give it its primary key."""
    _describe(type(row)).insert.run(row)


def update_row(row: Model, *, fields: Sequence[str]) -> None:
    """Write these fields of a stored row; raises django.db.DatabaseError where it is gone."""
    connection, table = connections[DEFAULT_DB_ALIAS], _describe(type(row))
    changed = [column for column in table.columns if column.name in fields]
    values = [column.encode(row, connection, is_new=False) for column in changed]
    if not table.get_update(tuple(changed)).run(connection, [*values, row.pk]):
        raise DatabaseError("the row to be changed is gone")


class _Column:
    """One field of a model. A value of its `plain` type goes to the database as it is."""

    def __init__(self, field: Any) -> None:
        self.field, self.name, self.attribute = field, field.name, field.attname
        self.column = _quote(field.column)
        self.plain = PLAIN_TYPES.get(field.get_internal_type())
        self.is_moment = type(field) is DateTimeField
        self.changes_itself = (
            field.auto_now or field.auto_now_add
            if self.is_moment
            else type(field).pre_save is not Field.pre_save
        )
        self.as_it_is = None if self.changes_itself else self.plain

    def encode(self, row: Model, connection: Any, *, is_new: bool) -> Any:
        if self.changes_itself:
            value = self.field.pre_save(row, is_new)
        else:
            value = getattr(row, self.attribute)
            if value is None or type(value) is self.plain:
                return value
            if self.plain is not None and isinstance(value, Enum):
                return self.plain(value)  # one of the field's choices
        if self.is_moment and type(value) is datetime:
            return adapt_moment(value, connection)
        return self.field.get_db_prep_save(value, connection)


class _Table:
    """A model's own columns, the primary key left out, and the SQL that writes them."""

    def __init__(self, model: type[Model]) -> None:
        options: Any = model._meta
        fields = [each for each in options.concrete_fields if not each.primary_key]
        self.columns = [_Column(each) for each in fields]
        self.name, self.key = _quote(options.db_table), _quote(options.pk.column)
        self.insert = PreparedInsert(model)
        self._updates: dict[tuple[_Column, ...], Statement] = {}

    def encode(self, row: Model, connection: Any) -> list[Any]:
        """Return the values of a new row."""
        fields, values = vars(row), []
        for column in self.columns:
            value = fields.get(column.attribute)
            if type(value) is not column.as_it_is and (value is not None or column.changes_itself):
                value = column.encode(row, connection, is_new=True)
            values.append(value)
        return values

    def build_insert(self, conditions: Sequence[str], *, waits_for_disk: bool) -> Statement:
        """Return the INSERT of one row where all conditions hold, and its RETURNING key."""
        names = ", ".join(each.column for each in self.columns)
        places = ", ".join(["%s"] * len(self.columns))
        rows = f"SELECT {places} WHERE {' AND '.join(conditions)}"
        return Statement(
            f"INSERT INTO {self.name} ({names}) {rows if conditions else f'VALUES ({places})'}"
            f" RETURNING {self.key}",
            waits_for_disk=waits_for_disk,
        )

    def get_update(self, columns: tuple[_Column, ...]) -> Statement:
        known = self._updates.get(columns)
        if known is None:
            changes = ", ".join(f"{each.column} = %s" for each in columns)
            known = Statement(f"UPDATE {self.name} SET {changes} WHERE {self.key} = %s")  # noqa: S608
            self._updates[columns] = known
        return known


@lru_cache(maxsize=64)
def _describe(model: type[Model]) -> _Table:
    return _Table(model)


def _quote(name: str) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(name)


def _fill(parameters: Values, given: dict[str, Any], connection: Any) -> list[Any]:
    values = {
        name: adapt_moment(value, connection) if isinstance(value, datetime) else value
        for name, value in given.items()
    }
    return [values[each.name] if isinstance(each, Given) else each for each in parameters]
