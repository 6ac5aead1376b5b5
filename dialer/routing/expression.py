"""Skill expressions: comparisons of skill levels, joined by `&` and `|` (options.md §4)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dialer.routing.agent import Agent

COMPARISONS: Final[dict[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`skill op level`; level 0..100."""

    skill: str
    op: str
    level: int

    def matches(self, agent: Agent) -> bool:
        """Whether the agent's level stands in this relation; a missing skill has level 0."""
        return COMPARISONS[self.op](agent.level(self.skill), self.level)

    def __str__(self) -> str:
        return f'"{self.skill}"{self.op}{self.level}'


@dataclass(frozen=True, slots=True)
class AllOf:
    """Terms joined by `&`."""

    terms: tuple[Expression, ...]

    def matches(self, agent: Agent) -> bool:
        """Whether every term holds."""
        return all(term.matches(agent) for term in self.terms)

    def __str__(self) -> str:
        return "(" + " & ".join(map(str, self.terms)) + ")"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Terms joined by `|`, which binds weaker than `&`."""

    terms: tuple[Expression, ...]

    def matches(self, agent: Agent) -> bool:
        """Whether at least one term holds."""
        return any(term.matches(agent) for term in self.terms)

    def __str__(self) -> str:
        return "(" + " | ".join(map(str, self.terms)) + ")"


Expression = Comparison | AllOf | AnyOf
