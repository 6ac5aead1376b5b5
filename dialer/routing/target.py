"""Targets: which agents a callback may go to, and how a list of them is walked in time (options.md §4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from dialer.routing.agent import Agent
from dialer.routing.expression import Expression

SKILL_STATISTICS = frozenset({"RStatAgentsReadyvoice", "RStatAgentsReady", "RStatAgentsTotal"})
STATISTICS = SKILL_STATISTICS | {"RStatCallsInQueue", "RStatExpectedWaitTime", "RStatOldestCall"}
MAX_ITEMS = 15  # checklist D-20


class TargetType(StrEnum):
    """What a target's name means."""

    AGENT = "A"
    PLACE = "AP"
    AGENT_GROUP = "GA"
    PLACE_GROUP = "GP"
    CAMPAIGN_GROUP = "GC"


class Matcher(Protocol):
    """Anything that says whether an agent may take the call."""

    def matches(self, agent: Agent) -> bool:
        """Whether `agent` may take the call."""
        ...


@dataclass(frozen=True, slots=True)
class Single:
    """`name@server.type` or `?:expression@server.type`; exactly one of `name` and `expression` is set."""

    type: TargetType
    server: str
    name: str | None = None
    expression: Expression | None = None

    def matches(self, agent: Agent) -> bool:
        """Whether the agent is the one named, sits there, is in the group, or has the skills."""
        if self.expression is not None:
            return self.expression.matches(agent)
        match self.type:
            case TargetType.AGENT:
                return self.name in {agent.id, agent.name}
            case TargetType.PLACE:
                return agent.place == self.name
            case TargetType.AGENT_GROUP:
                return self.name in agent.groups
            case TargetType.PLACE_GROUP:
                return self.name in agent.place_groups
            case TargetType.CAMPAIGN_GROUP:
                return self.name in agent.campaign_groups

    @property
    def is_single_persons(self) -> bool:
        """Whether it names one agent or place (call_result 47 instead of 48 when its time is over, records.md T85)."""
        return self.expression is None and self.type in {TargetType.AGENT, TargetType.PLACE}

    def __str__(self) -> str:
        body = self.name if self.expression is None else f"?:{self.expression}"
        return f"{body}@{self.server}.{self.type}"


@dataclass(frozen=True, slots=True)
class StatCondition:
    """`stat_to_check stat_operator stat_value`: when met, the item is skipped unless it is the last."""

    name: str
    op: str  # "<" or ">"
    value: float

    def is_met(self, actual: float | None) -> bool:
        """Whether `actual` stands in the relation; an unknown statistic (None) never does."""
        if actual is None:
            return False
        return actual < self.value if self.op == "<" else actual > self.value


@dataclass(frozen=True, slots=True)
class Item:
    """One step of a target list.

    Attributes:
        timeout_s: wait here before the next item; None on the last: the rest of `queued_ttl`.
        clear: True: the next item replaces this one; False: it is added.
    """

    target: Single
    timeout_s: float | None = None
    clear: bool = True
    condition: StatCondition | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A single target (one item) or a list of 1 to 15, and the text it was read from."""

    text: str
    items: tuple[Item, ...]

    def matches(self, agent: Agent) -> bool:
        """Whether the agent matches any item; what is open to it right now is `TargetWalk`'s to say."""
        return any(item.target.matches(agent) for item in self.items)

    @property
    def is_single_persons(self) -> bool:
        """Whether all items are single agents or places (records.md T85)."""
        return all(item.target.is_single_persons for item in self.items)

    @property
    def timeout_sum_s(self) -> float | None:
        """Sum of all timeouts, to compare with `queued_ttl`; None unless every item has one."""
        timeouts = [item.timeout_s for item in self.items]
        return None if None in timeouts else sum(t for t in timeouts if t is not None)


Statistic = Callable[[str, Single], float | None]
"""Reads a statistic of a target by its name; None when it is not known."""


class TargetWalk:
    """One callback's way through its target list; a single target is a way of one step.

    An item's condition is evaluated when the item becomes current. Skipped items are passed at once.

    Attributes:
        index: number of the current item, from 0.
        switch_at: when the next item becomes current; None on the last.
    """

    def __init__(self, target: Target, started_at: datetime, statistic: Statistic | None = None) -> None:
        self.target = target
        self.index = 0
        self.switch_at: datetime | None = None
        self._open: tuple[Single, ...] = ()
        self._enter(0, started_at, statistic)

    @property
    def open(self) -> tuple[Single, ...]:
        """The targets that may take the call now; two walks with the same ones wait for the same agents."""
        return self._open

    def matches(self, agent: Agent) -> bool:
        """Whether an item open now takes the agent."""
        return any(single.matches(agent) for single in self._open)

    def advance(self, now: datetime, statistic: Statistic | None = None) -> bool:
        """Moves on to the item that is current at `now`; True if the open items changed."""
        before = self._open
        while self.switch_at is not None and now >= self.switch_at:
            self._enter(self.index + 1, self.switch_at, statistic)
        return self._open != before

    def _enter(self, index: int, at: datetime, statistic: Statistic | None) -> None:
        """Makes the first item from `index` on current whose condition does not skip it; the last always counts."""
        left = self.target.items[self.index]
        last = len(self.target.items) - 1
        while index < last and _skipped(self.target.items[index], statistic):
            index += 1
        item = self.target.items[index]
        self._open = (item.target,) if left.clear else (*self._open, item.target)
        self.index = index
        self.switch_at = at + timedelta(seconds=item.timeout_s) if index < last and item.timeout_s is not None else None


def _skipped(item: Item, statistic: Statistic | None) -> bool:
    if item.condition is None or statistic is None:
        return False
    return item.condition.is_met(statistic(item.condition.name, item.target))
