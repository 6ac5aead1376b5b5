"""States and phases of a callback.

Source: spec records section 3. A state is what both APIs show; the phase refines it and stays inside.
"""

from enum import StrEnum
from typing import TypeAlias


class State(StrEnum):
    """What a callback is doing, as shown to everybody."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    ROUTING = "ROUTING"
    PROCESSING = "PROCESSING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"


class Phase(StrEnum):
    """What a callback is doing within its state; never shown in v1 or v3."""

    SUBMITTING = "submitting"
    WAITING = "waiting"
    CONFIRM_WAIT = "confirm_wait"
    DIALING = "dialing"
    RETRY_WAIT = "retry_wait"
    SNOOZED = "snoozed"
    CALL_IN_WAIT = "call_in_wait"
    EXPIRED = "expired"
    AGENT_WAIT = "agent_wait"
    AGENT_RING = "agent_ring"
    AGENT_PREVIEW = "agent_preview"
    CUSTOMER_DIAL = "customer_dial"
    TALKING = "talking"
    DISPOSITION = "disposition"


class Actor(StrEnum):
    """Who caused a change of a callback."""

    API = "api"
    ADMIN = "admin"
    IVR = "ivr"
    ENGINE = "engine"
    CUSTOMER = "customer"
    AGENT = "agent"
    NODE = "node"


Position: TypeAlias = tuple[State, Phase | None]
"""A state with its phase; states without phases have None there."""

PHASES: dict[State, tuple[Phase, ...]] = {
    State.SCHEDULED: (),
    State.QUEUED: (
        Phase.SUBMITTING,
        Phase.WAITING,
        Phase.CONFIRM_WAIT,
        Phase.DIALING,
        Phase.RETRY_WAIT,
        Phase.SNOOZED,
        Phase.CALL_IN_WAIT,
        Phase.EXPIRED,
    ),
    State.ROUTING: (Phase.AGENT_WAIT, Phase.AGENT_RING, Phase.AGENT_PREVIEW, Phase.CUSTOMER_DIAL),
    State.PROCESSING: (Phase.TALKING, Phase.DISPOSITION),
    State.PAUSED: (),
    State.COMPLETED: (),
}
"""The phases of each state; an empty tuple means that the state has none."""


def positions(*states: State) -> tuple[Position, ...]:
    """All positions of these states, in the order of the table; of all states when none is named."""
    return tuple((state, phase) for state in states or State for phase in PHASES[state] or (None,))


POSITIONS: tuple[Position, ...] = positions()
"""Every place where a callback can be."""

IN_QUEUE: frozenset[Position] = frozenset(
    (State.QUEUED, phase) for phase in PHASES[State.QUEUED] if phase not in {Phase.SUBMITTING, Phase.EXPIRED}
)
"""Where a virtual call stands in the queue (`in_queue` is true)."""

UNOWNED: frozenset[Position] = frozenset(
    {
        (State.SCHEDULED, None),
        (State.PAUSED, None),
        (State.COMPLETED, None),
        (State.QUEUED, Phase.SUBMITTING),
        (State.QUEUED, Phase.RETRY_WAIT),
        (State.QUEUED, Phase.SNOOZED),
        (State.QUEUED, Phase.EXPIRED),
    }
)
"""Where no node works on the callback: no lease is held, and any node may claim what comes due."""


def position_name(position: Position | None) -> str:
    """How messages and histories write a position: ``QUEUED/dialing``, ``SCHEDULED``, ``none``."""
    if position is None:
        return "none"
    state, phase = position
    return state.value if phase is None else f"{state.value}/{phase.value}"
