"""Days of a callback service in seconds of computing: the dialer's own routing, pacing and retries in virtual time.

A `World` holds the operator's assumptions, a `Wish` what is asked for, `plan_of` makes a `Plan` of both, `Simulation`
runs it, `summarise` says what came out. Calls nobody, opens no socket and no store.
"""

from dialer.simulate.case import Arrival, Case, Rules
from dialer.simulate.ewt_report import ShapeReport, ewt_report
from dialer.simulate.load import SHAPES, work_of
from dialer.simulate.planning import Wish, plan_of
from dialer.simulate.simulation import Plan, Simulation
from dialer.simulate.summary import EwtScore, Spread, Summary, summarise
from dialer.simulate.tally import Tally
from dialer.simulate.world import World
from dialer.simulate.world_file import default_text, parse_world, read_world

__all__ = [
    "SHAPES",
    "Arrival",
    "Case",
    "EwtScore",
    "Plan",
    "Rules",
    "ShapeReport",
    "Simulation",
    "Spread",
    "Summary",
    "Tally",
    "Wish",
    "World",
    "default_text",
    "ewt_report",
    "parse_world",
    "plan_of",
    "read_world",
    "summarise",
    "work_of",
]
