"""The waiting times of all queues of a node: one estimator for each service, fed by what happens to its callbacks.

A callback's changes are told by `moved`, in the order of time; agents come from the pool. In memory, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.routing.ageing import Ageing
from dialer.routing.agent import Agent, AgentState
from dialer.routing.ewt import Estimate, EwtMode, WaitEstimator
from dialer.routing.grammar import TargetError, parse_target
from dialer.routing.pool import AgentPool
from dialer.routing.target import Single, Target
from dialer.routing.watermark import near_enough

WITHOUT_AGENT: Final = frozenset({Phase.DIALING, Phase.AGENT_WAIT})
"""Phases in which a callback has left the queue and will need one of the Ready agents."""


@dataclass(slots=True)
class _Queue:
    """One service's queue, as its estimator knows it."""

    options: ServiceOptions
    target: Target
    estimator: WaitEstimator
    waiting: set[str] = field(default_factory=set)
    slots: dict[str, datetime] = field(default_factory=dict)  # callback id -> when it was given out
    claims: set[str] = field(default_factory=set)  # of these, those without an agent
    thresholds: tuple[tuple[float, int], ...] = ()
    crew: dict[str, bool] = field(default_factory=dict)  # ids of agents logged in who match: whether they are Ready
    matches: dict[str, bool] = field(default_factory=dict)  # of every agent met so far

    def meet(self, agent: Agent, state: AgentState) -> bool:
        """Takes an agent's state in; True when the crew has changed by it."""
        matches = self.matches.get(agent.id)
        if matches is None:
            matches = self.matches[agent.id] = self.target.matches(agent)
        before = self.crew.get(agent.id)
        if matches and state is not AgentState.LOGGED_OUT:
            self.crew[agent.id] = state is AgentState.READY
        else:
            self.crew.pop(agent.id, None)
        return before != self.crew.get(agent.id)

    @property
    def agents(self) -> tuple[int, int]:
        """Matching agents nobody has a claim on, and those logged in."""
        return max(0, sum(self.crew.values()) - len(self.claims)), len(self.crew)


class WaitBook:
    """Estimates by service and by callback.

    Args:
        pool: the agents.
        services: the services; those whose target cannot be read have no estimate.
    """

    def __init__(self, pool: AgentPool, services: Mapping[str, ServiceOptions]) -> None:
        self._pool = pool
        made = {name: _queue(options) for name, options in services.items()}
        self._queues = {name: queue for name, queue in made.items() if queue is not None}
        self._by_virtual_queue = {queue.options.virtual_queue or name: name for name, queue in self._queues.items()}
        self._wrapping: dict[str, tuple[_Queue, str]] = {}  # agent id -> whose slot ends with wrap-up
        for status in pool.all():
            for queue in self._queues.values():
                queue.meet(status.agent, status.state)
        pool.subscribe(self._agent_changed)

    # --- events ---

    def moved(self, callback: Callback, now: datetime) -> None:
        """A callback was claimed by this node, or made a transition."""
        queue = self._queues.get(callback.service)
        if queue is None:
            return
        given_out = callback.phase is Phase.DIALING or callback.state in {State.ROUTING, State.PROCESSING}
        if callback.state is State.QUEUED and callback.phase is Phase.WAITING:
            self._end_slot(queue, callback, now)
            if callback.id not in queue.waiting:
                queue.waiting.add(callback.id)
                queue.estimator.arrived(callback.id, callback.priority, now, callback.queued_at or now)
        elif callback.id in queue.waiting:
            queue.waiting.discard(callback.id)
            queue.estimator.left(callback.id, now, served=given_out)
            if given_out:
                queue.slots[callback.id] = now
        self._follow_slot(queue, callback, now, given_out=given_out)
        self._tell_agents(queue, now)

    def lost(self, callback_id: str, now: datetime) -> None:
        """A callback is no longer this node's."""
        for queue in self._queues.values():
            if callback_id in queue.waiting:
                queue.waiting.discard(callback_id)
                queue.estimator.left(callback_id, now, served=False)
            self._forget_slot(queue, callback_id, now)

    def look(self, now: datetime) -> None:
        """Lets time pass where nothing happens; call it about once a second."""
        for queue in self._queues.values():
            self._tell_agents(queue, now)

    # --- asking ---

    def of_callback(self, callback: Callback, now: datetime) -> Estimate | None:
        """The estimate for one who waits; None when it does not stand in a queue of this node."""
        queue = self._queues.get(callback.service)
        if queue is None or callback.id not in queue.waiting:
            return None
        return queue.estimator.estimate(callback.id, *queue.agents, now)

    def of_queue(self, name: str, now: datetime) -> Estimate | None:
        """The estimate for somebody who enters a queue now; None for an unknown one.

        Args:
            name: of a service or of its virtual queue. `ewt_queue` of a service sends the question on to another queue.
            now: aware UTC.
        """
        queue = self._named(name)
        if queue is not None and queue.options.ewt_queue:
            queue = self._named(queue.options.ewt_queue) or queue
        if queue is None:
            return None
        position = queue.estimator.position_of_new(queue.options.priority, now)
        return queue.estimator.estimate(position, *queue.agents, now)

    def waiting_in(self, name: str) -> int:
        """How many wait in a queue; 0 for an unknown one."""
        queue = self._named(name)
        return 0 if queue is None else queue.estimator.waiting

    def agents_of(self, name: str) -> tuple[int, int] | None:
        """Agents of a queue whom nobody has a claim on, and those logged in; None for an unknown one."""
        queue = self._named(name)
        return None if queue is None else queue.agents

    def may_begin(self, callback: Callback, now: datetime) -> bool:
        """Whether an agent is Ready for a waiting callback and it stands near enough to be dialled."""
        queue, estimate = self._queues.get(callback.service), self.of_callback(callback, now)
        if queue is None or estimate is None:
            return False
        return estimate.position <= queue.agents[0] and self.near_enough(callback, now)

    def near_enough(self, callback: Callback, now: datetime) -> bool:
        """Whether a waiting callback may be dialled by its position (`eta_pos_threshold`; not with ursdial)."""
        queue = self._queues.get(callback.service)
        if queue is None or queue.estimator.mode is EwtMode.URSDIAL:
            return True
        estimate = self.of_callback(callback, now)
        return estimate is None or near_enough(estimate.position, estimate.seconds, queue.thresholds)

    def lead_s(self, options: ServiceOptions, now: datetime) -> float:
        """How long before its desired time a callback is submitted, s: an estimated wait, else `submit_lead`.

        `queue_time_stat` wins over `ewt_service`, and both over `submit_lead` (options.md §2.3, records.md T10).
        """
        for name in (queue_of_statistic(options.queue_time_stat), options.ewt_service):
            estimate = self.of_queue(name, now) if name else None
            if estimate is not None and estimate.seconds is not None:
                return estimate.seconds
        return options.submit_lead

    def expected_wait(self, target: Single, now: datetime) -> float | None:
        """`RStatExpectedWaitTime`: the shortest wait of the queues that want this target; None when none is known."""
        waits = [
            estimate.seconds
            for name, queue in self._queues.items()
            if any(item.target == target for item in queue.target.items)
            and (estimate := self.of_queue(name, now)) is not None
            and estimate.seconds is not None
        ]
        return min(waits, default=None)

    # --- keeping ---

    def _named(self, name: str) -> _Queue | None:
        return self._queues.get(name) or self._queues.get(self._by_virtual_queue.get(name, ""))

    def _follow_slot(self, queue: _Queue, callback: Callback, now: datetime, *, given_out: bool) -> None:
        """Keeps who is given out: without an agent, with one, and no longer."""
        if callback.id not in queue.slots:
            return
        if not given_out:
            self._end_slot(queue, callback, now)
        elif callback.phase in WITHOUT_AGENT:
            if callback.phase is Phase.AGENT_WAIT and callback.id in queue.claims:
                queue.estimator.dialled((now - queue.slots[callback.id]).total_seconds())
            queue.claims.add(callback.id)
        else:
            queue.claims.discard(callback.id)

    def _end_slot(self, queue: _Queue, callback: Callback, now: datetime) -> None:
        """The slot is free at once, or when the agent's wrap-up ends."""
        agent_id = callback.agent_id or ""
        if callback.id in queue.slots and self._pool.is_in(agent_id, frozenset({AgentState.WRAP_UP})):
            queue.claims.discard(callback.id)
            self._wrapping[agent_id] = (queue, callback.id)
        else:
            self._forget_slot(queue, callback.id, now)

    @staticmethod
    def _tell_agents(queue: _Queue, now: datetime) -> None:
        queue.estimator.agents(*queue.agents, now)

    @staticmethod
    def _forget_slot(queue: _Queue, callback_id: str, now: datetime) -> None:
        queue.claims.discard(callback_id)
        if queue.slots.pop(callback_id, None) is not None:
            queue.estimator.freed(callback_id, now)

    def _agent_changed(self, agent: Agent, old: AgentState, new: AgentState, now: datetime) -> None:
        for queue in self._queues.values():
            if old is new or old is AgentState.LOGGED_OUT:  # skills or groups may be others now
                queue.matches.pop(agent.id, None)
            if queue.meet(agent, new):
                self._tell_agents(queue, now)
        if new is not AgentState.WRAP_UP and agent.id in self._wrapping:
            queue, callback_id = self._wrapping.pop(agent.id)
            self._forget_slot(queue, callback_id, now)


def _queue(options: ServiceOptions) -> _Queue | None:
    """None when each request brings its own target, so that nobody can say which agents serve the queue."""
    try:
        target = parse_target(options.target)
    except TargetError:
        return None
    return _Queue(
        options,
        target,
        WaitEstimator(options.ewt_method, Ageing.of(options)),
        thresholds=options.eta_positions(),
    )


def queue_of_statistic(text: str) -> str:
    """The queue named in `queue_time_stat`, as in `ExpectedWaitTime;Queue;NAME@Switch;Group`; "" for other texts."""
    statistic, _, rest = text.partition(";")
    if not statistic.strip().endswith("ExpectedWaitTime"):
        return ""
    return rest.partition(";")[2].partition(";")[0].partition("@")[0].strip()
