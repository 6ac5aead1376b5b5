"""One callback in the simulation, and the part of its service that its way depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.reason import Reason
from dialer.callback.record import Callback
from dialer.callback.retry import RetryPolicy
from dialer.callback.state import Position, State
from dialer.routing import Ageing, Agent, Estimate, Request, Target


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request for a callback.

    Attributes:
        at_s: seconds since the start.
        desired_s: desired time of a scheduled callback, seconds since the start; None: at once.
    """

    at_s: float
    number: str
    service: str
    desired_s: float | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides on requests beyond the service's own options; office hours and capacity plug in here.

    Attributes:
        open_at: whether the service takes requests and dials at this time.
        admits: whether a callback may be booked for this desired time; called once per request that may get a place.
    """

    open_at: Callable[[datetime], bool] = lambda _moment: True
    admits: Callable[[str, datetime], bool] = lambda _service, _desired: True
    always_open: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """A service with what its options mean, worked out once."""

    name: str
    options: ServiceOptions
    target: Target
    policy: RetryPolicy
    ageing: Ageing


@dataclass(slots=True, eq=False)
class Case:
    """A callback on its way.

    Attributes:
        callback: the record as it was queued; what the line and the release rule read.
        position: state and phase now.
        turn: rises with every change, so that what was planned before it is void.
        times: seconds since the start; None until it happened.
        waited_since_s: from when its wait counts: queued, or the desired time of a booking.
        exclude: agents whose phones were not answered for this customer.
        tries: agents rung in this attempt.
        holds_until_s: when the customer on the line hangs up (`hangs_up`) or is dropped without an agent.
        end_planned: that is on the agenda.
        estimate: made when it was queued.
    """

    callback: Callback
    service: Service
    arrived_s: float
    position: Position | None = None
    turn: int = 0
    attempts: int = 0
    free_in_a_row: int = 0
    dials: int = 0
    answer: CallResult = CallResult.UNKNOWN
    talk_s: float | None = None
    waited_since_s: float = 0.0
    queued_s: float | None = None
    dial_began_s: float = 0.0
    first_dial_s: float | None = None
    first_reached_s: float | None = None
    reached_s: float | None = None
    talked_s: float | None = None
    completed_s: float | None = None
    reason: Reason | None = None
    detail: str | None = None
    result: CallResult = CallResult.UNKNOWN
    agent: Agent | None = None
    request: Request | None = None
    exclude: set[str] = field(default_factory=set)
    tries: int = 0
    holds_until_s: float = 0.0
    hangs_up: bool = False
    end_planned: bool = False
    estimate: Estimate | None = None
    mean_before_s: float | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.completed_s is None

    @property
    def state(self) -> State:
        """Its state now."""
        assert self.position is not None
        return self.position[0]
