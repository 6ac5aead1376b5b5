"""Which waiting callbacks may be dialled: never more than agents are Ready for them.

Source: options.md §4, "Execution, customer first"; checklist E-07.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dialer.callback.call_result import CallResult
from dialer.callback.record import Callback
from dialer.config import DialerConfig
from dialer.node.line import Line
from dialer.routing import AgentPool, Target, parse_target


class Release:
    """Decides by the agents' states; keeps parsed targets."""

    def __init__(self, pool: AgentPool, config: DialerConfig) -> None:
        self._pool = pool
        self._config = config
        self._targets: dict[str, Target] = {}

    def releasable(self, line: Line, in_flight: Counter[str]) -> Iterator[Callback]:
        """Callbacks that may be dialled now, first in line first.

        A callback counts as in flight as soon as it is given out. Dials in flight for other targets are counted where
        they could take the same agents, so two services that share agents never dial for the same one.

        Args:
            line: who waits.
            in_flight: dials that have no agent yet, by target; raised here for every callback given out.
        """
        blocked: set[str] = set()
        for callback in line:
            if callback.target in blocked or self._config.services[callback.service].paused:
                continue
            if self._allowance(callback.target, in_flight) <= 0:
                blocked.add(callback.target)
                continue
            in_flight[callback.target] += 1
            yield callback

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
