"""Broken surroundings: a locked database, a full disk, a server that is away. Plain answers, nothing half-written."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from dialer.callback.record import JournalEntry, NewCallback
from dialer.store import CallbackFilter, Store, StoreBusy, StoreFull, StoreUnavailable, engine

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)


def new(number="+1", **fields):
    return NewCallback(service="Sales", customer_number=number, number_e164=number, **fields)


class Lock:
    """Another program that holds the write lock of an SQLite file."""

    def __init__(self, url):
        self._connection = sqlite3.connect(url.partition("///")[2], isolation_level=None, check_same_thread=False)

    def take(self):
        self._connection.execute("BEGIN IMMEDIATE")

    def give(self):
        self._connection.execute("ROLLBACK")

    def close(self):
        self._connection.close()


@pytest.fixture
def lock(sqlite_url):
    made = []

    def make():
        made.append(Lock(sqlite_url))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def test_a_lock_that_is_given_back_in_time_is_waited_for(sqlite_url, lock):
    store = await Store.open(sqlite_url, busy_s=20)
    await store.service_number("Sales")
    other = lock()
    other.take()
    asked = [asyncio.create_task(store.create(new(f"+{n}"), event="T01", actor="api", now=NOW)) for n in range(3)]
    done, _ = await asyncio.wait(asked, timeout=0.7)
    assert not done
    assert await store.count(CallbackFilter()) == 0  # who reads does not wait
    other.give()
    assert len(await asyncio.gather(*asked)) == 3
    await store.close()


async def test_a_lock_that_is_kept_is_told_in_time_and_nothing_is_written(sqlite_url, lock):
    store = await Store.open(sqlite_url, busy_s=0.5)
    callback = await store.create(new(), event="T01", actor="api", now=NOW)
    other = lock()
    other.take()
    began = time.monotonic()
    answers = await asyncio.gather(
        store.create(new("+2"), event="T01", actor="api", now=NOW),
        store.transition(callback.id, 1, "T80", actor="api", now=NOW),
        store.claim(now=NOW),
        return_exceptions=True,
    )
    assert time.monotonic() - began < 10
    assert [type(one) for one in answers] == [StoreBusy] * 3
    assert "another program holds the write lock" in str(answers[0])
    assert "end it, then try again" in str(answers[0])
    other.give()
    assert await store.find(CallbackFilter()) == [callback]
    assert len(await store.claim(now=NOW)) == 1
    await store.close()


async def test_opening_a_locked_database_is_told_in_time(sqlite_url, lock):
    await (await Store.open(sqlite_url)).close()
    other = lock()
    other.take()
    with pytest.raises(StoreBusy, match="another program holds the write lock"):
        await Store.open(sqlite_url, busy_s=0.3)


async def test_a_full_database_is_told_nothing_is_half_written_and_it_goes_on_when_there_is_room(sqlite_url):
    store = await Store.open(sqlite_url)
    callback = await store.create(new(), event="T01", actor="api", now=NOW)
    pages = await store._writer.run(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar())

    async def limit(to):
        await store._writer.run(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={to}").scalar())

    await limit(pages)
    big = [JournalEntry(at=NOW, t_ms=float(n), kind="sip", text="x" * 5000) for n in range(50)]
    answers = await asyncio.gather(
        store.add_journal(callback.id, big),
        store.create(new("+2", user_data={"x": "y" * 20000}), event="T01", actor="api", now=NOW),
        return_exceptions=True,
    )
    assert [type(one) for one in answers] == [StoreFull, StoreFull]
    assert "make room, then try again" in str(answers[0])
    assert await store.find(CallbackFilter()) == [callback]
    assert await store.journal(callback.id) == []
    await limit(1_000_000)
    await store.add_journal(callback.id, big)
    assert len(await store.journal(callback.id)) == 50
    await store.close()


FILLS_ITS_DISK = """
import asyncio, json, resource, signal, sys
from datetime import UTC, datetime
from dialer.callback.record import NewCallback
from dialer.store import Store, StoreFull

async def main():
    store = await Store.open(sys.argv[1], durable="power")
    await store.service_number("S")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    kept, refused = [], ""
    for n in range(500):
        new = NewCallback(service="S", customer_number=f"+{n}", user_data={"x": "y" * 5000})
        try:
            kept.append((await store.create(new, event="T01", actor="api", now=datetime.now(UTC))).id)
        except StoreFull as full:
            refused = str(full)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept.append((await store.create(new, event="T01", actor="api", now=datetime.now(UTC))).id)
    await store.close()
    print(json.dumps({"kept": kept, "refused": refused}))

asyncio.run(main())
"""


async def test_a_file_that_may_not_grow_is_told_and_keeps_what_was_promised(sqlite_url):
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FILLS_ITS_DISK, sqlite_url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(run.communicate(), 60)
    assert run.returncode == 0, errors.decode()
    told = json.loads(out)
    assert "is full or cannot be written" in told["refused"]
    assert len(told["kept"]) > 5
    store = await Store.open(sqlite_url)
    assert {one.id for one in await store.find(CallbackFilter())} == set(told["kept"])
    sound = await store._writer.run(lambda connection: connection.exec_driver_sql("PRAGMA integrity_check").scalar())
    await store.close()
    assert sound == "ok"


async def test_a_server_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await Store.open(f"postgresql://dialer@/dialer?host={tmp_path}")
    with pytest.raises(StoreUnavailable, match=r"dialer:\*\*\*@127.0.0.1:1/dialer cannot be reached"):
        await Store.open("postgresql://dialer:secret@127.0.0.1:1/dialer")


async def test_a_database_or_user_that_is_not_there_is_told(postgres):
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await Store.open(postgres.url("nowhere"))
    with pytest.raises(StoreUnavailable, match="stranger"):
        await Store.open(postgres.url("postgres").replace("dialer@", "stranger@"))


async def test_a_server_that_goes_away_is_told_and_used_again_when_it_is_back(own_postgres):
    store = await Store.open(own_postgres.create_database("dialer"), durable="power")
    kept = await store.create(new(), event="T01", actor="api", now=NOW)
    for how in (signal.SIGINT, signal.SIGQUIT):
        own_postgres.stop(how)
        for ask in (
            store.create(new("+2"), event="T01", actor="api", now=NOW),
            store.find(CallbackFilter()),
            store.claim(now=NOW),
            store.transition(kept.id, 1, "T80", actor="api", now=NOW),
        ):
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await ask
        own_postgres.start()
        assert await store.find(CallbackFilter()) == [kept]
        await store.heartbeat(now=NOW)
    assert len(await store.claim(now=NOW)) == 1
    await store.close()


async def test_a_server_that_does_not_answer_is_told_in_time(own_postgres, monkeypatch):
    monkeypatch.setattr(engine, "REPLY_LIMIT_S", 0.5)
    store = await Store.open(own_postgres.create_database("dialer"))
    kept = await store.create(new(), event="T01", actor="api", now=NOW)
    pids = await store._writer.run(
        lambda connection: [row[0] for row in connection.exec_driver_sql("SELECT pid FROM pg_stat_activity")]
    )
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for ask in (store.transition(kept.id, 1, "T80", actor="api", now=NOW), store.find(CallbackFilter())):
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await ask
        assert time.monotonic() - began < 20
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert (await store.transition(kept.id, 1, "T80", actor="api", now=NOW)).version == 2
    await store.close()


async def test_a_connection_that_the_server_dropped_is_made_anew(postgres_url):
    store = await Store.open(postgres_url, node="n1")
    kept = await store.create(new(), event="T01", actor="api", now=NOW)
    killer = await Store.open(postgres_url, node="n2")
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await killer._writer.run(lambda connection: connection.exec_driver_sql(others).all())
    await asyncio.gather(*(store.heartbeat(now=NOW) for _ in range(3)))
    assert len(await store.claim(now=NOW)) == 1
    assert (await store.get(kept.id)).version == 2
    await store.close()
    await killer.close()


async def test_rows_that_another_program_locks_are_waited_for(postgres_url):
    store, other = await Store.open(postgres_url), await Store.open(postgres_url)
    kept = await store.create(new(), event="T01", actor="api", now=NOW)

    def hold(connection):
        connection.exec_driver_sql("SELECT 1 FROM callback FOR UPDATE").all()
        connection.exec_driver_sql("SELECT pg_sleep(1)").all()

    held = asyncio.create_task(other._writer.run(hold))
    await asyncio.sleep(0.2)
    assert await store.claim(now=NOW) == []  # SKIP LOCKED: not for us now
    moving = asyncio.create_task(store.transition(kept.id, 1, "T80", actor="api", now=NOW))
    assert not (await asyncio.wait([moving], timeout=0.1))[0]
    await held
    assert (await moving).version == 2
    await store.close()
    await other.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not")
async def test_a_file_that_is_not_ours_to_write_is_told(tmp_path):
    await (await Store.open(f"sqlite:///{tmp_path}/dialer.db")).close()
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    os.seteuid(65534)  # nobody
    try:
        with pytest.raises(StoreUnavailable, match="cannot be opened for writing"):
            await Store.open(f"sqlite:///{tmp_path}/dialer.db", busy_s=0.2)
        with pytest.raises(StoreUnavailable, match="cannot be opened for writing"):
            await Store.open(f"sqlite:///{tmp_path}/other.db", busy_s=0.2)
    finally:
        os.seteuid(0)
