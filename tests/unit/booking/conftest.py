"""A real store for each test, copied from one that is migrated once."""

import asyncio
import shutil

import pytest

from dialer.store import Store


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An empty database with the schema of today."""
    path = tmp_path_factory.mktemp("migrated") / "dialer.db"

    async def make():
        store = await Store.open(f"sqlite+aiosqlite:///{path}")
        await store.close()

    asyncio.run(make())
    return path


@pytest.fixture
async def store(tmp_path, migrated):
    shutil.copy(migrated, tmp_path / "dialer.db")
    opened = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/dialer.db", busy_s=0.3)
    yield opened
    await opened.close()
