import asyncio
import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects.postgresql import JSONB

from dialer.callback.record import NewCallback
from dialer.store import (
    CallbackFilter,
    Store,
    StoreClosed,
    StoreDamaged,
    StoreSchemaNewer,
    StoreUnavailable,
    StoreUrlError,
    migrate,
    rows,
    schema,
)
from dialer.store.engine import make_writer, store_url

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
NEW = NewCallback(service="Sales", customer_number="+1")


def upgrade(connection, to):
    config = migrate._config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def downgrade(connection, to):
    config = migrate._config()
    config.attributes["connection"] = connection
    command.downgrade(config, to)


async def within(url, work):
    """Run `work` on a connection of one's own."""
    transactor = make_writer(store_url(url), "process")
    try:
        return await transactor.transact(work)
    finally:
        await transactor.close()


async def test_what_was_written_is_there_after_opening_again(url):
    for n in range(1, 4):
        store = await Store.open(url)
        await store.create(NEW, event="T01", actor="api", now=NOW)
        assert await store.count(CallbackFilter()) == n
        await store.close()


async def test_closing_writes_what_was_asked_for_before(url):
    store = await Store.open(url)
    number = await store.service_number("Sales")
    asked = [
        asyncio.create_task(
            store.create(
                dataclasses.replace(NEW, id=f"{number}-{n}"), event="T01", actor="api", now=NOW
            )
        )
        for n in range(50)
    ]  # fmt: skip
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*asked)) == 50
    with pytest.raises(StoreClosed):
        await store.create(NEW, event="T01", actor="api", now=NOW)


async def test_several_openings_of_a_new_database_at_once_are_safe(empty_url):
    stores = await asyncio.gather(*(Store.open(empty_url, node=f"n{n}") for n in range(6)))
    made = await asyncio.gather(*(store.create(NEW, event="T01", actor="api", now=NOW) for store in stores))
    assert len({one.id for one in made}) == 6
    for store in stores:
        assert await store.count(CallbackFilter()) == 6
        await store.close()


OPENER = """
import asyncio, sys
from datetime import UTC, datetime
from dialer.callback.record import NewCallback
from dialer.store import Store
async def main():
    store = await Store.open(sys.argv[1])
    await store.create(NewCallback(service="S", customer_number="+1"), event="T01", actor="api", now=datetime.now(UTC))
    await store.close()
asyncio.run(main())
"""


async def test_several_processes_opening_a_new_database_at_once_are_safe(empty_url):
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPENER, empty_url, stderr=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    errors = [(await process.communicate())[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors
    store = await Store.open(empty_url)
    assert await store.count(CallbackFilter()) == 4
    await store.close()


async def test_the_migrations_make_the_schema_that_the_code_uses(empty_url):
    await (await Store.open(empty_url)).close()

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, schema.metadata)

    assert await within(empty_url, differences) == []


OLD_JOURNAL = sa.table(
    "journal",
    sa.column("callback_id", sa.Text()),
    sa.column("at", schema.Instant()),
    sa.column("t_ms", sa.Float()),
    sa.column("attempt", sa.Integer()),
    sa.column("kind", sa.Text()),
    sa.column("text", sa.Text()),
    sa.column("data", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
)


async def test_a_database_of_an_older_dialer_is_brought_up_to_date_with_what_it_holds(empty_url):
    await within(empty_url, lambda connection: upgrade(connection, "0001"))
    old_fields = dict.fromkeys(rows.CALLBACK_FIELDS)
    needed = {"id": "1-a", "service": "S", "family": "v3", "type": "immediate", "state": "COMPLETED"}
    needed |= {"customer_number": "+1", "desired_time": NOW, "created_at": NOW, "accepted_at": NOW, "updated_at": NOW}
    needed |= dict.fromkeys(["attempts", "dials", "free_in_a_row", "target_index", "priority", "version"], 1)
    needed |= {"target": "", "channel": "", "origin": "", "last_event": "T73", "call_result": 33}
    needed |= dict.fromkeys(["in_queue", "snoozed", "transferred"], False)

    def fill(connection):
        connection.execute(sa.insert(schema.callback), {**old_fields, **needed})
        for n, data in ((0.0, None), (1.5, {"status": 180})):
            step = {"callback_id": "1-a", "at": NOW, "t_ms": n, "attempt": 1, "kind": "sip", "text": f"step {n}"}
            connection.execute(sa.insert(OLD_JOURNAL), {**step, "data": data})

    await within(empty_url, fill)
    store = await Store.open(empty_url)
    assert (await store.get("1-a")).call_result == 33
    assert [(one.at, one.t_ms, one.text, one.data) for one in await store.journal("1-a")] == [
        (NOW, 0.0, "step 0.0", {}), (NOW, 1.5, "step 1.5", {"status": 180}),
    ]  # fmt: skip
    await store.close()


async def test_every_migration_can_be_undone_and_done_again(empty_url):
    await (await Store.open(empty_url)).close()
    for revision in ("0001", "base"):
        await within(empty_url, lambda connection, to=revision: downgrade(connection, to))
    tables = await within(empty_url, lambda connection: sa.inspect(connection).get_table_names())
    assert set(tables) <= {"alembic_version"}
    store = await Store.open(empty_url)
    assert (await store.create(NEW, event="T01", actor="api", now=NOW)).version == 1
    await store.close()


async def test_the_locks_are_partial_unique_indexes(url):
    await (await Store.open(url)).close()

    def indexes(connection):
        return {index["name"]: index for index in sa.inspect(connection).get_indexes("attempt")}

    found = await within(url, indexes)
    for name in ("attempt_open_callback", "attempt_open_number"):
        assert found[name]["unique"]
        assert any("ended_at IS NULL" in str(value) for value in found[name]["dialect_options"].values())


async def test_a_database_of_a_newer_dialer_is_refused_with_what_to_do(empty_url):
    await (await Store.open(empty_url)).close()
    await within(
        empty_url, lambda connection: connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(StoreSchemaNewer, match=r"made by a newer dialer \(schema 9999.*upgrade this dialer"):
        await Store.open(empty_url)


async def test_a_database_of_something_else_is_refused(empty_url):
    await within(empty_url, lambda connection: connection.execute(sa.text("CREATE TABLE callback (x INTEGER)")))
    with pytest.raises(StoreDamaged, match="holds tables of something else"):
        await Store.open(empty_url)


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_text("this is not a database, it is a letter to a friend" * 50)
    with pytest.raises(StoreDamaged, match="is not a database of the dialer"):
        await Store.open(f"sqlite:///{tmp_path}/x.db", busy_s=0.2)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is no database address"),
        ("mysql://root@localhost/x", "mysql is not supported; use sqlite or postgresql"),
        ("sqlite+aiosqlite://", "in memory would be lost"),
        ("sqlite:///:memory:", "in memory would be lost"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused(url, said):
    with pytest.raises(StoreUrlError, match=said):
        await Store.open(url)


async def test_the_folder_of_the_file_is_made(tmp_path):
    store = await Store.open(f"sqlite:///{tmp_path}/a/b/dialer.db")
    await store.close()
    assert (tmp_path / "a/b/dialer.db").exists()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        await Store.open(f"sqlite:///{tmp_path}/file/dialer.db")


async def test_a_folder_in_the_place_of_the_file_is_told(tmp_path):
    (tmp_path / "dialer.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened for writing"):
        await Store.open(f"sqlite:///{tmp_path}/dialer.db", busy_s=0.2)


@pytest.mark.parametrize(("durable", "synchronous"), [("process", 1), ("power", 2)])
async def test_sqlite_is_as_durable_as_asked(sqlite_url, durable, synchronous):
    store = await Store.open(sqlite_url, durable=durable)
    pragmas = await store._writer.run(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )  # fmt: skip
    await store.close()
    assert pragmas == ["wal", synchronous, 1]


@pytest.mark.parametrize(("durable", "setting"), [("process", "off"), ("power", "on")])
async def test_postgresql_is_as_durable_as_asked(postgres_url, durable, setting):
    store = await Store.open(postgres_url, durable=durable)
    found = await store._writer.run(lambda connection: connection.exec_driver_sql("SHOW synchronous_commit").scalar())
    await store.close()
    assert found == setting


def test_the_migrations_are_shipped_as_modules():
    folder = Path(schema.__file__).with_name("migrations")
    assert (folder / "__init__.py").exists()
    assert (folder / "versions" / "__init__.py").exists()
