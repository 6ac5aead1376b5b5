"""Puts a running dialer together from its configuration: store, user agent, detection, routing, booking, worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from dialer.booking import Booking, PauseBook
from dialer.callback.push import PushRecord
from dialer.callback.record import Callback
from dialer.clock import Clock, SystemClock
from dialer.config import DialerConfig
from dialer.detection import DetectorBank
from dialer.events import AgentChanged, Bus, PushSent
from dialer.node.broker import open_broker
from dialer.node.line import Line
from dialer.node.node import Node
from dialer.node.notices import telling
from dialer.node.presence import PhonePresence
from dialer.node.single import lock_folder, only_one
from dialer.node.status import RunningStatus
from dialer.push import Courier, Herald, HttpChannel, Links, Poster
from dialer.routing import Agent, AgentPool, AgentState, Router, WaitBook
from dialer.scenario import House, Listener, StoryWriter, TreatmentLibrary
from dialer.scenario.inbound import Reception
from dialer.store import Store
from dialer.telephony import UserAgent


@dataclass(frozen=True, slots=True)
class Dialer:
    """A running dialer, with what its doors (API, command line) need."""

    config: DialerConfig
    house: House
    node: Node
    booking: Booking
    status: RunningStatus


@asynccontextmanager
async def open_store(config: DialerConfig) -> AsyncIterator[Store]:
    """The callback store alone, as the listing commands need it."""
    store = await Store.open(config.db.url, durable=config.db.durable)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_dialer(config: DialerConfig, clock: Clock | None = None) -> AsyncIterator[Dialer]:
    """Starts all parts in the order in which they depend on each other, and stops them in the reverse order.

    Raises:
        NodeRuns: when a dialer with this node's name runs here already.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(config.node.name, lock_folder(config.db.url, config.file)))
        house = await stack.enter_async_context(open_house(config, clock))
        node = Node(house, calls_per_second=config.dial.calls_per_second, max_sessions=config.max_sessions())
        await stack.enter_async_context(open_broker(config, house.bus, house.pool, clock))
        await node.start()
        presence = PhonePresence(house)
        stack.push_async_callback(presence.stop)
        await presence.start()
        await stack.enter_async_context(open_notices(house, node.line))
        booking = Booking(house.store, config, house.bus, clock, house.pauses)
        reception = Reception(house, booking, node.adopt)
        reception.open()
        stack.push_async_callback(stop_calls, node, reception, config.node.stop_deadline_s)
        yield Dialer(config, house, node, booking, RunningStatus(house, node))


@asynccontextmanager
async def open_house(config: DialerConfig, clock: Clock) -> AsyncIterator[House]:
    """The parts that scenarios call upon, running."""
    bus = Bus()
    pool = agent_pool(config, bus, clock.now())
    async with (
        open_store(config) as store,
        open_user_agent(config) as user_agent,
        open_listener(config, user_agent) as listener,
        open_stories(store) as stories,
        open_courier(config, store, bus, clock) as pushes,
    ):
        yield House(
            node=config.node.name,
            lease_s=config.node.lease_s,
            config=config,
            clock=clock,
            store=store,
            bus=bus,
            user_agent=user_agent,
            listener=listener,
            pool=pool,
            router=Router(pool),
            library=TreatmentLibrary(config.media.treatments_dir, config.media.cache_dir),
            stories=stories,
            waits=WaitBook(pool, config.services),
            pauses=PauseBook(),
            pushes=pushes,
        )


@asynccontextmanager
async def open_user_agent(config: DialerConfig) -> AsyncIterator[UserAgent]:
    """The SIP side."""
    user_agent = UserAgent(config.user_agent_settings())
    await user_agent.start()
    try:
        yield user_agent
    finally:
        await user_agent.stop()


@asynccontextmanager
async def open_listener(config: DialerConfig, user_agent: UserAgent) -> AsyncIterator[Listener]:
    """The ears on the user agent's audio."""
    rows, settings = user_agent.taps.rows, config.detection_settings()
    listener = Listener(user_agent.taps, lambda: DetectorBank(rows, settings))
    listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


@asynccontextmanager
async def open_stories(store: Store) -> AsyncIterator[StoryWriter]:
    """Writes the journals of calls; at the end what is not written yet."""
    stories = StoryWriter(store)
    stories.start()
    try:
        yield stories
    finally:
        await stories.stop()


async def stop_calls(node: Node, reception: Reception, deadline_s: float) -> None:
    """No new calls, in either direction; those that are up finish, or are released when the deadline comes."""
    await asyncio.gather(reception.close(deadline_s), node.stop(deadline_s))


@asynccontextmanager
async def open_courier(config: DialerConfig, store: Store, bus: Bus, clock: Clock) -> AsyncIterator[Courier]:
    """Brings messages to customers' devices through the configured channels; what comes of each is told on the bus."""
    poster = Poster()
    channels = {
        name: HttpChannel(table.url, table.key(), table.timeout_s, poster) for name, table in config.push.http.items()
    }

    def tell(callback: Callback, record: PushRecord) -> None:
        bus.publish(PushSent(callback, record))

    courier = Courier(channels, store, clock, Links(config.public_base), tell)
    try:
        yield courier
    finally:
        await courier.close()
        await poster.close()


@asynccontextmanager
async def open_notices(house: House, line: Line) -> AsyncIterator[None]:
    """Tells devices and subscribers what becomes of callbacks."""
    poster = Poster()
    try:
        async with telling(house, line, Herald(poster)):
            yield
    finally:
        await poster.close()


def agent_pool(config: DialerConfig, bus: Bus, now: datetime) -> AgentPool:
    """The configured agents, each in its first state; every change is told on the bus."""
    pool = AgentPool()

    def tell(agent: Agent, old: AgentState, new: AgentState, at: datetime) -> None:
        bus.publish(AgentChanged(agent.id, old, new, at, pool.status(agent.id).reason))

    pool.subscribe(tell)
    for agent in config.routing_agents():
        pool.add(agent, now)
        pool.set_state(agent.id, config.first_state(agent.id), now)
    return pool
