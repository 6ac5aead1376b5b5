"""Estimated waiting time (EWT) of one queue: how long until a callback at a position is given out.

A queue of callbacks empties as agents' slots come free. A callback that leaves the queue takes one slot, from its dial
to the end of talk and wrap-up, or to the end of a dial that reached nobody. With slots of mean length h, and n agents
of whom this queue usually gets the share s, somebody leaves the queue every p = h / (s·n) seconds. Who stands at
position k then waits

    k·p                        as mode 1 has it,
    ln(1 + k·p·a) / a          when those who wait give up at the rate a each (Ibrahim and Whitt, "Real-time delay
                               estimation in overloaded multiserver queues with abandonments", 2009, QL-a; a → 0: k·p),
    and 1 / (1 - r) times that when others take the part r < 1 of all slots: customers of higher priority, and those
                               whose dial reached nobody and who come back to the place of the time they were queued.

The interval is not taken from a model of the distribution but learnt: of each customer the standardised error of the
estimate made at arrival is kept, and the bounds move until one in ten falls below and one in ten above (adaptive
conformal inference, Gibbs and Candès, 2021). So it covers what it says whatever the service times are like.

Pure: time and events are passed in; one estimator for one queue. Modes as in `GET /estimated-wait-time` (api.md §3.6).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from dialer.routing.ageing import NO_AGEING, AgedQueue, Ageing
from dialer.routing.ewt_interval import Interval
from dialer.routing.recent import RecentMean, RecentShare

LAST: Final = 32  # interactions that throughput is taken from (api.md §3.6, mode 1)
SLOTS: Final = 128  # slots that the mean length is taken from; their length changes less than the queue's speed
DRIFT: Final = 1 / 48  # squared relative error that a mean keeps however many slots it is of: days are not alike
MODE3_WINDOW: Final = timedelta(minutes=10)  # api.md §3.6, mode 3
AT_ONCE_S: Final = 1.0  # who waited less than this found a free agent: it says nothing of the queue's speed
MAX_TAKEN: Final = 0.9  # part of the slots that others may take before an estimate loses its meaning
CAME_BACK_S: Final = 5.0  # who was queued longer ago was dialled before; a new callback is claimed within a second
DIAL_TAILS: Final = (0.1, 0.9)  # of the dial times, for the bounds of ursdial: as much as the interval leaves out


class EwtMode(StrEnum):
    """How the waiting time is estimated (option `ewt_method`)."""

    MODE1 = "mode1"  # throughput of the last 32, agents ignored
    MODE2 = "mode2"  # corrected by the agents who serve the queue
    MODE3 = "mode3"  # average wait of the last 10 minutes
    URSDIAL = "ursdial"  # mode2 with the dial time added


class EwtCode(IntEnum):
    """`resultCode` of api.md §3.6."""

    VALID = 0
    NOTHING_SEEN = -1
    NO_AGENT = -2


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimate.

    Attributes:
        seconds: the mean; None unless `code` is VALID.
        low, high: bounds between which four of five customers find their wait; None with `seconds`.
        position: 1 for who is served next.
    """

    seconds: float | None
    low: float | None
    high: float | None
    position: int
    code: EwtCode = EwtCode.VALID


_Rank = tuple[int, bool]
"""Priority, and whether it came back: of two alike, who came back stands before who is new."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A customer in the queue, with what was estimated at arrival."""

    arrived_at: datetime
    rank: _Rank
    position: int
    mean_s: float | None
    spread_s: float


class WaitEstimator:
    """Learns one queue's speed from its events and estimates waits.

    Tell it everything that happens to the queue, in the order of time:

        agents(ready, total, now)              the agents who match its target, whenever that changes
        arrived(key, priority, now)            somebody entered the queue
        left(key, now, served=True)            was given out (dialled); served=False: cancelled, expired, gave up
        freed(key, now)                        the slot of one who was given out is free again
        dialled(seconds)                       time from dial to person reached (ursdial adds its mean)

    and ask `estimate(key or position, agents_ready, agents_total, now)`. `agents_ready` are those nobody has a claim
    on: Ready agents less dials in flight and customers on the line.
    """

    def __init__(self, mode: EwtMode | str = EwtMode.URSDIAL, ageing: Ageing = NO_AGEING) -> None:
        self.mode = EwtMode(mode)
        self._ageing = ageing
        self._queue: AgedQueue[_Waiting] = AgedQueue()
        self._slots: dict[str, datetime] = {}
        self._slot_s = RecentMean(SLOTS)
        self._gap_s = RecentMean(LAST)
        self._dial_s = RecentMean(LAST)
        self._share = RecentShare()
        self._gave_up = RecentShare()
        self._waits: deque[tuple[datetime, float]] = deque()
        self._arrivals: deque[tuple[datetime, _Rank]] = deque()
        self._by_rank: Counter[_Rank] = Counter()
        self._began_at: datetime | None = None
        self._interval = Interval()
        self._ready = self._total = 0
        self._at: datetime | None = None
        self._congested_s = 0.0

    @property
    def waiting(self) -> int:
        """Customers in the queue."""
        return len(self._queue)

    def position(self, key: str, now: datetime) -> int | None:
        """Position of one who waits, 1 for the next; None when not in the queue."""
        return self._queue.position(key, now)

    def position_of_new(self, priority: int, now: datetime) -> int:
        """Position that a new customer of this priority would have."""
        return self._queue.position_of_new(priority, now)

    # --- events ---

    def agents(self, ready: int, total: int, now: datetime) -> None:
        """Agents who match the queue's target: free for it, and logged in."""
        self._advance(now)
        self._ready, self._total = ready, total

    def arrived(self, key: str, priority: int, now: datetime, queued_at: datetime | None = None) -> None:
        """Somebody entered the queue; with `queued_at` came back to the place that time gives."""
        self._advance(now)
        queued_at = queued_at or now
        rank = (priority, (now - queued_at).total_seconds() >= CAME_BACK_S)
        self._count_arrival(rank, now)
        self._queue.add(key, _Waiting(now, rank, 0, None, 0.0), priority, queued_at, key, self._ageing)
        guess = self._guess(self._queue.position(key, now) or 1, rank, self._ready, self._total, now)
        waiting = _Waiting(now, rank, *guess)
        self._queue.add(key, waiting, priority, queued_at, key, self._ageing)

    def left(self, key: str, now: datetime, *, served: bool = True, waited_s: float | None = None) -> None:
        """Somebody left the queue: given out, or gone. A key that is not in the queue changes nothing.

        Args:
            key: as told to `arrived`.
            now: aware UTC.
            served: given out to be dialled; False: cancelled, expired.
            waited_s: if known better than by the times told here.
        """
        self._advance(now)
        waiting = self._queue.remove(key)
        if waiting is None:
            return
        if not served:
            self._gave_up.count(1.0)
            return
        waited = (now - waiting.arrived_at).total_seconds() if waited_s is None else waited_s
        self._slots[key] = now
        self._waits.append((now, waited))
        if waited >= AT_ONCE_S:
            self._gap_s.add(self._congested_s)
            self._congested_s = 0.0
        if waiting.mean_s is not None:
            self._interval.learn(waited, waiting.mean_s, waiting.spread_s, self._order(waiting))

    def freed(self, key: str, now: datetime) -> None:
        """The slot that `key` took is free: wrap-up is over, or the dial reached nobody."""
        self._advance(now)
        since = self._slots.pop(key, None)
        if since is not None:
            self._slot_s.add((now - since).total_seconds())

    def dialled(self, seconds: float) -> None:
        """A person was reached so long after the dial began."""
        self._dial_s.add(seconds)

    # --- asking ---

    def estimate(self, who: str | int, agents_ready: int, agents_total: int, now: datetime) -> Estimate:
        """The time until who stands there is given out; with ursdial until the person is reached.

        Args:
            who: key of one who waits, or a position from 1. Unknown keys are taken as newcomers of priority 0.
            agents_ready: matching agents nobody has a claim on.
            agents_total: matching agents logged in.
            now: aware UTC.
        """
        self.agents(agents_ready, agents_total, now)
        rank: _Rank = (0, False)
        if isinstance(who, str):
            waiting = self._queue.get(who)
            position = self._queue.position(who, now) or self._queue.position_of_new(0, now)
            rank = waiting.rank if waiting is not None else rank
        else:
            position = max(1, who)
        if agents_total == 0 and self.mode in {EwtMode.MODE2, EwtMode.URSDIAL}:
            return Estimate(None, None, None, position, EwtCode.NO_AGENT)
        _, mean_s, spread_s = self._guess(position, rank, agents_ready, agents_total, now)
        if mean_s is None:
            return Estimate(None, None, None, position, EwtCode.NOTHING_SEEN)
        low, high = self._interval.around(mean_s, spread_s, position if mean_s > 0 else 0)
        if self.mode is EwtMode.URSDIAL and self._dial_s.mean is not None:
            return self._with_dial(Estimate(mean_s, low, high, position), mean_s - low, high - mean_s)
        return Estimate(mean_s, low, high, position)

    def _with_dial(self, wait: Estimate, below_s: float, above_s: float) -> Estimate:
        """Adds the time of the dial; its spread and that of the wait are independent, so their squares add up."""
        mean_s, shortest_s, longest_s = self._dial_s.mean, *self._dial_s.quantiles(DIAL_TAILS)
        assert wait.seconds is not None
        assert mean_s is not None
        seconds = wait.seconds + mean_s
        low = seconds - math.hypot(below_s, max(0.0, mean_s - shortest_s))
        return Estimate(
            seconds, max(0.0, low), seconds + math.hypot(above_s, max(0.0, longest_s - mean_s)), wait.position
        )

    def _guess(
        self, position: int, rank: _Rank, ready: int, total: int, now: datetime
    ) -> tuple[int, float | None, float]:
        """Position, mean wait and its spread, both s; the mean is None when nothing is known."""
        if self.mode is EwtMode.MODE3:
            mean = self._mean_wait(now)
            return position, mean, mean or 0.0
        period = self._gap_s.mean if self.mode is EwtMode.MODE1 else self._period(total)
        if self.mode is not EwtMode.MODE1 and position <= ready:
            return position, 0.0, period or AT_ONCE_S
        if period is None:
            return position, None, 0.0
        mean = position * period
        if self.mode is not EwtMode.MODE1:
            mean = self._with_others(position - ready, period, rank)
        return position, mean, mean * math.sqrt(1 / position + 1 / max(1, self._slot_s.count) + DRIFT)

    def _period(self, total: int) -> float | None:
        """Seconds between two who leave the queue while somebody waits."""
        slot_s = self._slot_s.mean
        if slot_s is None or total <= 0:
            return None
        return slot_s / (total * (self._share.share or 1.0))

    def _with_others(self, ahead: int, period: float, rank: _Rank) -> float:
        """Corrects ahead·period for those who give up and for those who are still to come and go before."""
        rate = self._gave_up.share or 0.0
        mean = math.log1p(ahead * period * rate) / rate if rate * ahead * period > 1e-9 else ahead * period
        return mean / (1 - min(MAX_TAKEN, self._rate_above(rank) * period))

    def _rate_above(self, rank: _Rank) -> float:
        """Arrivals a second that would stand before this rank."""
        above = sum(count for other, count in self._by_rank.items() if other > rank)
        if not above or self._began_at is None or self._at is None:
            return 0.0
        span = min(MODE3_WINDOW.total_seconds(), (self._at - self._began_at).total_seconds())
        return above / max(60.0, span)

    def _mean_wait(self, now: datetime) -> float | None:
        while self._waits and now - self._waits[0][0] > MODE3_WINDOW:
            self._waits.popleft()
        return sum(waited for _, waited in self._waits) / len(self._waits) if self._waits else None

    # --- keeping ---

    @staticmethod
    def _order(waiting: _Waiting) -> int:
        return waiting.position if waiting.mean_s else 0

    def _count_arrival(self, rank: _Rank, now: datetime) -> None:
        self._began_at = self._began_at or now
        self._arrivals.append((now, rank))
        self._by_rank[rank] += 1
        while now - self._arrivals[0][0] > MODE3_WINDOW:
            self._by_rank[self._arrivals.popleft()[1]] -= 1

    def _advance(self, now: datetime) -> None:
        """Accounts for the time since the last event: while somebody waits, the queue is at its full speed."""
        passed = 0.0 if self._at is None else max(0.0, (now - self._at).total_seconds())
        self._at = now if self._at is None else max(now, self._at)
        if not passed or not len(self._queue):
            return
        self._gave_up.pass_time(passed * len(self._queue), passed)
        if self._ready == 0:
            self._congested_s += passed
            self._share.pass_time(passed * self._total, passed)
            self._share.count(passed * len(self._slots))
