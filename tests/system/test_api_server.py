"""The API as its clients meet it: a real server on loopback, a real store on disk, many clients at once."""

import asyncio
import json
import socket
import time
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn

from dialer.api import create_app, create_ops_app
from dialer.booking import Booking
from dialer.clock import SystemClock
from dialer.config import load_text
from dialer.events import Bus
from dialer.routing import AgentPool, WaitBook
from dialer.scenario.desk import Desk
from dialer.store import Store

pytestmark = pytest.mark.system

CONFIG = """
[api.v1]
auth = "none"
[api.admin]
auth = "none"
[gateway.pbx]
uri = "sip:127.0.0.1"
[service.Sales]
target = "Sales>0"
service_limit_1 = 0
service_limit_2 = 0
[agent.ann]
address = "sip:1001@127.0.0.1"
"""
CREATE = "/genesys/1/service/callback/Sales"
NUMBER = "+16504661232"


@dataclass
class Status:
    """A worker that is up and has nothing to do."""

    sip_up: bool = True
    media_up: bool = True
    scheduler_lag_s: float = 0.0
    store_fault: str | None = None
    calls_active: int = 0
    submitted: list = field(default_factory=list)

    def submit(self, callback):
        self.submitted.append(callback.id)


@dataclass
class Dialer:
    config: object
    booking: object
    house: object
    status: object


@dataclass
class House:
    store: object
    bus: object
    pool: object
    clock: object
    waits: object
    desk: object


class Quiet(uvicorn.Server):
    def install_signal_handlers(self):
        """Leaves pytest's own in place."""


async def serve(app, stack):
    """Serves `app` on a free loopback port until the test ends; gives its base URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = Quiet(config)
    task = asyncio.create_task(server.serve())

    async def stop():
        server.should_exit = True
        await asyncio.wait_for(task, 10)

    stack.append(stop)
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells its start by this flag alone
            await asyncio.sleep(0.01)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@pytest.fixture
async def dialer(tmp_path):
    config = load_text(CONFIG, tmp_path / "dialer.toml")
    store = await Store.open(config.db.url.replace("/var/", "/"))
    bus, pool, clock = Bus(), AgentPool(), SystemClock()
    for agent in config.routing_agents():
        pool.add(agent, clock.now())
    house = House(store, bus, pool, clock, WaitBook(pool, config.services), Desk())
    yield Dialer(config, Booking(store, config, bus, clock), house, Status())
    await store.close()


@pytest.fixture
async def servers(dialer):
    stack = []
    yield await serve(create_app(dialer), stack), await serve(create_ops_app(dialer), stack)
    for stop in stack:
        await stop()


async def test_a_callback_is_booked_found_shown_and_cancelled_over_the_wire(servers, dialer):
    api, ops = servers
    async with httpx.AsyncClient(base_url=api) as client:
        fields = {"_customer_number": (None, "6504661232"), "usr_reason": (None, "bill")}
        made = await client.post(CREATE, files=fields, headers={"gms_user": "b1641", "x-correlation-id": "wire-0001"})
        assert made.status_code == 200
        assert made.headers["x-correlation-id"] == "wire-0001"
        assert made.headers["content-type"] == "application/json;charset=UTF-8"
        callback_id = made.json()["_id"]
        assert (await dialer.house.store.get(callback_id)).props["gms_user"] == "b1641"
        found = (await client.get(CREATE, params={"_customer_number": NUMBER})).json()
        assert [record["_id"] for record in found] == [callback_id]
        assert (await client.delete(found[0]["_url"])).status_code == 200
        shown = (await client.get(f"/api/v1/callbacks/{callback_id}")).json()
        assert (shown["state"], [entry["event"] for entry in shown["history"]]) == ("COMPLETED", ["T01", "T80"])
        ready = await client.post("/api/v1/agents/ann/state", json={"state": "READY"})
        assert ready.json()["state"] == "READY"
    async with httpx.AsyncClient(base_url=ops) as client:
        assert (await client.get("/readyz")).json() == {"db": True, "sip": True, "media": True, "scheduler": True}
        assert 'callback_completed_total{reason="CANCELLED",service="Sales"} 1.0' in (await client.get("/metrics")).text


async def test_a_body_sent_in_chunks_beyond_64_kib_is_cut_off(servers):
    async def endless():
        for _ in range(10_000):
            yield b"x" * 1024

    async with httpx.AsyncClient(base_url=servers[0]) as client:
        try:
            response = await client.post(CREATE, content=endless(), headers={"content-type": "application/json"})
        except (httpx.WriteError, httpx.ReadError):
            return  # the server closed the connection while the client was still sending
        assert response.status_code == 413


def raw_exchange(api, request):
    host, port = api.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


async def test_requests_that_are_no_http_and_clients_that_hang_up_leave_the_server_up(servers, caplog):
    api, ops = servers
    answer = await asyncio.to_thread(raw_exchange, api, b"HELLO\r\n\r\n")
    assert b"400" in answer.split(b"\r\n")[0]
    host, port = api.removeprefix("http://").split(":")
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST " + CREATE.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n"
                     b"Content-Type: application/json\r\n\r\n{")  # fmt: skip
        await writer.drain()
        writer.close()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{ops}/healthz")).status_code == 200
        assert (await client.post(f"{api}{CREATE}", json={"_customer_number": NUMBER})).status_code == 200
        assert 'status="499"' in (await client.get(f"{ops}/metrics")).text
    assert [record.message for record in caplog.records if record.name.startswith("dialer")] == []


async def test_many_clients_book_at_once_and_every_answer_is_a_record(servers, dialer, record_property):
    count, clients = 400, 20
    numbers = iter(range(count))
    made = []

    async def book(client):
        for n in numbers:
            response = await client.post(CREATE, json={"_customer_number": f"+1650466{n:04}"})
            assert response.status_code == 200, response.text
            made.append(json.loads(response.content)["_id"])

    began = time.perf_counter()
    async with httpx.AsyncClient(base_url=servers[0], timeout=30) as client:
        await asyncio.gather(*(book(client) for _ in range(clients)))
    took_s = time.perf_counter() - began
    record_property("creates_per_s", round(count / took_s, 1))
    print(f"{count} creates by {clients} clients: {count / took_s:.0f}/s, client in the same process")
    assert len(set(made)) == count
    assert sum((await dialer.house.store.counts()).values()) == count
    assert sorted(dialer.status.submitted) == sorted(made)
