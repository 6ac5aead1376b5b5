"""Gives Ready agents to waiting requests: priority first, then who waits longest; the longest idle agent first.

In memory, no I/O; time is passed in. One event loop owns a router. Between any two calls these hold:
no Ready agent idles while a request that it fits waits; no agent is given to two requests.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from dialer.routing.agent import BUSY_STATES, Agent, AgentState
from dialer.routing.pool import AgentPool
from dialer.routing.target import Matcher, Single, Target, TargetWalk

READY = frozenset({AgentState.READY})
OnReserved = Callable[[Agent], None]


@dataclass(eq=False, slots=True)
class Request:
    """One callback's wish for an agent.

    Attributes:
        key: the callback's id.
        walk: the way through its target list.
        priority: higher is served first.
        queued_at: then the longest waiting one.
        exclude: ids of agents it must not get.
        agent: the agent reserved for it, once there is one.
        cancelled: it no longer wants one.
    """

    key: str
    walk: TargetWalk
    priority: int
    queued_at: datetime
    exclude: frozenset[str]
    on_reserved: OnReserved
    order: int
    agent: Agent | None = None
    cancelled: bool = False
    rank: tuple[int, datetime, int] = field(init=False)

    def __post_init__(self) -> None:
        self.rank = (-self.priority, self.queued_at, self.order)

    def fits(self, agent: Agent) -> bool:
        """Whether it may be given this agent now."""
        return agent.id not in self.exclude and self.walk.matches(agent)


class Router:
    """Reserves agents for requests. A reservation is told by `on_reserved` before the call that caused it returns."""

    def __init__(self, pool: AgentPool) -> None:
        self._pool = pool
        self._waiting: list[Request] = []  # by rank
        self._held: dict[str, Request] = {}  # agent id -> request it was given to
        self._orders = itertools.count()
        pool.subscribe(self._on_change)

    @property
    def waiting(self) -> tuple[Request, ...]:
        """Requests without an agent, next to be served first."""
        return tuple(self._waiting)

    def holder(self, agent_id: str) -> Request | None:
        """The request this agent was given to, None when it is free."""
        return self._held.get(agent_id)

    def request(
        self,
        key: str,
        target: Target | TargetWalk,
        priority: int,
        queued_at: datetime,
        now: datetime,
        exclude: Collection[str] = frozenset(),
        *,
        on_reserved: OnReserved,
    ) -> Request:
        """Asks for an agent; reserves the longest idle Ready one that fits at once, else waits.

        Args:
            key: the callback's id.
            target: what it wants; a `TargetWalk` goes on from where it is, a `Target` starts now.
            priority: higher is served first.
            queued_at: orders requests of one priority.
            now: the present, aware UTC.
            exclude: ids of agents that must not get it, e.g. because they did not answer it before.
            on_reserved: called with the agent, once, in this or a later call.
        """
        walk = target if isinstance(target, TargetWalk) else TargetWalk(target, now, self.statistic_at(now))
        request = Request(key, walk, priority, queued_at, frozenset(exclude), on_reserved, next(self._orders))
        self._insert(request)
        self._serve(request, now)
        return request

    def cancel(self, request: Request, now: datetime) -> None:
        """Takes a wish back: it waits no longer, and an agent reserved for it is free for the next one at once."""
        request.cancelled = True
        if request in self._waiting:
            self._waiting.remove(request)
        if request.agent is not None:
            self.release(request.agent.id, now, key=request.key)

    def release(
        self, agent_id: str, now: datetime, state: AgentState = AgentState.READY, *, key: str | None = None
    ) -> None:
        """Ends an agent's part in a callback. Released twice, gone or logged out meanwhile: nothing happens.

        Args:
            agent_id: the agent.
            now: the present, aware UTC.
            state: what the agent does next, unless it asked for something else during the call.
            key: the callback that lets it go; if given and the agent is held by another one, nothing happens.
        """
        held = self._held.get(agent_id)
        if held is None or (key is not None and held.key != key):
            return
        del self._held[agent_id]
        self._pool.free(agent_id, now, state)

    def set_priority(self, request: Request, priority: int) -> None:
        """Moves a waiting request to its place under the new priority."""
        waiting = request in self._waiting
        if waiting:
            self._waiting.remove(request)
        request.priority = priority
        request.rank = (-priority, request.queued_at, request.order)
        if waiting:
            self._insert(request)

    def advance(self, now: datetime) -> None:
        """Walks on the target lists of waiting requests; call it at least once per second."""
        statistic = self.statistic_at(now)
        for request in [r for r in self._waiting if r.walk.switch_at is not None]:
            if request.walk.advance(now, statistic):
                self._serve(request, now)

    def dial_allowance(self, service: str, target: Matcher, dialing: int, waiting: int) -> int:  # noqa: ARG002
        """How many more customers of `service` may be dialled now: never more than agents are free for them.

        Args:
            service: whose dials are counted; agents shared with other services are counted in each (options.md §4).
            target: what its callbacks want.
            dialing: dials of the service in flight.
            waiting: its customers on the line without an agent.

        Returns:
            Matching Ready agents less customers waiting less dials in flight, at least 0.
        """
        return max(0, len(self._pool.ready_matching(target)) - waiting - dialing)

    def statistic_at(self, now: datetime) -> Callable[[str, Single], float | None]:
        """Reads the statistics of options.md §4 that routing itself knows; `RStatExpectedWaitTime` is not one."""

        def statistic(name: str, target: Single) -> float | None:
            if name in {"RStatAgentsReady", "RStatAgentsReadyvoice"}:
                return float(len(self._pool.ready_matching(target)))
            if name == "RStatAgentsTotal":
                return float(len(self._pool.logged_in_matching(target)))
            queue = [r.queued_at for r in self._waiting if target in [item.target for item in r.walk.target.items]]
            if name == "RStatCallsInQueue":
                return float(len(queue))
            if name == "RStatOldestCall":
                return (now - min(queue)).total_seconds() if queue else 0.0
            return None

        return statistic

    def _insert(self, request: Request) -> None:
        bisect.insort(self._waiting, request, key=lambda r: r.rank)

    def _on_change(self, agent: Agent, _old: AgentState, new: AgentState, now: datetime) -> None:
        if not self._pool.is_in(agent.id, BUSY_STATES):  # as it is now: `new` may be overtaken already
            self._held.pop(agent.id, None)  # whoever freed it, the reservation is over
        if new == AgentState.READY:
            self._offer(agent.id, now)

    def _offer(self, agent_id: str, now: datetime) -> None:
        """Gives a Ready agent to the best request that it fits."""
        if not self._pool.is_in(agent_id, READY):
            return  # an earlier listener or change has taken it
        agent = self._pool.get(agent_id)
        for request in self._waiting:
            if request.fits(agent):
                self._reserve(request, agent, now)
                return

    def _serve(self, request: Request, now: datetime) -> None:
        """Gives a waiting request the longest idle Ready agent that fits it."""
        for agent in self._pool.ready_matching(request.walk):
            if request.fits(agent):
                self._reserve(request, agent, now)
                return

    def _reserve(self, request: Request, agent: Agent, now: datetime) -> None:
        self._waiting.remove(request)
        self._held[agent.id] = request
        request.agent = agent
        self._pool.set_state(agent.id, AgentState.RESERVED, now, request.key)
        try:
            request.on_reserved(agent)
        except BaseException:  # whoever asked cannot take the agent: the next one gets it, and the fault is told
            self.cancel(request, now)
            raise
