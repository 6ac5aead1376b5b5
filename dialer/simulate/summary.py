"""What a run says to the operator: waits, ends, dials, the agents' time, and how good the estimates were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.routing import EwtMode
from dialer.simulate.case import Case
from dialer.simulate.simulation import Plan
from dialer.simulate.tally import HOUR_S, Tally

ON_LINE: Final = frozenset({CallResult.ABANDONED, CallResult.DROPPED})
"""Results of customers who were reached and got no agent."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a duration is distributed, seconds; all 0 when there is none."""

    count: int
    mean: float
    median: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class End:
    """One way to end."""

    reason: Reason
    call_result: CallResult
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class HourOfDay:
    """Means of one hour of the day over all days of the run.

    Attributes:
        agents: at work: logged in and not in a pause.
        occupancy: part of their time in calls and wrap-up, 0..1; None when nobody was there.
        wait_s: from queued to the agent, of those who came in this hour; None when nobody did and was served.
    """

    hour: int
    requests: float
    dials: float
    agents: float
    occupancy: float | None
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class EwtScore:
    """How good the waiting times were that callers would have been told when they were queued.

    Attributes:
        method: `ewt_method` of the service.
        count: customers whose wait is known and for whom there was an estimate.
        wait_s: mean of what they waited.
        error_s: mean absolute error.
        bias_s: mean of estimate less wait.
        coverage: part whose wait lay within the interval, which is made for four of five.
        baseline_error_s: mean absolute error, had each been told the mean of all waits before.
    """

    method: str
    count: int
    wait_s: float
    error_s: float
    bias_s: float
    coverage: float
    baseline_error_s: float


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of one run.

    Attributes:
        requests: all, the refused ones included.
        ends: completed callbacks by reason and call_result, the most frequent first.
        still_open: callbacks that had not ended when the run did.
        attempts: callbacks by number of dials, from 0.
        results: attempts by name of their result.
        wait_to_dial, wait_to_agent: from queued, or from the desired time of a booking.
        wait_on_line: from the customer's answer to the agent's.
        lost_on_line: reached, and hung up or dropped before an agent was there.
        dials_per_hour: mean of the hours in which anybody was dialled.
        utilisation: part of the time at work, pauses left out, in calls and wrap-up.
        agent_time: part of the logged-in time by state.
        ewt: by service.
    """

    start: datetime
    days: float
    seed: int
    agents: int
    requests: int
    refused: dict[str, int]
    accepted: int
    talked: int
    still_open: int
    ends: tuple[End, ...]
    wait_to_dial: Spread
    wait_to_agent: Spread
    wait_on_line: Spread
    lost_on_line: int
    attempts: dict[int, int]
    dials: int
    results: dict[str, int]
    dials_per_hour: float
    busiest_hour: datetime
    busiest_hour_dials: int
    peak_dials: int
    peak_calls: int
    peak_line: int
    utilisation: float
    agent_time: dict[str, float]
    hours: tuple[HourOfDay, ...]
    ewt: dict[str, EwtScore]
    events: int


def summarise(plan: Plan, tally: Tally) -> Summary:
    """Puts the figures of a run together."""
    cases = tally.cases
    hours_with_dials = sum(dialled > 0 for dialled in tally.dialled)
    busiest = max(range(len(tally.dialled)), key=tally.dialled.__getitem__)
    present_s, at_work_s = sum(tally.present_s), sum(tally.at_work_s)
    return Summary(
        start=plan.start,
        days=plan.days,
        seed=plan.seed,
        agents=len(plan.agents),
        requests=len(cases) + sum(tally.refused.values()),
        refused=dict(tally.refused.most_common()),
        accepted=len(cases),
        talked=sum(case.talked_s is not None for case in cases),
        still_open=sum(case.open for case in cases),
        ends=_ends(cases),
        wait_to_dial=_spread(_less(case.first_dial_s, case.waited_since_s) for case in cases),
        wait_to_agent=_spread(_less(case.talked_s, case.waited_since_s) for case in cases),
        wait_on_line=_spread(_less(case.talked_s, case.reached_s) for case in cases),
        lost_on_line=sum(tally.results[result] for result in ON_LINE),
        attempts=dict(sorted(Counter(case.dials for case in cases if not case.open).items())),
        dials=sum(tally.dialled),
        results={result.name: count for result, count in tally.results.most_common()},
        dials_per_hour=sum(tally.dialled) / hours_with_dials if hours_with_dials else 0.0,
        busiest_hour=plan.start + timedelta(hours=busiest),
        busiest_hour_dials=tally.dialled[busiest],
        peak_dials=tally.peak_dials,
        peak_calls=tally.peak_calls,
        peak_line=tally.peak_line,
        utilisation=sum(tally.busy_s) / at_work_s if at_work_s else 0.0,
        agent_time={str(state): seconds / present_s for state, seconds in sorted(tally.state_s.items()) if present_s},
        hours=_by_hour_of_day(plan, tally),
        ewt=_ewt_scores(plan, cases),
        events=tally.events,
    )


def _less(later_s: float | None, earlier_s: float | None) -> float | None:
    return None if later_s is None or earlier_s is None else max(0.0, later_s - earlier_s)


def _spread(durations: Iterable[float | None]) -> Spread:
    known = np.array([each for each in durations if each is not None])
    if not known.size:
        return Spread(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    median, p90, p99 = (float(each) for each in np.percentile(known, (50, 90, 99)))
    return Spread(known.size, float(known.mean()), median, p90, p99, float(known.max()))


def _ends(cases: Sequence[Case]) -> tuple[End, ...]:
    counted = Counter((case.reason, case.result) for case in cases if case.reason is not None)
    return tuple(
        End(reason, result, result.name, count)
        for (reason, result), count in counted.most_common()
        if reason is not None
    )


def _by_hour_of_day(plan: Plan, tally: Tally) -> tuple[HourOfDay, ...]:
    waits: list[list[float]] = [[] for _ in range(24)]
    for case in tally.cases:
        if case.talked_s is not None:
            waits[_hour_of_day(plan, case.waited_since_s)].append(case.talked_s - case.waited_since_s)
    hours = []
    for hour in range(24):
        rows = [row for row in range(round(plan.days * 24)) if (plan.start.hour + row) % 24 == hour]
        at_work_s = sum(tally.at_work_s[row] for row in rows)
        days = max(1, len(rows))
        hours.append(
            HourOfDay(
                hour=hour,
                requests=sum(tally.arrived[row] for row in rows) / days,
                dials=sum(tally.dialled[row] for row in rows) / days,
                agents=at_work_s / HOUR_S / days,
                occupancy=sum(tally.busy_s[row] for row in rows) / at_work_s if at_work_s else None,
                wait_s=float(np.mean(waits[hour])) if waits[hour] else None,
            )
        )
    return tuple(hours)


def _hour_of_day(plan: Plan, at_s: float) -> int:
    return (plan.start.hour + int(at_s // HOUR_S)) % 24


def _ewt_scores(plan: Plan, cases: Sequence[Case]) -> dict[str, EwtScore]:
    """The score of each service that had anything to estimate."""
    scores = {}
    for name, options in plan.services.items():
        score = score_of([case for case in cases if case.callback.service == name], EwtMode(options.ewt_method))
        if score is not None:
            scores[name] = score
    return scores


def score_of(cases: Sequence[Case], method: EwtMode) -> EwtScore | None:
    """Compares the estimates made at queueing with what came; None when there is nothing to compare.

    The wait ends with the first dial; for `ursdial`, which adds the time of the dial, when the person is reached by it.
    """
    rows = []
    for case in cases:
        end_s = case.first_reached_s if method is EwtMode.URSDIAL else case.first_dial_s
        wait_s, guess = _less(end_s, case.queued_s), case.estimate
        if wait_s is None or guess is None or guess.seconds is None or case.mean_before_s is None:
            continue
        rows.append((wait_s, guess.seconds, guess.low, guess.high, case.mean_before_s))
    if not rows:
        return None
    wait, guess_s, low, high, mean_before = np.array(rows, dtype=float).T
    return EwtScore(
        method=str(method),
        count=len(rows),
        wait_s=float(wait.mean()),
        error_s=float(np.abs(guess_s - wait).mean()),
        bias_s=float((guess_s - wait).mean()),
        coverage=float(((low <= wait) & (wait <= high)).mean()),
        baseline_error_s=float(np.abs(mean_before - wait).mean()),
    )
