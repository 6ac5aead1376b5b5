"""The waiting-time estimate of each service, fed with what happens, and the plain mean of waits beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from dialer.callback.record import Callback
from dialer.routing import Agent, AgentPool, AgentState, Estimate, EwtMode, WaitEstimator
from dialer.routing.watermark import near_enough
from dialer.simulate.case import Case, Service

_COUNTED: Final = frozenset({AgentState.READY, AgentState.LOGGED_OUT})
"""Between other states an agent is neither free nor gone."""


class Forecast:
    """One service's `WaitEstimator`, told of every event, in the order of time."""

    def __init__(self, service: Service, pool: AgentPool) -> None:
        self._estimator = WaitEstimator(service.options.ewt_method, service.ageing)
        self._target, self._thresholds = service.target, service.options.eta_positions()
        self._matches: dict[str, bool] = {}
        self._ready = self._total = self._dialling = 0
        self._served, self._waited_s = 0, 0.0
        self._told = (0, 0)
        pool.subscribe(self._on_agent)

    def came_back(self, case: Case, now: datetime) -> None:
        """The callback stands in line again, after a dial that reached nobody."""
        self._estimator.arrived(case.callback.id, case.callback.priority, now, case.callback.queued_at)

    def queued(self, case: Case, now: datetime) -> Estimate:
        """The callback stands in line; says how long it will."""
        callback = case.callback
        self._estimator.arrived(callback.id, callback.priority, now)
        return self._estimator.estimate(callback.id, max(0, self._ready - self._dialling), self._total, now)

    def near_enough(self, callback: Callback, now: datetime) -> bool:
        """Whether it may be dialled by its position (`eta_pos_threshold`; not with ursdial)."""
        if self._estimator.mode is EwtMode.URSDIAL:
            return True
        estimate = self._estimator.estimate(callback.id, max(0, self._ready - self._dialling), self._total, now)
        return near_enough(estimate.position, estimate.seconds, self._thresholds)

    @property
    def mean_wait_s(self) -> float | None:
        """The plain mean of all waits so far, which the estimate has to beat; None before the first."""
        return self._waited_s / self._served if self._served else None

    def given_out(self, case: Case, now: datetime, waited_s: float) -> None:
        """The callback is dialled."""
        self._dialling += 1
        self._estimator.left(case.callback.id, now)
        if case.dials == 1:
            self._served += 1
            self._waited_s += waited_s

    def gone(self, case: Case, now: datetime) -> None:
        """The callback left the line without being dialled."""
        self._estimator.left(case.callback.id, now, served=False)

    def dial_over(self, now: datetime, reached_after_s: float | None) -> None:
        """A dial has ended, or reached somebody after so many seconds."""
        self._dialling -= 1
        if reached_after_s is not None:
            self._estimator.dialled(reached_after_s)
        self._tell_agents(now)

    def freed(self, case: Case, now: datetime) -> None:
        """What the callback took of the agents' time is over."""
        self._estimator.freed(case.callback.id, now)

    def _on_agent(self, agent: Agent, old: AgentState, new: AgentState, now: datetime) -> None:
        if old not in _COUNTED and new not in _COUNTED:
            return
        matches = self._matches.get(agent.id)
        if matches is None:
            matches = self._matches[agent.id] = self._target.matches(agent)
        if not matches or old == new:
            return
        self._ready += (new == AgentState.READY) - (old == AgentState.READY)
        self._total += (old == AgentState.LOGGED_OUT) - (new == AgentState.LOGGED_OUT)
        self._tell_agents(now)

    def _tell_agents(self, now: datetime) -> None:
        agents = (max(0, self._ready - self._dialling), self._total)
        if agents != self._told:
            self._told = agents
            self._estimator.agents(*agents, now)
