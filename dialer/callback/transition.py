"""The only ways in which a callback may change: transitions T01..T92 as data, and their check.

Source: spec records section 3. The table itself is in `transition_table.py`; the store refuses whatever `check`
refuses.
"""

from dialer.callback.errors import InvalidTransition
from dialer.callback.reason import PREVIEW_REASON
from dialer.callback.state import Actor, Phase, Position, State, position_name
from dialer.callback.transition_row import PREVIEW_REASONS, Transition
from dialer.callback.transition_table import TRANSITIONS

__all__ = ["TRANSITIONS", "Transition", "check", "check_actor", "completion_reason", "resolve", "transition_of"]


def check(
    event: str,
    state: State | None,
    phase: Phase | None,
    to_state: State | None,
    to_phase: Phase | None,
    *,
    actor: Actor | str | None = None,
    resume_state: State | None = None,
) -> Transition:
    """Let a change pass or refuse it.

    Args:
        event: Number of the transition, e.g. ``T30``.
        state: State before; None when the callback does not exist yet.
        phase: Phase before.
        to_state: State after; None when the record is not made (T04) or deleted (T89).
        to_phase: Phase after.
        actor: Who causes it; not checked when None.
        resume_state: `resume_state` of the paused callback (T13), or the one it will have (T03); not checked if None.

    Returns:
        The row of the table that allows it.

    Raises:
        InvalidTransition: when the table has no such event, source, target, actor or resume state.
    """
    row = transition_of(event)
    source = None if state is None else (state, phase)
    target = None if to_state is None else (to_state, to_phase)
    if source not in row.sources:
        raise InvalidTransition(f"{event} ({row.event}) is not possible in {position_name(source)}", event=event)
    if target not in row.targets_from(source):
        raise InvalidTransition(
            f"{event} ({row.event}) does not lead from {position_name(source)} to {position_name(target)}", event=event
        )
    check_actor(row, actor)
    if resume_state is not None and row.resume_states and resume_state not in row.resume_states:
        raise InvalidTransition(f"{event} ({row.event}) is not possible with resume state {resume_state}", event=event)
    return row


def check_actor(row: Transition, actor: Actor | str | None) -> None:
    """Refuse a cause that the table does not name for this transition; None passes.

    Raises:
        InvalidTransition: when `actor` may not cause it.
    """
    if actor is not None and actor not in row.actors:
        causes = ", ".join(sorted(row.actors)) or "nobody"
        raise InvalidTransition(f"{row.number} ({row.event}) is caused by {causes}, not by {actor}", event=row.number)


def transition_of(event: str) -> Transition:
    """The row of the table with this number.

    Raises:
        InvalidTransition: when there is none.
    """
    row = TRANSITIONS.get(event)
    if row is None:
        raise InvalidTransition(f"there is no transition {event!r}", event=event)
    return row


def resolve(
    event: str, source: Position | None, to: Position | None = None, *, actor: Actor | str | None = None
) -> Position | None:
    """Where `event` leads from `source`: `to` when given, else the only target that the table has.

    Raises:
        InvalidTransition: when it may not start there, or when it has several targets and `to` is None.
    """
    row = transition_of(event)
    targets = row.targets_from(source)
    if to is None and len(targets) > 1:
        names = ", ".join(sorted(map(position_name, targets)))
        raise InvalidTransition(f"{event} ({row.event}) may lead to {names}: say which", event=event)
    target = to if to is not None else next(iter(targets), None)
    state, phase = source or (None, None)
    to_state, to_phase = target or (None, None)
    check(event, state, phase, to_state, to_phase, actor=actor)
    return target


def completion_reason(row: Transition, given: str | None) -> str:
    """The reason with which `row` completes a callback.

    Args:
        row: A transition that leads to COMPLETED.
        given: The caller's reason; may be None when the table has just one.

    Raises:
        InvalidTransition: when the reason is not one of the row's, or is missing and cannot be derived.
    """
    if given is None and len(row.reasons) == 1 and row.reasons[0] != PREVIEW_REASONS:
        return row.reasons[0]
    allowed = given is not None and (
        given in row.reasons or (PREVIEW_REASONS in row.reasons and PREVIEW_REASON.fullmatch(given))
    )
    if given is None or not allowed:
        said = "no reason" if given is None else f"reason {given}"
        raise InvalidTransition(
            f"{row.number} ({row.event}) completes with {' or '.join(row.reasons)}; {said} was given", event=row.number
        )
    return str(given)
