"""Which waiting callbacks may be dialled: never more than agents are Ready for them, but for who waited too long.

Source: options.md §4, "Execution, customer first"; checklist E-07.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from dialer.callback.call_result import CallResult
from dialer.callback.option_text import parse_dial_window
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.retry import DialWindow
from dialer.config import DialerConfig
from dialer.node.line import Line, queued_at
from dialer.routing import Agent, AgentPool, Single, Statistics, Target, Walks, parse_target

NearEnough = Callable[[Callback, datetime], bool]
"""Whether a callback stands near enough to its queue's front to be dialled (`eta_pos_threshold`)."""


class Release:
    """Decides by the agents' states; keeps parsed targets.

    Args:
        pool: the agents.
        config: the services.
        walks: the callbacks' ways through their target lists, shared with whoever reserves agents for them.
        near_enough: a further condition on the position in the queue.
        paused: whether a service is paused.
    """

    def __init__(
        self,
        pool: AgentPool,
        config: DialerConfig,
        walks: Walks | None = None,
        near_enough: NearEnough = lambda _callback, _now: True,
        paused: Callable[[str, ServiceOptions], bool] = lambda _name, options: options.paused,
    ) -> None:
        self._pool = pool
        self._config = config
        self._walks = Walks(Statistics(pool)) if walks is None else walks
        self._near_enough = near_enough
        self._paused = paused
        self._targets: dict[str, Target] = {}
        self._windows: dict[str, DialWindow | None] = {}
        self._someone_may_outwait = any(
            service.max_queue_wait
            or "max_queue_wait" in service.overridable
            or (service.call_direction == "USERORIGINATED" and not service.wait_for_agent)
            for service in config.services.values()
        )

    def releasable(self, line: Line, in_flight: Counter[str], now: datetime) -> Iterator[Callback]:
        """Callbacks that may be dialled now, first in line first.

        A callback counts as in flight as soon as it is given out. Dials in flight for other targets are counted where
        they could take the same agents, so two services that share agents never dial for the same one. Agents whom
        somebody waits for who is not given out, because dials in flight may need them, are not counted for anybody
        behind: else a stream of callbacks that fit more agents would keep one that fits few waiting for ever.

        Args:
            line: who waits.
            in_flight: dials and customers on the line that have no agent yet, by target; raised here for every
                callback given out.
            now: aware; decides by order, target lists, the dial window and how long somebody has waited.
        """
        supply = _Supply(self._pool, in_flight, self.target)
        if supply.empty and not self._someone_may_outwait:
            return
        statistic = self._walks.statistics.at(now)
        blocked: set[tuple[Single, ...]] = set()
        for callback in line.in_order(now):
            service = self._config.services[callback.service]
            if self._paused(callback.service, service) or is_early(callback, service, now):
                continue
            if not self._in_window(callback, service.do_not_call_window, now):
                continue
            if not self.needs_agent(callback):
                yield callback  # the customer is going to call: nothing is dialled
                continue
            if not has_waited_enough(callback, service, now):
                walk = self._walks.of(callback.id, self.target(callback.target), queued_at(callback), now, statistic)
                if walk.open in blocked or not self._near_enough(callback, now):
                    continue
                if supply.spare(walk.open) <= 0:
                    blocked.add(walk.open)
                    supply.keep_for_who_waits(walk.open)
                    if supply.empty and not self._someone_may_outwait:
                        return  # nobody behind can get an agent: a long line is not walked to its end
                    continue
            in_flight[callback.target] += 1
            yield callback

    def needs_agent(self, callback: Callback) -> bool:
        """Whether an agent must be Ready before it begins: not where the customer calls whenever it suits them."""
        options = self._config.services[callback.service]
        return options.call_direction == "USERTERMINATED" or options.wait_for_agent

    def _in_window(self, callback: Callback, text: str, now: datetime) -> bool:
        """Whether the service may dial at this time of day, so far from the desired time (`do_not_call_window`)."""
        if text not in self._windows:
            self._windows[text] = parse_dial_window(text)
        window = self._windows[text]
        return window is None or (window.open_at(now, UTC) and window.near(now, callback.desired_time))

    def result_after_ttl(self, callback: Callback) -> CallResult:
        """Result of a callback that waited too long for its target (T85)."""
        target = self.target(callback.target)
        return CallResult.AGT_CALLBACK_ERROR if target.is_single_persons else CallResult.GRP_CALLBACK_ERROR

    def target(self, text: str) -> Target:
        """The parsed target."""
        if text not in self._targets:
            self._targets[text] = parse_target(text)
        return self._targets[text]


class _Supply:
    """The Ready agents of one moment, less those whom dials in flight may need."""

    def __init__(self, pool: AgentPool, in_flight: Counter[str], target_of: Callable[[str], Target]) -> None:
        self._ready = pool.ready()
        self._in_flight = in_flight
        self._target_of = target_of
        self._kept: set[str] = set()  # ids of agents for whom somebody ahead waits
        self._matching: dict[tuple[Single, ...], list[Agent]] = {}

    @property
    def empty(self) -> bool:
        """Whether there is nobody for those behind: nobody is Ready, or all are kept for who waits."""
        return len(self._kept) == len(self._ready)

    def spare(self, wanted: tuple[Single, ...]) -> int:
        """Ready agents who match, less dials in flight that may take one of them; not above 0: no dial."""
        free = [agent for agent in self._match(wanted) if agent.id not in self._kept]
        if not free:
            return 0
        rivals = sum(
            count
            for text, count in self._in_flight.items()
            if count and any(self._target_of(text).matches(agent) for agent in free)
        )
        return len(free) - rivals

    def keep_for_who_waits(self, wanted: tuple[Single, ...]) -> None:
        """Somebody waits for these: nobody behind may count on them."""
        self._kept.update(agent.id for agent in self._match(wanted))

    def _match(self, wanted: tuple[Single, ...]) -> list[Agent]:
        if wanted not in self._matching:
            self._matching[wanted] = [agent for agent in self._ready if any(single.matches(agent) for single in wanted)]
        return self._matching[wanted]


def is_early(callback: Callback, service: ServiceOptions, now: datetime) -> bool:
    """Whether a booked time is further away than `connect_threshold`, s: the second look, at dial time."""
    return (callback.desired_time - now).total_seconds() > service.connect_threshold


def has_waited_enough(callback: Callback, service: ServiceOptions, now: datetime) -> bool:
    """Whether a callback is dialled though no agent is Ready (`max_queue_wait`, 0 = never).

    Never where an agent is called first or is waited for (`wait_for_agent`).
    """
    limit = float(callback.props.get("max_queue_wait", service.max_queue_wait))
    if limit <= 0 or service.agent_first or service.wait_for_agent:
        return False
    return (now - queued_at(callback)).total_seconds() >= limit
