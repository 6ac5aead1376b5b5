"""The search for an agent, broken off at its most awkward moments: the agent is free again, whatever happened."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.callback.options import ServiceOptions
from dialer.routing import Agent, AgentPool, AgentState, Router, parse_target
from dialer.scenario.agent_leg import AgentSearch

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TARGET = "Desk@S.GA"


class NeverDials:
    """A user agent whose dial hangs until it is broken off, or fails."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.dialling = asyncio.Event()
        self.fault = fault

    async def dial(self, _: object) -> None:
        self.dialling.set()
        if self.fault is not None:
            raise self.fault
        await asyncio.Event().wait()


def nothing(*_: object, **__: object) -> None:
    """Tells nobody."""


def search_with(user_agent: NeverDials) -> tuple[AgentPool, AgentSearch]:
    pool = AgentPool()
    pool.add(Agent("anna", "Anna", "sip:7001", {}, groups=frozenset({"Desk"}), gateway="pbx"), NOON)
    pool.set_state("anna", AgentState.READY, NOON)
    clock = SimpleNamespace(now=lambda: NOON, monotonic=lambda: 0.0)
    house: Any = SimpleNamespace(pool=pool, router=Router(pool), clock=clock, user_agent=user_agent)
    callback = SimpleNamespace(
        id="1-a", priority=0, queued_at=NOON, created_at=NOON, customer_number="+16505550100", service="sales"
    )
    ledger: Any = SimpleNamespace(callback=callback, story=SimpleNamespace(tell=nothing, given=nothing))
    return pool, AgentSearch(house, ServiceOptions(target=TARGET), ledger, parse_target(TARGET))


async def test_an_agent_whose_dial_is_broken_off_is_ready_again() -> None:
    user_agent = NeverDials()
    pool, search = search_with(user_agent)
    finding = asyncio.create_task(search.find())
    await user_agent.dialling.wait()
    assert pool.state("anna") is AgentState.RINGING
    finding.cancel()
    await asyncio.gather(finding, return_exceptions=True)
    assert pool.state("anna") is AgentState.READY


async def test_an_agent_whose_dial_fails_by_a_fault_is_ready_again() -> None:
    pool, search = search_with(NeverDials(RuntimeError("the user agent is gone")))
    with pytest.raises(RuntimeError):
        await search.find()
    assert pool.state("anna") is AgentState.READY
