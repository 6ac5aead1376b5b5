"""What an agent's telephone does, and what becomes of the agent."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from dialer.node.presence import PHONE_BUSY, PhonePresence
from dialer.routing import Agent, AgentPool, AgentState
from dialer.scenario import TALKS_IN_PBX
from dialer.telephony import PhoneState

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Watching:
    """A user agent that notes which telephones are watched."""

    def __init__(self) -> None:
        self.watched: list[tuple[str, str]] = []
        self.closed = 0

    async def watch_phone(self, gateway: str, number: str, _taker: object) -> Watching:
        self.watched.append((gateway, number))
        return self

    async def close(self) -> None:
        self.closed += 1


def presence_of(*gateways: str) -> tuple[AgentPool, Watching, PhonePresence]:
    pool, user_agent = AgentPool(), Watching()
    pool.add(Agent("ann", "Ann", "sip:1001"), NOON)
    pool.add(Agent("ben", "Ben", "sip:1002@10.0.0.2", gateway="other"), NOON)
    tables = {name: SimpleNamespace(dialog_events=name in gateways) for name in ("pbx", "other")}
    config = SimpleNamespace(gateways=tables, services={"sales": None}, agent_gateway=lambda _: "pbx")
    house: Any = SimpleNamespace(
        pool=pool, config=config, user_agent=user_agent, clock=SimpleNamespace(now=lambda: NOON)
    )
    return pool, user_agent, PhonePresence(house)


async def test_only_telephones_behind_gateways_that_tell_are_watched() -> None:
    for gateways, watched in (
        ((), []),
        (("pbx",), [("pbx", "1001")]),
        (("pbx", "other"), [("pbx", "1001"), ("other", "sip:1002@10.0.0.2")]),
    ):
        _, user_agent, presence = presence_of(*gateways)
        await presence.start()
        assert user_agent.watched == watched
        await presence.stop()
        assert user_agent.closed == len(watched)


async def test_a_ready_agent_whose_phone_is_busy_is_not_ready_until_it_is_idle() -> None:
    pool, _, presence = presence_of("pbx")
    pool.set_state("ann", AgentState.READY, NOON)
    presence.hear("ann", PhoneState.RINGING)
    assert pool.state("ann") is AgentState.READY
    presence.hear("ann", PhoneState.BUSY)
    assert (pool.state("ann"), pool.status("ann").reason) == (AgentState.NOT_READY, PHONE_BUSY)
    presence.hear("ann", PhoneState.IDLE)
    assert pool.state("ann") is AgentState.READY


async def test_what_a_person_said_meanwhile_stays() -> None:
    pool, _, presence = presence_of("pbx")
    pool.set_state("ann", AgentState.READY, NOON)
    presence.hear("ann", PhoneState.BUSY)
    pool.request_state("ann", AgentState.NOT_READY, NOON, "lunch")
    presence.hear("ann", PhoneState.IDLE)
    assert (pool.state("ann"), pool.status("ann").reason) == (AgentState.NOT_READY, "lunch")


async def test_a_call_of_ours_is_no_news() -> None:
    pool, _, presence = presence_of("pbx")
    pool.set_state("ann", AgentState.TALKING, NOON)
    for phone in (PhoneState.BUSY, PhoneState.IDLE, PhoneState.UNKNOWN):
        presence.hear("ann", phone)
        assert pool.state("ann") is AgentState.TALKING


async def test_an_agent_who_talks_in_the_pbx_comes_back() -> None:
    pool, _, presence = presence_of("pbx")
    pool.set_state("ann", AgentState.NOT_READY, NOON, TALKS_IN_PBX)
    presence.hear("ann", PhoneState.IDLE)
    assert pool.state("ann") is AgentState.READY
