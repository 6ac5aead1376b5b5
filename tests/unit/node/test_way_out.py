"""No callback stands anywhere for ever: every place before the end has a way out in bounded time.

Twice: nobody works on the callback (its node is gone, or none was needed), so that time alone must move it, with a
store and a node's time limits on a clock that is set by hand; and a scenario works on it, so that a limit of its
service ends the phase, which real calls of the table of results show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import IN_QUEUE, POSITIONS, UNOWNED, Actor, Phase, Position, State, position_name
from dialer.callback.transition_table import TRANSITIONS
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.node.limits import TimeLimits
from dialer.node.line import Line
from dialer.node.release import Release
from dialer.routing import AgentPool, Router, WaitBook
from dialer.store import Store, schema
from dialer.store.rows import record_values
from tools.results.table import ROWS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE = timedelta(seconds=15)
BOUND = timedelta(days=15)  # the longest retention there is, and a day
OPEN = [position for position in POSITIONS if position[0] is not State.COMPLETED]
LOOKS = [timedelta(seconds=1), timedelta(seconds=20), timedelta(minutes=10), timedelta(days=1, hours=1), BOUND]
BY_ITSELF = frozenset({Actor.ENGINE, Actor.NODE})

LIVE: dict[Position, tuple[str, ...]] = {
    (State.QUEUED, Phase.DIALING): ("T32", "T34"),  # setup_timeout, ring_timeout, media_timeout, detection's limits
    (State.QUEUED, Phase.CONFIRM_WAIT): ("T62", "T61"),  # user_confirm_timeout
    (State.ROUTING, Phase.AGENT_WAIT): ("T39",),  # max_wait_on_call
    (State.ROUTING, Phase.AGENT_RING): ("T36", "T47"),  # agent_reserve_timeout
    (State.ROUTING, Phase.AGENT_PREVIEW): ("T41",),  # preview_timeout
    (State.ROUTING, Phase.CUSTOMER_DIAL): ("T45", "T46"),  # as dialing
    (State.PROCESSING, Phase.TALKING): ("T73",),  # RTP that stays away ends a leg, whoever stopped sending
    (State.PROCESSING, Phase.DISPOSITION): ("T73",),  # disposition_timeout
}
"""Where a scenario works on the callback: the transitions by which a limit of the service ends the phase."""


class Dial:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Any]:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'limits.db'}")
    services = {
        family: ServiceOptions(family=family, target="Sales@S.GA", route_point="1@P") for family in ("v1", "v3")
    }
    config = DialerConfig(file=tmp_path / "dialer.toml", services=services)
    pool, clock = AgentPool(), Dial()
    router, waits = Router(pool), WaitBook(pool, services)
    house = SimpleNamespace(store=store, config=config, bus=Bus(), clock=clock, pool=pool, router=router, waits=waits)
    line = Line()
    limits = TimeLimits(house, line, Release(pool, config))  # type: ignore[arg-type]
    yield SimpleNamespace(clock=clock, store=store, line=line, limits=limits)
    await store.close()


def callback_at(position: Position, family: str) -> Callback:
    """A callback that got there in the usual way, and whose node has just gone away."""
    state, phase = position
    owned = position not in UNOWNED
    return Callback(
        id=f"1-{position_name(position)}", service=family, family=family, state=state, phase=phase,
        resume_state=State.QUEUED if state is State.PAUSED else None,
        customer_number="+16505550100", number_e164="+16505550100", target="Sales@S.GA",
        desired_time=NOON, created_at=NOON, accepted_at=NOON, updated_at=NOON, queued_at=NOON,
        expires_at=NOON + timedelta(days=1 if family == "v1" else 14),
        next_dial_at=NOON + timedelta(minutes=5) if phase in {Phase.RETRY_WAIT, Phase.SNOOZED} else None,
        in_queue=position in IN_QUEUE, access={"expires_at": (NOON + timedelta(minutes=5)).isoformat()},
        node="gone" if owned else None, lease_until=NOON + LEASE if owned else None, last_event="T01",
    )  # fmt: skip


async def put(store: Store, callback: Callback) -> None:
    await store._writer.run(
        lambda connection: connection.execute(sa.insert(schema.callback).values(record_values(callback)))
    )


async def look(place: Any) -> None:
    """What a node does again and again, once."""
    now = place.clock.now()
    await place.store.recover(now=now)
    for callback in await place.store.claim("here", now=now, limit=5, lease_s=3600):
        place.line.add(callback)
    await place.limits.check()


@pytest.mark.parametrize("family", ["v1", "v3"])
@pytest.mark.parametrize("position", OPEN, ids=position_name)
async def test_time_alone_moves_a_callback_on_that_nobody_works_on(place: Any, position: Position, family: str) -> None:
    made = callback_at(position, family)
    await put(place.store, made)
    for after in LOOKS:
        place.clock.at = NOON + after
        await look(place)
        fresh = await place.store.get(made.id)
        if fresh is None or fresh.position != position:
            return
    pytest.fail(f"still {position_name(position)} after {BOUND.days} days")


@pytest.mark.parametrize("position", OPEN, ids=position_name)
def test_the_table_knows_a_way_out_that_needs_nobody(position: Position) -> None:
    ways = [row.number for row in TRANSITIONS.values() if row.actors & BY_ITSELF and row.targets_from(position)]
    assert ways


def test_every_place_where_a_scenario_works_is_named_with_its_limit() -> None:
    waits_for_time = {(State.QUEUED, Phase.WAITING), (State.QUEUED, Phase.CALL_IN_WAIT)}  # the node's limits: T85, T53
    assert set(LIVE) == {position for position in OPEN if position not in UNOWNED} - waits_for_time


@pytest.mark.parametrize(("position", "events"), LIVE.items(), ids=map(position_name, LIVE))
def test_a_limit_ends_the_phase_of_a_scenario(position: Position, events: tuple[str, ...]) -> None:
    for event in events:
        row = TRANSITIONS[event]
        assert row.targets_from(position) - {position}
        assert Actor.ENGINE in row.actors


@pytest.mark.parametrize("event", sorted({event for events in LIVE.values() for event in events}))
def test_a_real_call_shows_that_the_limit_is_enforced(event: str) -> None:
    assert any(event in row.expected.events for row in ROWS)
