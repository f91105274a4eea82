"""Statements whose SQL is worked out once in a process.

Django works a statement's SQL out anew each time it runs, which costs several times what the
database does with it. Where devices wait, a statement is declared once, in Django's own words with
`Given` in place of what changes, and afterwards only executed. Reads and conditional updates give
what the same queryset would give; rows are written without pre_save and post_save.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection
from django.db.models import Expression, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row", bound=Model)
Values = Sequence[Any]


class Given(Expression):
    """A value that is told by its name when the statement runs: text, a number or a moment."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __repr__(self) -> str:
        return f"Given({self.name!r})"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class PreparedSelect(Generic[Row]):
    """A SELECT: `build` returns its queryset, of whole rows, with `Given` values in it."""

    def __init__(self, build: Callable[[], QuerySet[Row]]) -> None:
        self._build = build
        self._plans: dict[str, _Plan] = {}

    def first(self, **given: Any) -> Row | None:
        """Return the first row in the queryset's own order, or None."""
        return next(iter(self.all(**given)), None)

    def all(self, **given: Any) -> list[Row]:
        """Return all rows; raises KeyError where a value is not given."""
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = _Plan(self._build())
        return list(plan.run(given))


class _Plan:
    """The SQL for one kind of database, and how its columns become rows."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, self.parameters = compiler.as_sql()
        expressions = [expression for expression, *_ in compiler.select]
        self.converters = [
            (position, functions, expression)
            for position, (functions, expression) in compiler.get_converters(expressions).items()
        ]
        info: Any = compiler.klass_info
        fields = info["select_fields"]
        self.model, self.first, self.end = info["model"], fields[0], fields[-1] + 1
        self.names = [each.target.attname for each in expressions[self.first : self.end]]
        self.related = get_related_populators(  # type: ignore[call-arg]  # the stubs are Django 6's
            info, compiler.select, connection.alias
        )

    def run(self, given: dict[str, Any]) -> Iterator[Any]:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, _fill(self.parameters, given))
            found = cursor.fetchall()
        for values in found:
            row = list(values)
            for position, functions, expression in self.converters:
                for function in functions:
                    row[position] = function(row[position], expression, connection)
            instance = self.model.from_db(connection.alias, self.names, row[self.first : self.end])
            for each in self.related:
                each.populate(row, instance)
            yield instance


class PreparedUpdate:
    """An UPDATE of the rows of a queryset; `changes` are attributes and their new values."""

    def __init__(self, build: Callable[[], QuerySet[Any]], **changes: Any) -> None:
        self._build, self._changes = build, changes
        self._statements: dict[str, tuple[str, Values]] = {}

    def run(self, **given: Any) -> int:
        """Return how many rows were changed; raises KeyError where a value is not given."""
        statement = self._statements.get(connection.vendor)
        if statement is None:
            statement = self._statements[connection.vendor] = self._prepare()
        with connection.cursor() as cursor:
            cursor.execute(statement[0], _fill(statement[1], given))
            return int(cursor.rowcount)

    def _prepare(self) -> tuple[str, Values]:
        query: Any = self._build().query.chain(UpdateQuery)
        query.add_update_values(self._changes)
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        return sql, parameters


def insert_row(row: Model) -> None:
    """Store a new row and give it its primary key."""
    table = _describe(type(row))
    with connection.cursor() as cursor:
        cursor.execute(table.insert, _encode(row, table.fields, is_new=True))
        row.pk = cursor.fetchone()[0]
    row._state.adding, row._state.db = False, connection.alias


def update_row(row: Model, *, fields: Sequence[str]) -> None:
    """Write these fields of a stored row; raises django.db.DatabaseError where it is gone."""
    table = _describe(type(row))
    changed = [field for field in table.fields if field.name in fields]
    with connection.cursor() as cursor:
        values = _encode(row, changed, is_new=False)
        cursor.execute(table.build_update(changed), [*values, row.pk])
        if not cursor.rowcount:
            raise DatabaseError("the row to be changed is gone")


class _Table:
    """A model's own columns, the primary key left out, and the SQL that writes them."""

    def __init__(self, model: type[Model]) -> None:
        options: Any = model._meta
        self.fields = [each for each in options.concrete_fields if not each.primary_key]
        self.name, self.key = _quote(options.db_table), _quote(options.pk.column)
        columns = ", ".join(_quote(each.column) for each in self.fields)
        places = ", ".join(["%s"] * len(self.fields))
        self.insert = f"INSERT INTO {self.name} ({columns}) VALUES ({places}) RETURNING {self.key}"  # noqa: S608

    def build_update(self, fields: Sequence[Any]) -> str:
        changes = ", ".join(f"{_quote(each.column)} = %s" for each in fields)
        return f"UPDATE {self.name} SET {changes} WHERE {self.key} = %s"  # noqa: S608


@lru_cache(maxsize=64)
def _describe(model: type[Model]) -> _Table:
    return _Table(model)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _encode(row: Model, fields: Sequence[Any], *, is_new: bool) -> list[Any]:
    return [each.get_db_prep_save(each.pre_save(row, is_new), connection) for each in fields]


def _fill(parameters: Values, given: dict[str, Any]) -> list[Any]:
    return [
        _adapt(given[value.name]) if isinstance(value, Given) else value for value in parameters
    ]


def _adapt(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
