"""Which waiting callbacks may be dialled: never more than agents are Ready for them, but for who waited too long.

Source: options.md §4, "Execution, customer first"; checklist E-07.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from dialer.callback.call_result import CallResult
from dialer.callback.option_text import parse_dial_window
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.retry import DialWindow
from dialer.config import DialerConfig
from dialer.node.line import Line
from dialer.routing import AgentPool, Target, parse_target


class Release:
    """Decides by the agents' states; keeps parsed targets."""

    def __init__(self, pool: AgentPool, config: DialerConfig) -> None:
        self._pool = pool
        self._config = config
        self._targets: dict[str, Target] = {}
        self._windows: dict[str, DialWindow | None] = {}

    def releasable(self, line: Line, in_flight: Counter[str], now: datetime) -> Iterator[Callback]:
        """Callbacks that may be dialled now, first in line first.

        A callback counts as in flight as soon as it is given out. Dials in flight for other targets are counted where
        they could take the same agents, so two services that share agents never dial for the same one.

        Args:
            line: who waits.
            in_flight: dials that have no agent yet, by target; raised here for every callback given out.
            now: aware; decides by the dial window and by how long somebody has waited.
        """
        blocked: set[str] = set()
        for callback in line:
            service = self._config.services[callback.service]
            if service.paused or not self._in_window(callback, service.do_not_call_window, now):
                continue
            if not has_waited_enough(callback, service, now):
                if callback.target in blocked:
                    continue
                if self._allowance(callback.target, in_flight) <= 0:
                    blocked.add(callback.target)
                    continue
            in_flight[callback.target] += 1
            yield callback

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

    def _allowance(self, text: str, in_flight: Counter[str]) -> int:
        ready = self._pool.ready_matching(self.target(text))
        rivals = sum(
            count
            for other, count in in_flight.items()
            if count and (other == text or any(self.target(other).matches(agent) for agent in ready))
        )
        return len(ready) - rivals


def has_waited_enough(callback: Callback, service: ServiceOptions, now: datetime) -> bool:
    """Whether a callback is dialled though no agent is Ready (`max_queue_wait`, 0 = never)."""
    limit = float(callback.props.get("max_queue_wait", service.max_queue_wait))
    return limit > 0 and (now - (callback.queued_at or callback.created_at)).total_seconds() >= limit
