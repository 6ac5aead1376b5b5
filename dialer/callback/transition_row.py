"""What a row of the transition table is, and the places that its rows name.

Source: spec records section 3.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dialer.callback.call_result import CallResult
from dialer.callback.state import POSITIONS, Actor, Phase, Position, State, positions

PREVIEW_REASONS = "AGENT_PREVIEW_CANCEL_AFTER_nREJECTS"
"""Stands for all numbered preview reasons in `Transition.reasons`."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the transition table.

    Attributes:
        number: T01..T92, T35a, T43a.
        event: What happened.
        sources: Where the callback may be; None in it = no record yet.
        targets: Where it may go; None in it = no record (any more). Empty = always refused (T82).
        actors: Who may cause it.
        effect: Guard and effect in words.
        stays: The position does not change (T08, T71).
        reasons: Reasons it may complete with; a single one is taken when the caller names none.
        call_result: Result it writes unless the caller has another.
        resume_states: `resume_state` that must be there before (T13) or will be after (T03); empty = any.
    """

    number: str
    event: str
    sources: frozenset[Position | None]
    targets: frozenset[Position | None]
    actors: frozenset[Actor]
    effect: str = ""
    stays: bool = False
    reasons: tuple[str, ...] = ()
    call_result: CallResult | None = None
    resume_states: frozenset[State] = frozenset()

    def targets_from(self, source: Position | None) -> frozenset[Position | None]:
        """Where this transition may lead from `source`; empty when it may not start there."""
        if source not in self.sources:
            return frozenset()
        return frozenset({source}) if self.stays else self.targets


NOWHERE: tuple[Position | None, ...] = (None,)
SCHEDULED: tuple[Position, ...] = ((State.SCHEDULED, None),)
PAUSED: tuple[Position, ...] = ((State.PAUSED, None),)
COMPLETED: tuple[Position, ...] = ((State.COMPLETED, None),)
ANY_QUEUED = positions(State.QUEUED)
ANY_ROUTING = positions(State.ROUTING)
ANY_PROCESSING = positions(State.PROCESSING)
INTERMEDIATE = tuple(position for position in POSITIONS if position[0] is not State.COMPLETED)


def _queued(*phases: Phase) -> tuple[Position, ...]:
    return tuple((State.QUEUED, phase) for phase in phases)


def _routing(*phases: Phase) -> tuple[Position, ...]:
    return tuple((State.ROUTING, phase) for phase in phases)


def _processing(*phases: Phase) -> tuple[Position, ...]:
    return tuple((State.PROCESSING, phase) for phase in phases)


SUBMITTING = _queued(Phase.SUBMITTING)
WAITING = _queued(Phase.WAITING)
CONFIRM_WAIT = _queued(Phase.CONFIRM_WAIT)
DIALING = _queued(Phase.DIALING)
RETRY_WAIT = _queued(Phase.RETRY_WAIT)
SNOOZED = _queued(Phase.SNOOZED)
CALL_IN_WAIT = _queued(Phase.CALL_IN_WAIT)
EXPIRED = _queued(Phase.EXPIRED)
AGENT_WAIT = _routing(Phase.AGENT_WAIT)
AGENT_RING = _routing(Phase.AGENT_RING)
AGENT_PREVIEW = _routing(Phase.AGENT_PREVIEW)
CUSTOMER_DIAL = _routing(Phase.CUSTOMER_DIAL)
TALKING = _processing(Phase.TALKING)
DISPOSITION = _processing(Phase.DISPOSITION)


def row(
    number: str,
    event: str,
    sources: Iterable[Position | None],
    targets: Iterable[Position | None],
    actors: Iterable[Actor],
    effect: str = "",
    *,
    stays: bool = False,
    reasons: tuple[str, ...] = (),
    call_result: CallResult | None = None,
    resume_states: tuple[State, ...] = (),
) -> Transition:
    """One row; places and actors in any order."""
    return Transition(
        number,
        event,
        frozenset(sources),
        frozenset(targets),
        frozenset(actors),
        effect,
        stays,
        reasons,
        call_result,
        frozenset(resume_states),
    )
