"""The agents at work: who is there when, when they pause, and what they are doing, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from dialer.routing import Agent, AgentPool, AgentState
from dialer.simulate.clock import Agenda, VirtualClock
from dialer.simulate.world import DAYS, Pause, Shift

DAY_S: Final = 86400.0
PAUSE: Final = "pause"
"""Reason of an agent who is not ready by plan."""


class Crew:
    """Moves agents in and out of a pool by their shifts; what a call holds up, the pool itself catches up on."""

    def __init__(self, pool: AgentPool, clock: VirtualClock, agenda: Agenda) -> None:
        self._pool, self._clock, self._agenda = pool, clock, agenda

    def hire(self, agents: Sequence[Agent], shifts: Sequence[Shift], days: float) -> None:
        """Puts the agents into the pool; without shifts they are all there all the time."""
        for agent in agents:
            self._pool.add(agent, self._clock.now())
        if not shifts:
            for agent in agents:
                self._agenda.at(0.0, self._set, agent.id, AgentState.READY)
            return
        first = 0
        for shift, size in zip(shifts, shares([shift.share for shift in shifts], len(agents)), strict=True):
            for index, agent in enumerate(agents[first : first + size]):
                self._plan(agent.id, shift, index / size, days)
            first += size

    def _plan(self, agent_id: str, shift: Shift, part: float, days: float) -> None:
        """One agent's logins, pauses and logouts; `part` 0..1 is the agent's place in the order of pauses."""
        midnight_s = -seconds_of_day(self._clock.start)
        weekday = self._clock.start.weekday()
        for day in range(-1, round(days) + 1):
            if DAYS[(weekday + day) % len(DAYS)] not in shift.days:
                continue
            begin_s = midnight_s + day * DAY_S + shift.begin
            end_s = begin_s + shift.length_s
            if end_s <= 0:
                continue
            self._agenda.at(max(0.0, begin_s), self._set, agent_id, AgentState.READY)
            for pause in shift.pauses:
                self._pause(agent_id, pause, begin_s, part, shift)
            self._agenda.at(end_s, self._set, agent_id, AgentState.LOGGED_OUT)

    def _pause(self, agent_id: str, pause: Pause, begin_s: float, part: float, shift: Shift) -> None:
        from_s = begin_s + (pause.at - shift.begin) % DAY_S + part * pause.spread_min * 60
        if from_s >= 0:
            self._agenda.at(from_s, self._set, agent_id, AgentState.NOT_READY, PAUSE)
            self._agenda.at(from_s + pause.minutes * 60, self._back, agent_id)

    def _set(self, agent_id: str, state: AgentState, reason: str = "") -> None:
        self._pool.request_state(agent_id, state, self._clock.now(), reason)

    def _back(self, agent_id: str) -> None:
        """From a pause; whose shift is over meanwhile stays away."""
        if self._pool.state(agent_id) != AgentState.LOGGED_OUT:
            self._set(agent_id, AgentState.READY)


def shares(weights: Sequence[float], total: int) -> list[int]:
    """Divides `total` in proportion to the weights, the largest remainders first."""
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def seconds_of_day(moment: datetime) -> float:
    """Seconds since midnight of the moment's own clock."""
    return moment.hour * 3600.0 + moment.minute * 60 + moment.second
