"""Who talks with the customer: an agent, or somebody at a number who was brought in."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.routing import AgentState
from dialer.scenario.agent_leg import AgentOnLine
from dialer.scenario.house import House
from dialer.scenario.signals import Signals
from dialer.telephony import Leg


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody at a number, on the line."""

    number: str
    leg: Leg
    signals: Signals


Party = AgentOnLine | Guest


def name_of(party: Party) -> str:
    """The agent's id, or the number."""
    return party.agent.id if isinstance(party, AgentOnLine) else party.number


async def dismiss(house: House, party: Party, callback_id: str, state: AgentState = AgentState.READY) -> None:
    """Ends a party's leg; an agent is free for the next call, in `state` unless another one was asked for meanwhile."""
    await party.leg.hangup("normal")
    await party.signals.close()
    if isinstance(party, AgentOnLine):
        house.router.release(party.agent.id, house.clock.now(), state, key=callback_id)
