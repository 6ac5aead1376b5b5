"""What is counted while the simulation runs: callbacks, dials, agents' time, hour by hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dialer.callback.call_result import CallResult
from dialer.routing import BUSY_STATES, Agent, AgentPool, AgentState
from dialer.simulate.case import Case
from dialer.simulate.clock import VirtualClock

HOUR_S: Final = 3600.0


@dataclass(slots=True)
class Tally:
    """The figures of one run; lists by hour of the run.

    Attributes:
        cases: every callback that was accepted, in the order in which they came.
        refused: requests that were not accepted, by why.
        dialled: dials by hour.
        arrived: accepted callbacks by hour.
        results: attempts by result.
        busy_s, present_s: agents' seconds in calls (wrap-up included) and logged in, by hour.
        state_s: agents' seconds by state.
        peak_dials: most dials in flight at once.
        peak_calls: most customers being dialled or talked to at once.
        peak_line: longest line.
    """

    hours: int
    cases: list[Case] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    results: Counter[CallResult] = field(default_factory=Counter)
    dialled: list[int] = field(init=False)
    arrived: list[int] = field(init=False)
    busy_s: list[float] = field(init=False)
    present_s: list[float] = field(init=False)
    state_s: dict[AgentState, float] = field(default_factory=lambda: defaultdict(float))
    peak_dials: int = 0
    peak_calls: int = 0
    peak_line: int = 0
    events: int = 0

    def __post_init__(self) -> None:
        self.dialled, self.arrived = [0] * self.hours, [0] * self.hours
        self.busy_s, self.present_s = [0.0] * self.hours, [0.0] * self.hours


class TimeSheet:
    """Listens to the agents' states and adds up how long each lasts."""

    def __init__(self, tally: Tally, pool: AgentPool, clock: VirtualClock) -> None:
        self._tally, self._clock = tally, clock
        self._since: dict[str, tuple[AgentState, float]] = {}
        pool.subscribe(self._on_agent)

    def close(self) -> None:
        """Counts what still lasts, up to now."""
        for agent_id, (state, _) in list(self._since.items()):
            self._note(agent_id, state)

    def _on_agent(self, agent: Agent, _old: AgentState, new: AgentState, _now: datetime) -> None:
        self._note(agent.id, new)

    def _note(self, agent_id: str, new: AgentState) -> None:
        now_s = self._clock.monotonic()
        before = self._since.get(agent_id)
        self._since[agent_id] = (new, now_s)
        if before is None or before[0] is AgentState.LOGGED_OUT:
            return
        state, since_s = before
        tally = self._tally
        tally.state_s[state] += now_s - since_s
        _spread(tally.present_s, since_s, now_s)
        if state in BUSY_STATES:
            _spread(tally.busy_s, since_s, now_s)


def _spread(by_hour: list[float], since_s: float, until_s: float) -> None:
    """Adds a span to the hours it lies in."""
    hour = int(since_s // HOUR_S)
    while since_s < until_s and hour < len(by_hour):
        end_s = min(until_s, (hour + 1) * HOUR_S)
        by_hour[hour] += end_s - since_s
        since_s, hour = end_s, hour + 1
