"""How good the estimated waiting times are under each load shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialer.simulate.load import SHAPES
from dialer.simulate.planning import Wish, plan_of
from dialer.simulate.simulation import Simulation
from dialer.simulate.summary import EwtScore, summarise


@dataclass(frozen=True, slots=True)
class ShapeReport:
    """One shape's run.

    Attributes:
        score: None when nobody had a wait to compare.
    """

    shape: str
    meaning: str
    accepted: int
    utilisation: float
    score: EwtScore | None


def ewt_report(wish: Wish) -> list[ShapeReport]:
    """Runs the wish once for each shape.

    Raises ConfigRefused: when it cannot be simulated.
    """
    reports = []
    for name, shape in SHAPES.items():
        plan = plan_of(replace(wish, shape=name))
        summary = summarise(plan, Simulation(plan).run())
        score = next(iter(summary.ewt.values()), None)
        reports.append(ShapeReport(name, shape.meaning, summary.accepted, summary.utilisation, score))
    return reports
