"""Brings a database to the schema of this code; safe when several processes open it at the same time."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from dialer.store.errors import StoreDamaged, StoreSchemaNewer

_FOLDER = Path(__file__).with_name("migrations")
_LOCK_KEY = 0x6469616C6572  # "dialer": advisory lock held while PostgreSQL's schema changes


@cache
def script_directory() -> ScriptDirectory:
    """The migrations that this code carries."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate(connection: sa.Connection, url: str) -> None:
    """Bring the schema to the newest version, in the transaction of `connection`, which holds the write lock.

    Raises:
        StoreSchemaNewer: when the database is of a newer version than this code.
        StoreDamaged: when it holds tables of something else.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    current = MigrationContext.configure(connection).get_current_heads()
    head = script_directory().get_current_head()
    if current == (head,):
        return
    _check_known(current, url)
    if not current and sa.inspect(connection).has_table("callback"):
        msg = f"{url} holds tables of something else, without a schema version; point [db] url to a database of its own"
        raise StoreDamaged(msg)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_known(current: Sequence[str], url: str) -> None:
    known = {script.revision for script in script_directory().walk_revisions()}
    unknown = [revision for revision in current if revision not in known]
    if unknown:
        msg = (
            f"{url} was made by a newer dialer (schema {unknown[0]}, this one knows up to "
            f"{script_directory().get_current_head()}): upgrade this dialer, or point [db] url to another database"
        )
        raise StoreSchemaNewer(msg)
