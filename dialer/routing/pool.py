"""The agents of this node and their states. In memory, no I/O; time is passed in.

One event loop owns a pool. Listeners hear every change exactly once and in the order it was made, also when a
listener changes a state itself.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dialer.callback.errors import DialerError
from dialer.routing.agent import BUSY_STATES, CALL_STATES, CHOSEN_STATES, Agent, AgentState, AgentStatus
from dialer.routing.target import Matcher

_log = logging.getLogger(__name__)

Listener = Callable[[Agent, AgentState, AgentState, datetime], None]


class UnknownAgent(DialerError, LookupError):  # noqa: N818 - named like the other refusals of the field
    """No agent has this id."""


class AgentKnown(DialerError, ValueError):  # noqa: N818
    """An agent with this id is already in the pool."""


class StateNotChosen(DialerError, ValueError):  # noqa: N818
    """Only READY, NOT_READY and LOGGED_OUT can be asked for; the other states are set by calls."""


@dataclass(slots=True)
class _Seat:
    """What the pool remembers of one agent; `idle_rank` orders Ready agents by how long they have been idle."""

    agent: Agent
    state: AgentState
    since: datetime
    reason: str
    idle_rank: int
    wanted: tuple[AgentState, str] | None = None


class AgentPool:
    """Agents by id, each with a state; gives Ready agents longest idle first."""

    def __init__(self) -> None:
        self._seats: dict[str, _Seat] = {}
        self._ready: dict[str, _Seat] = {}  # of these the Ready ones: asked for at every change, and few when busy
        self._listeners: list[Listener] = []
        self._ranks = itertools.count()
        self._pending: deque[tuple[Agent, AgentState, AgentState, datetime]] = deque()
        self._telling = False

    def add(self, agent: Agent, now: datetime) -> None:
        """Adds an agent, logged out.

        Raises AgentKnown: when the id is taken.
        """
        if agent.id in self._seats:
            raise AgentKnown(f"agent {agent.id!r} is already in the pool")
        self._seats[agent.id] = _Seat(agent, AgentState.LOGGED_OUT, now, "", next(self._ranks))

    def replace(self, agent: Agent, now: datetime) -> None:
        """Gives a known agent new details (skills, groups, address); its state stays.

        Raises UnknownAgent: when there is none with this id.
        """
        seat = self._seat(agent.id)
        seat.agent = agent
        self._tell(agent, seat.state, seat.state, now)  # new skills may fit a waiting request

    def remove(self, agent_id: str, now: datetime) -> None:
        """Logs the agent out and forgets it; a call it has goes on.

        Raises UnknownAgent: when there is none with this id.
        """
        self.set_state(agent_id, AgentState.LOGGED_OUT, now, "removed")
        del self._seats[agent_id]

    def get(self, agent_id: str) -> Agent:
        """The agent with this id.

        Raises UnknownAgent: when there is none.
        """
        return self._seat(agent_id).agent

    def status(self, agent_id: str) -> AgentStatus:
        """The agent with its state.

        Raises UnknownAgent: when there is none with this id.
        """
        seat = self._seat(agent_id)
        return AgentStatus(seat.agent, seat.state, seat.since, seat.reason)

    def state(self, agent_id: str) -> AgentState:
        """The agent's state.

        Raises UnknownAgent: when there is none with this id.
        """
        return self._seat(agent_id).state

    def is_in(self, agent_id: str, states: frozenset[AgentState]) -> bool:
        """Whether the agent is in the pool and in one of these states."""
        seat = self._seats.get(agent_id)
        return seat is not None and seat.state in states

    def all(self) -> list[AgentStatus]:
        """Every agent with its state, in the order they were added."""
        return [AgentStatus(seat.agent, seat.state, seat.since, seat.reason) for seat in self._seats.values()]

    def set_state(self, agent_id: str, state: AgentState, now: datetime, reason: str = "") -> None:
        """Sets a state at once. Calls set the busy states with it; a person's wish goes through `request_state`.

        Setting the state an agent already has changes only the reason. An agent that was reserved and never rung keeps
        its place in the idle order; any other way to READY puts it at the end.

        Raises UnknownAgent: when there is none with this id.
        """
        seat = self._seat(agent_id)
        old, seat.reason = seat.state, reason
        if state == old:
            return
        if state == AgentState.READY and old != AgentState.RESERVED:
            seat.idle_rank = next(self._ranks)
        if state not in BUSY_STATES:
            seat.wanted = None
        seat.state, seat.since = state, now
        if state == AgentState.READY:
            self._ready[agent_id] = seat
        elif old == AgentState.READY:
            del self._ready[agent_id]
        self._tell(seat.agent, old, state, now)

    def request_state(self, agent_id: str, state: AgentState, now: datetime, reason: str = "") -> bool:
        """Sets the state a person asks for; while the agent has a call it is kept for the end of that call.

        Wrap-up ends with it.

        Returns:
            True if it was set now, False if it waits for the end of the call.

        Raises UnknownAgent: when there is none with this id.
        Raises StateNotChosen: for a state that only calls set.
        """
        if state not in CHOSEN_STATES:
            raise StateNotChosen(f"{state} cannot be asked for, only READY, NOT_READY and LOGGED_OUT")
        seat = self._seat(agent_id)
        if seat.state in CALL_STATES:
            seat.wanted = (state, reason)
            return False
        self.set_state(agent_id, state, now, reason)
        return True

    def free(self, agent_id: str, now: datetime, state: AgentState = AgentState.READY) -> None:
        """Ends an agent's part in a call: sets what was asked for meanwhile, else `state`.

        An agent that is gone or no longer busy is left as it is.
        """
        seat = self._seats.get(agent_id)
        if seat is None or seat.state not in BUSY_STATES:
            return
        if seat.wanted is not None and state not in BUSY_STATES:
            self.set_state(agent_id, seat.wanted[0], now, seat.wanted[1])
        else:
            self.set_state(agent_id, state, now)

    def end_wrap_up(self, agent_id: str, now: datetime, state: AgentState = AgentState.READY) -> None:
        """Ends wrap-up as `free` does; an agent in any other state is left as it is."""
        if self.is_in(agent_id, frozenset({AgentState.WRAP_UP})):
            self.free(agent_id, now, state)

    def ready(self) -> list[Agent]:
        """All Ready agents, longest idle first."""
        return [seat.agent for seat in sorted(self._ready.values(), key=_idle_rank)]

    def ready_matching(self, target: Matcher) -> list[Agent]:
        """Ready agents that `target` takes, longest idle first."""
        return [agent for agent in self.ready() if target.matches(agent)]

    def logged_in_matching(self, target: Matcher) -> list[Agent]:
        """Agents that `target` takes and that are not logged out."""
        return [s.agent for s in self._seats.values() if s.state != AgentState.LOGGED_OUT and target.matches(s.agent)]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener(agent, old_state, new_state, now)` on every change; the returned function ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _seat(self, agent_id: str) -> _Seat:
        seat = self._seats.get(agent_id)
        if seat is None:
            raise UnknownAgent(f"no agent has the id {agent_id!r}")
        return seat

    def _tell(self, agent: Agent, old: AgentState, new: AgentState, now: datetime) -> None:
        """Queues a change and, unless a change is being told already, tells all queued ones in order."""
        self._pending.append((agent, old, new, now))
        if self._telling:
            return
        self._telling = True
        try:
            while self._pending:
                change = self._pending.popleft()
                for listener in tuple(self._listeners):
                    self._tell_one(listener, change)
        finally:
            self._telling = False

    @staticmethod
    def _tell_one(listener: Listener, change: tuple[Agent, AgentState, AgentState, datetime]) -> None:
        try:
            listener(*change)
        except Exception:  # noqa: BLE001 - a listener's fault must not undo a state nor keep it from the others
            _log.exception("a listener of agent %s failed", change[0].id)


def _idle_rank(seat: _Seat) -> int:
    return seat.idle_rank
