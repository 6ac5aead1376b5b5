"""Rows that may be there already, by primary key: kept as they are, or replaced.

Each is one statement, so of two nodes that write one row at once neither fails.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def add_new(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row; False when there is one with its primary key, which stays as it is."""
    statement = _insert(connection, table, values).on_conflict_do_nothing(index_elements=_key(table))
    return bool(connection.execute(statement).rowcount)


def put(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or lay `values` over the one with its primary key."""
    statement, key = _insert(connection, table, values), _key(table)
    fresh = {name: statement.excluded[name] for name in values if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh))


def _insert(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> Any:
    """The database's own INSERT, which alone knows ON CONFLICT."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table).values(dict(values))


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key]
