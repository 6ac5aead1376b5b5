"""An agent: who it is, what it can do, and what it is doing now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AgentState(StrEnum):
    """What an agent is doing (api.md §5.5)."""

    LOGGED_OUT = "LOGGED_OUT"
    NOT_READY = "NOT_READY"
    READY = "READY"
    RESERVED = "RESERVED"
    PREVIEW = "PREVIEW"
    RINGING = "RINGING"
    TALKING = "TALKING"
    WRAP_UP = "WRAP_UP"


CHOSEN_STATES = frozenset({AgentState.LOGGED_OUT, AgentState.NOT_READY, AgentState.READY})
"""States an agent or a supervisor may ask for; the others are the dialer's to set."""

BUSY_STATES = frozenset(AgentState) - CHOSEN_STATES
"""States in which an agent belongs to one callback."""

CALL_STATES = BUSY_STATES - {AgentState.WRAP_UP}
"""States in which what an agent asks for waits for the end of the call; wrap-up ends when the agent says so."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as configured. Group kinds are own tables (options.md §4).

    Attributes:
        address: SIP URI of the agent's phone, e.g. `sip:1001@10.0.0.5`.
        skills: level 0..100 by skill name; a missing skill has level 0.
        groups: agent groups (target type GA).
        place: where the agent sits (AP).
        place_groups: groups of places that hold the agent's place (GP).
        campaign_groups: campaign groups the agent works for (GC).
        gateway: through which the agent's phone is called; None: through the gateway of the service's route point.
    """

    id: str
    name: str
    address: str
    skills: Mapping[str, int] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    place: str | None = None
    place_groups: frozenset[str] = frozenset()
    campaign_groups: frozenset[str] = frozenset()
    gateway: str | None = None

    def level(self, skill: str) -> int:
        """The agent's level in `skill`, 0 when it has none."""
        return self.skills.get(skill, 0)


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent's state, since when (aware UTC), and why."""

    agent: Agent
    state: AgentState
    since: datetime
    reason: str = ""
