"""A dialer without a SIP side: real configuration, real SQLite store, real booking, a worker that only listens."""

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from dialer.api import create_app, create_ops_app
from dialer.booking import Booking
from dialer.config import DialerConfig, load_text
from dialer.events import Bus
from dialer.routing import AgentPool, WaitBook
from dialer.scenario import Desk
from dialer.store import Store

START = datetime(2026, 3, 2, 16, 0, 0, tzinfo=UTC)

CONFIG = """
[api.v1]
auth = "none"
[api.admin]
auth = "none"
[gateway.pbx]
uri = "sip:127.0.0.1:5060"
[service.Sales]
target = "?:Sales>0@StatServer.GA"
throttle_limit = 0
[service.Closed]
target = "Sales>0"
enabled = false
[service.Paused]
target = "Sales>0"
paused = true
[agent.ann]
address = "sip:1001@127.0.0.1"
skills = {Sales = 5}
"""


class FixedClock:
    """A clock that tests set."""

    def __init__(self):
        self.time = START

    def now(self):
        return self.time

    def monotonic(self):
        return (self.time - START).total_seconds()

    def forward(self, seconds):
        self.time += timedelta(seconds=seconds)


@dataclass
class Status:
    sip_up: bool = True
    media_up: bool = True
    scheduler_lag_s: float = 0.01
    store_fault: str | None = None
    calls_active: int = 0
    submitted: list = field(default_factory=list)

    def submit(self, callback):
        self.submitted.append(callback.id)


@dataclass
class Parts:
    store: Store
    bus: Bus
    pool: AgentPool
    clock: FixedClock
    waits: WaitBook
    desk: Desk = field(default_factory=Desk)


@dataclass
class TestedDialer:
    __test__ = False
    config: DialerConfig
    booking: Booking
    house: Parts
    status: Status

    def client(self, ops=False, **headers):
        app = create_ops_app(self) if ops else create_app(self)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dialer", headers=headers)


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


@pytest.fixture
def make(store, tmp_path):
    """Makes a dialer of a configuration text."""

    def make(text=CONFIG):
        config = load_text(text, tmp_path / "dialer.toml")
        clock, bus, pool = FixedClock(), Bus(), AgentPool()
        for agent in config.routing_agents():
            pool.add(agent, clock.now())
        parts = Parts(store, bus, pool, clock, WaitBook(pool, config.services))
        return TestedDialer(config, Booking(store, config, bus, clock), parts, Status())

    return make


@pytest.fixture
def dialer(make):
    return make()


@pytest.fixture
async def client(dialer):
    async with dialer.client() as client:
        yield client
