"""Gives Ready agents to waiting requests: effective priority first, then who waits longest; longest idle agent first.

In memory, no I/O; time is passed in. One event loop owns a router. Between any two calls these hold:
no Ready agent idles while a request that it fits waits; no agent is given to two requests.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.routing.ageing import NO_AGEING, AgedQueue, Ageing, effective_priority
from dialer.routing.agent import BUSY_STATES, Agent, AgentState
from dialer.routing.pool import AgentPool
from dialer.routing.statistic import Statistics, Waiting
from dialer.routing.target import Statistic, Target, TargetWalk
from dialer.routing.walks import Walks

READY = frozenset({AgentState.READY})
RESERVED = frozenset({AgentState.RESERVED})
IN_CALL = frozenset({AgentState.RINGING, AgentState.TALKING})
OnReserved = Callable[[Agent], None]


@dataclass(eq=False, slots=True)
class Request:
    """One callback's wish for an agent.

    Attributes:
        key: the callback's id.
        walk: the way through its target list.
        priority: at the beginning; higher is served first.
        queued_at: then the longest waiting one.
        exclude: ids of agents it must not get.
        on_reserved: called with the agent, once.
        order: of asking; decides between equal times.
        ageing: how its priority rises.
        on_expired: called with the agent when the reservation has timed out.
        release_delay_s: an agent who was rung for it stays in wrap-up so long before it is free.
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
    ageing: Ageing = NO_AGEING
    on_expired: OnReserved | None = None
    release_delay_s: float = 0.0
    agent: Agent | None = None
    cancelled: bool = False

    def fits(self, agent: Agent) -> bool:
        """Whether it may be given this agent now."""
        return agent.id not in self.exclude and self.walk.matches(agent)

    def rank_at(self, now: datetime) -> tuple[int, datetime, int]:
        """Its place among all at `now`; the lowest is served first."""
        return (-effective_priority(self.priority, self.ageing, self.queued_at, now), self.queued_at, self.order)


class Router:
    """Reserves agents for requests. A reservation is told by `on_reserved` before the call that caused it returns.

    Attributes:
        statistics: what target lists may check; other rooms add their queues to it.
        walks: the ways of callbacks through their target lists.
        alarm: called with a number of seconds after which `advance` should be called; None: once a second will do.
    """

    def __init__(self, pool: AgentPool) -> None:
        self._pool = pool
        self._queue: AgedQueue[Request] = AgedQueue()
        self._held: dict[str, Request] = {}  # agent id -> request it was given to
        self._orders = itertools.count()
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._now: datetime | None = None
        self.statistics = Statistics(pool)
        self.statistics.add_queue(self._waiting_targets)
        self.walks = Walks(self.statistics)
        self.alarm: Callable[[float], object] | None = None
        pool.subscribe(self._on_change)

    @property
    def waiting(self) -> tuple[Request, ...]:
        """Requests without an agent, next to be served first."""
        return tuple(self._queue.in_order(self._now)) if self._now is not None else ()

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
        ageing: Ageing = NO_AGEING,
        reserve_timeout_s: float | None = None,
        on_expired: OnReserved | None = None,
        release_delay_s: float = 0.0,
    ) -> Request:
        """Asks for an agent; reserves the longest idle Ready one that fits at once, else waits.

        Args:
            key: the callback's id.
            target: what it wants; a `TargetWalk` goes on from where it is, a `Target` starts now.
            priority: at the beginning; higher is served first.
            queued_at: orders requests of one priority, and says for how long the priority has risen.
            now: the present, aware UTC.
            exclude: ids of agents that must not get it, e.g. because they did not answer it before.
            on_reserved: called with the agent, once, in this or a later call.
            ageing: how the priority rises.
            reserve_timeout_s: an agent who is still RESERVED so long after (neither rung nor shown a preview) is taken
                back and free for the next one; None: whoever asked ends the reservation.
            on_expired: called with that agent when this happens.
            release_delay_s: an agent who was rung stays in wrap-up so long after (`agent_release_delay_ms`).
        """
        walk = target if isinstance(target, TargetWalk) else TargetWalk(target, now, self.statistic_at(now))
        request = Request(key, walk, priority, queued_at, frozenset(exclude), on_reserved, next(self._orders), ageing)
        request.on_expired, request.release_delay_s = on_expired, release_delay_s
        self._now = now
        self._insert(request)
        if reserve_timeout_s is not None:
            request.on_reserved = self._timed(request, reserve_timeout_s)
        self._serve(request, now)
        return request

    def cancel(self, request: Request, now: datetime) -> None:
        """Takes a wish back: it waits no longer, and an agent reserved for it is free for the next one at once."""
        request.cancelled = True
        self._queue.remove(request)
        if request.agent is not None:
            self.release(request.agent.id, now, key=request.key)

    def release(
        self,
        agent_id: str,
        now: datetime,
        state: AgentState = AgentState.READY,
        *,
        key: str | None = None,
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
        if held.release_delay_s > 0 and self._pool.is_in(agent_id, IN_CALL) and state not in BUSY_STATES:
            self._release_later(held, agent_id, now, state)
            return
        del self._held[agent_id]
        self._pool.free(agent_id, now, state)

    def advance(self, now: datetime) -> None:
        """Walks on the target lists of waiting requests and ends what has timed out; call it at least once a second."""
        self._now = now
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2](now)
        statistic = self.statistic_at(now)
        for request in [r for r in self._queue.in_order(now) if r.walk.switch_at is not None]:
            if request.walk.advance(now, statistic) and request in self._queue:
                self._serve(request, now)

    def statistic_at(self, now: datetime) -> Statistic:
        """Reads the statistics of options.md §4 as they are at `now`."""
        return self.statistics.at(now)

    def _waiting_targets(self) -> Waiting:
        return [(request.walk.target, request.queued_at) for request in self._queue.items()]

    def _insert(self, request: Request) -> None:
        tie = f"{request.order:016d}"
        self._queue.add(request, request, request.priority, request.queued_at, tie, request.ageing)

    # --- what is due later ---

    def _at(self, when: datetime, now: datetime, step: Callable[[datetime], None]) -> None:
        heapq.heappush(self._due, (when, next(self._orders), step))
        if self.alarm is not None:
            self.alarm((when - now).total_seconds())

    def _release_later(self, held: Request, agent_id: str, now: datetime, state: AgentState) -> None:
        """Wrap-up first; whoever ends it earlier (the agent, a supervisor) has ended the delay too."""

        def end(at: datetime) -> None:
            if self._held.get(agent_id) is held:
                del self._held[agent_id]
                self._pool.end_wrap_up(agent_id, at, state)

        self._pool.set_state(agent_id, AgentState.WRAP_UP, now)
        self._at(now + timedelta(seconds=held.release_delay_s), now, end)

    def _timed(self, request: Request, timeout_s: float) -> OnReserved:
        """`on_reserved`, with the end of the reservation set at the moment it begins."""
        tell = request.on_reserved

        def reserved(agent: Agent) -> None:
            assert self._now is not None

            def expire(at: datetime) -> None:
                if self._held.get(agent.id) is request and self._pool.is_in(agent.id, RESERVED):
                    request.agent = None
                    self.release(agent.id, at)
                    if request.on_expired is not None:
                        request.on_expired(agent)

            self._at(self._now + timedelta(seconds=timeout_s), self._now, expire)
            tell(agent)

        return reserved

    # --- giving ---

    def _on_change(self, agent: Agent, _old: AgentState, new: AgentState, now: datetime) -> None:
        self._now = now
        if not self._pool.is_in(agent.id, BUSY_STATES):  # as it is now: `new` may be overtaken already
            self._held.pop(agent.id, None)  # whoever freed it, the reservation is over
        if new == AgentState.READY:
            self._offer(agent.id, now)

    def _offer(self, agent_id: str, now: datetime) -> None:
        """Gives a Ready agent to the best request that it fits."""
        if not self._pool.is_in(agent_id, READY):
            return  # an earlier listener or change has taken it
        agent = self._pool.get(agent_id)
        for request in self._queue.in_order(now):
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
        self._queue.remove(request)
        self._held[agent.id] = request
        request.agent = agent
        self._pool.set_state(agent.id, AgentState.RESERVED, now, request.key)
        try:
            request.on_reserved(agent)
        except BaseException:  # whoever asked cannot take the agent: the next one gets it, and the fault is told
            self.cancel(request, now)
            raise
