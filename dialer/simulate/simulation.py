"""Days of a callback service in seconds: requests come, agents work, and the dialer's own rules decide in between.

Discrete events in virtual time; nothing reads a real clock, and all chance comes from one seed, so the same plan gives
the same run to the last digit.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from dialer.callback.options import ServiceOptions
from dialer.callback.record import IMMEDIATE, SCHEDULED, Callback
from dialer.callback.state import State
from dialer.config import DialerConfig
from dialer.node.pace import Pacer
from dialer.node.release import Release
from dialer.routing import Ageing, Agent, AgentPool, AgentState, parse_target
from dialer.simulate.call_flow import CallFlow, leads_to
from dialer.simulate.case import Arrival, Case, Rules, Service
from dialer.simulate.clock import Agenda, VirtualClock
from dialer.simulate.crew import DAY_S, Crew
from dialer.simulate.forecast import Forecast
from dialer.simulate.tally import Tally, TimeSheet
from dialer.simulate.world import World

CLOSED_LOOK_S: Final = 60.0  # while the service is closed and somebody waits, its hours are looked at so often
A_MOMENT_S: Final = 1e-6  # the pace is a float's breadth from letting the next dial out
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
"""Shared by all callbacks: what a simulated customer brings along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated.

    Attributes:
        start: aware, on a full hour.
        services: options by name; each with a target that some agent matches.
        arrivals: requests in the order of time.
        calls_per_second: pace of dials.
        max_sessions: customers dialled or on the line at once.
        rules: hours and places beyond the options.
    """

    start: datetime
    days: float
    world: World
    services: Mapping[str, ServiceOptions]
    agents: Sequence[Agent]
    arrivals: Iterable[Arrival]
    seed: int = 1
    calls_per_second: float = 50.0
    max_sessions: int = 250
    rules: Rules = field(default_factory=Rules)


class Simulation:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.clock = VirtualClock(plan.start)
        self.agenda = Agenda(self.clock)
        self.pool = AgentPool()
        self.tally = Tally(round(plan.days * 24) + 1)
        self._sheet = TimeSheet(self.tally, self.pool, self.clock)
        self.flow = CallFlow(plan.world, plan.seed, self.clock, self.agenda, self.pool, self.tally)
        config = DialerConfig(file=Path("simulation"), services=dict(plan.services))
        self._release = Release(self.pool, config, self.flow.router.walks, self._near_enough)
        self._pacer = Pacer(plan.calls_per_second, 0.0)
        self._services = {name: _service(name, options) for name, options in plan.services.items()}
        self._open: Counter[str] = Counter()
        self._arrivals: Iterator[Arrival] = iter(plan.arrivals)
        self._pace_wakes_s = -1.0
        self._channels_used = False
        self._blocked = False  # whoever joins the line now cannot be dialled either
        self._all_alike = _all_alike(plan.services)
        for name, service in self._services.items():
            self.flow.forecasts[name] = Forecast(service, self.pool)
        self.pool.subscribe(self._on_agent)

    def run(self) -> Tally:
        """Runs to the end of the last day; what is open then stays open."""
        plan = self.plan
        Crew(self.pool, self.clock, self.agenda).hire(plan.agents, plan.world.shifts, plan.days)
        self._next_arrival()
        with _without_collector():
            self.tally.events = self.agenda.run(plan.days * DAY_S, self.dispatch)
        self._sheet.close()
        return self.tally

    def _on_agent(self, _agent: Agent, _old: AgentState, new: AgentState, _now: datetime) -> None:
        if new == AgentState.READY:  # any other state takes an agent away, which lets nobody be dialled
            self.flow.wake()

    # --- requests ---

    def _next_arrival(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is not None:
            self.agenda.at(arrival.at_s, self._arrive, arrival)

    def _arrive(self, arrival: Arrival) -> None:
        self._next_arrival()
        service = self._services[arrival.service]
        desired_s = arrival.at_s if arrival.desired_s is None else max(arrival.at_s, arrival.desired_s)
        desired = self.plan.start + timedelta(seconds=desired_s)
        refusal = self._refusal(service, desired)
        if refusal is not None:
            self.tally.refused[refusal] += 1
            return
        case = self._book(arrival, service, desired_s, desired)
        wait_s = desired_s - service.options.submit_lead - arrival.at_s
        self._all_alike &= arrival.desired_s is None  # a booking may stand in line before it may be dialled
        if arrival.desired_s is not None and wait_s > 0:
            case.position = leads_to("T02", None)
            self.agenda.after(wait_s, self._due, case)
        else:
            case.position = leads_to("T01", None)
            self.flow.queue(case)
        self._plan_ends(case)

    def _refusal(self, service: Service, desired: datetime) -> str | None:
        """Why a request is not accepted; None when it is."""
        options, rules = service.options, self.plan.rules
        if not options.enabled:
            return "service not enabled"
        if not rules.always_open and not rules.open_at(desired):
            return "closed"
        if options.max_open and len(self.flow.cases) >= options.max_open and self._open_of(service) >= options.max_open:
            return f"max_open ({options.max_open}) reached"
        return None if rules.admits(service.name, desired) else "no place left"

    def _open_of(self, service: Service) -> int:
        return sum(case.service is service for case in self.flow.cases.values())

    def _book(self, arrival: Arrival, service: Service, desired_s: float, desired: datetime) -> Case:
        options, now, scheduled = service.options, self.clock.now(), arrival.desired_s is not None
        purge_min = options.callback_purge_time_min
        callback = Callback(
            id=f"{len(self.tally.cases) + 1:08d}",
            service=service.name,
            family=options.family,
            type=SCHEDULED if scheduled else IMMEDIATE,
            state=State.QUEUED,
            customer_number=arrival.number,
            desired_time=desired,
            created_at=now,
            accepted_at=now,
            updated_at=now,
            queued_at=None if scheduled else now,
            deadline_at=desired + timedelta(minutes=purge_min) if purge_min else None,
            target=options.target,
            priority=options.priority if arrival.priority is None else arrival.priority,
            offer=_NOTHING, user_data=_NOTHING, props=_NOTHING, lookup=_NOTHING, access=_NOTHING,
        )  # fmt: skip
        case = Case(callback, service, arrival.at_s, waited_since_s=desired_s)
        self.tally.cases.append(case)
        self.tally.arrived[int(arrival.at_s // 3600)] += 1
        self.flow.cases[callback.id] = case
        return case

    def _plan_ends(self, case: Case) -> None:
        """Ends that come by time, whatever the callback is doing then."""
        if case.callback.deadline_at is not None:
            deadline_s = (case.callback.deadline_at - self.plan.start).total_seconds()
            self.agenda.at(max(deadline_s, self.clock.monotonic()), self.flow.purge, case)
        cancels_after_s = self.flow.people.cancels_after_s
        if cancels_after_s is not None:
            self.agenda.after(cancels_after_s(), self.flow.cancel, case)

    def _due(self, case: Case) -> None:
        """A booking's time has come (T10)."""
        if case.open:
            case.position = leads_to("T10", case.position)
            self.flow.queue(case)

    # --- dialling ---

    def dispatch(self) -> None:
        """Dials whoever may be dialled now, as the node does: by agents, channels and pace."""
        flow = self.flow
        if not (flow.changed or (flow.shifted and not self._blocked) or (flow.session_ended and self._channels_used)):
            return
        flow.changed = flow.shifted = flow.session_ended = self._channels_used = self._blocked = False
        if not len(flow.line) or self._closed():
            return
        now, now_s = self.clock.now(), self.clock.monotonic()
        for callback in self._release.releasable(flow.line, flow.in_flight, now):
            case = flow.cases[callback.id]
            if flow.sessions >= self.plan.max_sessions:
                self._channels_used = True
                flow.hand_back(case)
                return
            if not self._pacer.take(now_s):
                flow.hand_back(case)
                self._wake_at(now_s + self._pacer.wait_s(now_s) + A_MOMENT_S)
                return
            flow.dial(case)
        self._blocked = self._all_alike and len(flow.line) > 0

    def _near_enough(self, callback: Callback, now: datetime) -> bool:
        return self.flow.forecasts[callback.service].near_enough(callback, now)

    def _wake_at(self, at_s: float) -> None:
        """Looks again when the pace allows; one such look is enough."""
        if self._pace_wakes_s <= self.clock.monotonic():
            self._pace_wakes_s = at_s
            self.agenda.at(at_s, self.flow.wake)

    def _closed(self) -> bool:
        """Whether nobody may be dialled for the hour's sake; looks again after a while."""
        rules = self.plan.rules
        if rules.always_open or rules.open_at(self.clock.now()):
            return False
        if self._pace_wakes_s <= self.clock.monotonic():
            self._wake_at(self.clock.monotonic() + CLOSED_LOOK_S)
        return True


@contextmanager
def _without_collector() -> Iterator[None]:
    """No search for cycles meanwhile: all callbacks are kept, so it would go through more and more and find nothing."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _service(name: str, options: ServiceOptions) -> Service:
    target = parse_target(options.target)
    policy = options.retry_policy(single_targets=target.is_single_persons)
    ageing = Ageing(options.priority_increment, options.priority_increment_interval, options.priority_limit)
    return Service(name, options, target, policy, ageing)


def _all_alike(services: Mapping[str, ServiceOptions]) -> bool:
    """Whether all who wait depend on the same agents and nothing else: one in line waits as long as the one before."""
    if len(services) != 1:
        return False
    (options,) = services.values()
    single = len(parse_target(options.target).items) == 1
    return single and not (options.do_not_call_window or options.max_queue_wait or options.ewt_method != "ursdial")
