"""Events to a real broker and commands from it: mosquitto, stopped and started under the link's feet."""

import asyncio
import contextlib
import json
import shutil
import socket
from dataclasses import replace
from datetime import UTC, datetime

import aiomqtt
import pytest
from dialer_process import RunningDialer, configuration

from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.clock import SystemClock
from dialer.events import AgentChanged, Bus, CallbackChanged
from dialer.events.mqtt import MqttLink, MqttSettings
from dialer.lab import LabProcess
from dialer.node.broker import commander
from dialer.routing import Agent, AgentPool, AgentState

pytestmark = pytest.mark.system

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMIT_S = 15
GOES_WELL = ["T01", "T30", "T31", "T35a", "T35", "T73"]  # the transitions of a callback from booking to its end
CALLBACK = Callback(
    id="1-a", service="Sales/EU", state=State.QUEUED, phase=Phase.WAITING, customer_number="+16505550100",
    desired_time=NOON, created_at=NOON, accepted_at=NOON, updated_at=NOON, user_data={"card": "4111"},
)  # fmt: skip


class Broker:
    """A mosquitto of our own on a free port of 127.0.0.1."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None
        self.file = folder / "mosquitto.conf"
        self.file.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.log = folder / "mosquitto.log"

    async def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with self.log.open("a") as log:
            self.process = await asyncio.create_subprocess_exec(program, "-c", str(self.file), stdout=log, stderr=log)
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    async def stop(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
            self.process = None


class Side:
    """A link with its bus and agents, as a dialer has them."""

    def __init__(self, port, **settings):
        self.bus, self.pool = Bus(), AgentPool()
        self.pool.add(Agent("ann", "Ann", "sip:ann@127.0.0.1"), NOON)
        self.pool.subscribe(lambda a, old, new, at: self.bus.publish(AgentChanged(a.id, old, new, at)))
        self.ups = []
        self.link = MqttLink(
            MqttSettings("127.0.0.1", port, **settings),
            self.bus,
            commander(self.pool, SystemClock()),
            lambda: [AgentChanged(s.agent.id, s.state, s.state, s.since, s.reason) for s in self.pool.all()],
            lambda up, note: self.ups.append((up, note)),
        )

    async def until(self, condition):
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110 - a condition of somebody else's state
                await asyncio.sleep(0.02)


@pytest.fixture
async def broker(tmp_path):
    made = Broker(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def make(broker):
    made = []

    def make(**settings):
        made.append(Side(broker.port, **settings))
        made[-1].link.start()
        return made[-1]

    yield make
    for side in made:
        await side.link.stop()


@contextlib.asynccontextmanager
async def listening(broker, topic="dialer/#"):
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def read(client, topic, count=1):
    """Messages of one topic, whatever else comes between."""
    found = []
    async with asyncio.timeout(LIMIT_S):
        async for message in client.messages:
            if str(message.topic) == topic:
                found.append(json.loads(message.payload))
            if len(found) == count:
                return found
    return found


async def test_callbacks_and_agents_are_told_without_number_and_user_data(broker, make):
    side = make()
    async with listening(broker) as client:
        await side.until(lambda: side.link.connected)
        side.bus.publish(CallbackChanged(CALLBACK, "T05"))
        side.pool.request_state("ann", AgentState.READY, NOON)
        [told] = await read(client, "dialer/callback/Sales%2FEU/1-a")
        assert (told["event"], told["state"], told["phase"]) == ("T05", "QUEUED", "waiting")
        assert "+16505550100" not in json.dumps(told)
        assert "4111" not in json.dumps(told)


async def test_who_comes_late_finds_every_agents_state_and_that_the_node_is_there(broker, make):
    side = make()
    side.pool.request_state("ann", AgentState.READY, NOON)
    await side.until(lambda: side.link.published >= 2)
    async with listening(broker, "dialer/node/+") as client:
        assert await read(client, "dialer/node/node-1") == [{"node": "node-1", "state": "online"}]
    async with listening(broker, "dialer/agent/+/state") as client:
        [told] = await read(client, "dialer/agent/ann/state")
    assert told["state"] == "READY"


async def test_a_command_sets_an_agents_state_and_a_wrong_one_is_answered(broker, make):
    side = make()
    await side.until(lambda: side.link.connected)
    async with listening(broker) as client:
        await client.publish("dialer/agent/ann/set", json.dumps({"state": "READY"}), qos=1)
        await side.until(lambda: side.pool.state("ann") is AgentState.READY)
        for topic, payload, words in (
            ("dialer/agent/zoe/set", {"state": "READY"}, "'zoe'"),
            ("dialer/agent/ann/set", {"state": "TALKING"}, "cannot be asked for"),
            ("dialer/agent/ann/set", {"state": "ASLEEP"}, "is not a state"),
            ("dialer/agent/ann/set", "READY", "names no state"),
        ):
            await client.publish(topic, json.dumps(payload), qos=1)
            [answer] = await read(client, f"{topic}/refused")
            assert words in answer["error"]
    assert side.pool.state("ann") is AgentState.READY


async def test_a_retained_command_is_not_carried_out(broker, make):
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish("dialer/agent/ann/set", json.dumps({"state": "READY"}), qos=1, retain=True)
        side = make()
        await side.until(lambda: side.link.connected)
        await client.publish("dialer/agent/ann/set", json.dumps({"state": "NOT_READY"}), qos=1)
        await side.until(lambda: side.pool.state("ann") is not AgentState.LOGGED_OUT)
    assert side.pool.state("ann") is AgentState.NOT_READY


async def test_a_broker_that_goes_away_costs_nothing_and_is_found_again(broker, make):
    side = make(capacity=50)
    await side.until(lambda: side.link.connected)
    await broker.stop()
    await side.until(lambda: not side.link.connected)
    began = asyncio.get_running_loop().time()
    for n in range(1000):
        side.bus.publish(CallbackChanged(replace(CALLBACK, id=f"1-{n}"), "T05"))
    assert asyncio.get_running_loop().time() - began < 1
    assert side.link.dropped == 950
    confirmed = side.link.published
    await broker.start()
    await side.until(lambda: side.link.published >= confirmed + 50)
    async with listening(broker) as client:
        side.bus.publish(CallbackChanged(CALLBACK, "T30"))
        assert (await read(client, "dialer/callback/Sales%2FEU/1-a"))[0]["event"] == "T30"
    assert [up for up, _ in side.ups] == [True, False, True]
    assert "950 events lost" in side.ups[-1][1]


async def test_a_broker_that_is_never_there_keeps_nothing_from_starting_or_stopping(tmp_path):
    side = Side(Broker(tmp_path).port)
    side.link.start()
    await side.until(lambda: side.ups != [])
    assert side.ups[0][0] is False
    await asyncio.wait_for(side.link.stop(), 5)


async def test_the_node_is_said_to_be_gone_when_it_stops_and_when_it_dies(broker, make):
    async with listening(broker, "dialer/node/+") as client:
        side = make()
        await side.until(lambda: side.link.connected)
        assert [m["state"] for m in await read(client, "dialer/node/node-1")] == ["online"]
        await side.link.stop()
        assert [m["state"] for m in await read(client, "dialer/node/node-1")] == ["offline"]


async def test_ten_thousand_events_all_arrive_in_their_order(broker, make):
    side = make(capacity=20_000)
    await side.until(lambda: side.link.connected)
    async with listening(broker, "dialer/callback/#") as client:
        for n in range(10_000):
            side.bus.publish(CallbackChanged(replace(CALLBACK, attempts=n), "T05"))
        told = await read(client, "dialer/callback/Sales%2FEU/1-a", 10_000)
    assert [message["attempts"] for message in told] == list(range(10_000))
    assert side.link.dropped == 0


async def test_a_real_call_is_told_from_booking_to_its_end_and_agents_are_commanded(broker, tmp_path):
    extra = f'[mqtt]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
    async with LabProcess() as lab, listening(broker) as client:
        dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=extra))
        await dialer.start()
        made = (await dialer.book("+12025550100")).json()["_id"]
        told, agents = [], {}
        async with asyncio.timeout(60):
            async for message in client.messages:
                data = json.loads(message.payload)
                if str(message.topic) == f"dialer/callback/test/{made}":
                    told.append((data["event"], data["state"]))
                elif str(message.topic).startswith("dialer/agent/"):
                    agents.setdefault(data["agent"], []).append(data["state"])
                if told[-1:] == [("T73", "COMPLETED")]:
                    break
        events = [event for event, _ in told]
        assert [event for event in events if event in GOES_WELL] == GOES_WELL
        [busy] = [name for name, states in agents.items() if "TALKING" in states]
        await dialer.completed(made)
        await client.publish(f"dialer/agent/{busy}/set", json.dumps({"state": "NOT_READY", "reason": "lunch"}), qos=1)
        async with asyncio.timeout(20):
            async for message in client.messages:
                if str(message.topic) == f"dialer/agent/{busy}/state":
                    state = json.loads(message.payload)
                    if state["state"] == "NOT_READY":
                        break
        assert state["reason"] == "lunch"
        assert await dialer.end() == 0
        assert (await read(client, "dialer/node/node-1"))[-1]["state"] == "offline"
