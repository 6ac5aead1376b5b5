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
AWAY: Final = frozenset({AgentState.LOGGED_OUT, AgentState.NOT_READY})


@dataclass(slots=True)
class Tally:
    """The figures of one run; lists by hour of the run.

    Attributes:
        cases: every callback that was accepted, in the order in which they came.
        refused: requests that were not accepted, by why.
        dialled: dials by hour.
        arrived: accepted callbacks by hour.
        results: attempts by result.
        busy_s: agents' seconds in calls, wrap-up included, by hour.
        present_s: agents' seconds logged in, by hour.
        at_work_s: of these, those in which they were not Not Ready (pauses, missed calls).
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
    at_work_s: list[float] = field(init=False)
    state_s: dict[AgentState, float] = field(default_factory=lambda: defaultdict(float))
    peak_dials: int = 0
    peak_calls: int = 0
    peak_line: int = 0
    events: int = 0

    def __post_init__(self) -> None:
        self.dialled, self.arrived = [0] * self.hours, [0] * self.hours
        self.busy_s, self.present_s, self.at_work_s = ([0.0] * self.hours for _ in range(3))


@dataclass(slots=True)
class _Line:
    """One agent's time: the state, since when, and since when logged in, at work and in calls without a break; s."""

    state: AgentState
    since_s: float
    present_since_s: float = 0.0
    at_work_since_s: float = 0.0
    busy_since_s: float = 0.0


class TimeSheet:
    """Listens to the agents' states and adds up how long each lasts."""

    def __init__(self, tally: Tally, pool: AgentPool, clock: VirtualClock) -> None:
        self._tally, self._clock = tally, clock
        self._lines: dict[str, _Line] = {}
        pool.subscribe(self._on_agent)

    def close(self) -> None:
        """Counts what still lasts, up to now; the sheet ends with it."""
        for line in self._lines.values():
            self._note(line, AgentState.LOGGED_OUT)

    def _on_agent(self, agent: Agent, _old: AgentState, new: AgentState, _now: datetime) -> None:
        line = self._lines.get(agent.id)
        if line is None:
            line = self._lines[agent.id] = _Line(AgentState.LOGGED_OUT, self._clock.monotonic())
        self._note(line, new)

    def _note(self, line: _Line, new: AgentState) -> None:
        old, now_s, tally = line.state, self._clock.monotonic(), self._tally
        if old is AgentState.LOGGED_OUT:
            line.present_since_s = now_s
        else:
            tally.state_s[old] += now_s - line.since_s
            if new is AgentState.LOGGED_OUT:
                _spread(tally.present_s, line.present_since_s, now_s)
        was_away, is_away = old in AWAY, new in AWAY
        if was_away and not is_away:
            line.at_work_since_s = now_s
        elif is_away and not was_away:
            _spread(tally.at_work_s, line.at_work_since_s, now_s)
        was_busy, is_busy = old in BUSY_STATES, new in BUSY_STATES
        if is_busy and not was_busy:
            line.busy_since_s = now_s
        elif was_busy and not is_busy:
            _spread(tally.busy_s, line.busy_since_s, now_s)
        line.state, line.since_s = new, now_s


def _spread(by_hour: list[float], since_s: float, until_s: float) -> None:
    """Adds a span to the hours it lies in."""
    hour = int(since_s // HOUR_S)
    while since_s < until_s and hour < len(by_hour):
        end_s = min(until_s, (hour + 1) * HOUR_S)
        by_hour[hour] += end_s - since_s
        since_s, hour = end_s, hour + 1
