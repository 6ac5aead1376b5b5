"""What may be asked of the store, each as one value that works on a `Stage`.

An operation says which rows it needs (`ids`), then does its work on them without I/O; when it is refused, the
exception goes to its caller alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Attempt, AttemptResult, Callback, JournalEntry
from dialer.callback.state import UNOWNED, Actor, Position
from dialer.callback.transition import resolve
from dialer.store.desk import CALLED_IN, DIAL_PLACES, Stage, first_version
from dialer.store.errors import AttemptConflict, DuplicateCallback, StoreError, UnknownCallback

T_co = TypeVar("T_co", covariant=True)


class Operation(Protocol[T_co]):
    """One request to write."""

    @property
    def ids(self) -> Sequence[str]:
        """Callbacks whose rows it needs."""

    @property
    def dials(self) -> bool:
        """Whether it begins an attempt, so that numbers with an open attempt must be known."""

    def apply(self, stage: Stage) -> T_co:
        """Do it, or raise and leave nothing behind."""


def refusal(operation: Operation[Any]) -> StoreError | None:
    """What it means when an index or a reference of the database refuses this operation; None when that is a bug."""
    match operation:
        case BeginAttempt():
            return AttemptConflict(operation.callback_id, "")
        case Create():
            return DuplicateCallback(operation.fields["id"])
        case AddJournal():
            return UnknownCallback(operation.callback_id)
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A new callback by T01, T02 or T03."""

    fields: Mapping[str, Any]
    event: str
    actor: Actor
    now: datetime
    to: Position | None = None
    user: str | None = None
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The new id, so that a double is found."""
        return (self.fields["id"],)

    def apply(self, stage: Stage) -> Callback:
        """Add the row."""
        fresh, row = first_version(self.fields, self.event, self.to, self.actor, self.now)
        return stage.create(fresh, row, self.actor, self.user)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfOne:
    """Something asked of one callback."""

    callback_id: str
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move(_OfOne):
    """A transition of one callback, and what goes with it.

    Attributes:
        to: where to, where the event alone does not say.
        changes: further fields, of `SETTABLE`.
    """

    event: str
    actor: Actor
    now: datetime
    to: Position | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    note: str = ""

    def _made(self, stage: Stage, before: Callback, to: Position | None, **further: Any) -> Callback:
        """The callback after the transition; `further` as for `Stage.change`."""
        order = {"changes": self.changes, **further}
        return stage.change(
            before, self.event, to=to, actor=self.actor, now=self.now, user=self.user, note=self.note, **order
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(_Move):
    """One transition of one callback."""

    version: int | None

    def apply(self, stage: Stage) -> Callback:
        """Carry it out."""
        before = stage.callback(self.callback_id, self.version)
        target = resolve(self.event, before.position, self.to, actor=self.actor)
        if target in DIAL_PLACES or self.event == CALLED_IN:
            msg = f"{self.event} begins an attempt: use Store.begin_attempt, which writes it before the INVITE"
            raise InvalidTransition(msg, event=self.event)
        return self._made(stage, before, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginAttempt(_Move):
    """The transition to dialling and the attempt's row, together."""

    version: int | None
    node: str
    lease_until: datetime
    result: AttemptResult | None = None  # of a call that begins answered
    dials: bool = True

    def apply(self, stage: Stage) -> tuple[Callback, Attempt]:
        """Open the attempt and enter the dialling phase."""
        before = stage.callback(self.callback_id, self.version)
        target = resolve(self.event, before.position, self.to, actor=self.actor)
        if target not in DIAL_PLACES and self.event != CALLED_IN:
            raise InvalidTransition(f"{self.event} does not begin an attempt", event=self.event)
        attempt = stage.begin_attempt(before, self.now, self.node)
        facts = {
            "node": self.node,
            "lease_until": self.lease_until,
            "next_dial_at": None,
            "dials": attempt.n,
            "first_dial_at": before.first_dial_at or self.now,
        }
        after = self._made(stage, before, target, facts=facts)
        return after, attempt if self.result is None else stage.note_result(after.id, attempt.n, self.result)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAttempt(_Move):
    """The attempt's end together with the transition that follows from it."""

    n: int
    version: int | None
    result: AttemptResult

    def apply(self, stage: Stage) -> Callback:
        """Close the attempt and move the callback on."""
        before = stage.callback(self.callback_id, self.version)
        facts = stage.close_attempt(before, self.n, self.result, self.now)
        changes = {"call_result": facts.pop("call_result"), **self.changes}
        return self._made(stage, before, self.to, changes=changes, facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAttempt(_OfOne):
    """The attempt's end, when the callback has moved on already: cancelled, purged, or the conversation is over."""

    n: int
    now: datetime
    result: AttemptResult

    def apply(self, stage: Stage) -> Callback:
        """Close it; one that has been closed before stays as it is."""
        before = stage.callback(self.callback_id)
        attempt = stage.open_attempt(self.callback_id)
        if attempt is None or attempt.n != self.n:
            return before
        if before.position in DIAL_PLACES:
            raise InvalidTransition("the callback is still being dialled: use Store.end_attempt", event="")
        return close_left_over(stage, before, attempt, self.result, self.now)


def close_left_over(stage: Stage, before: Callback, attempt: Attempt, result: AttemptResult, now: datetime) -> Callback:
    """End an attempt without a transition; the node's hold on an unowned callback ends with it.

    A result that the callback got after the attempt's own (a cancel, a disposition) stays.
    """
    fields = stage.close_attempt(before, attempt.n, result, now)
    if attempt.call_result is not None and attempt.call_result != before.call_result:
        del fields["call_result"]
    if before.position in UNOWNED:
        fields |= {"node": None, "lease_until": None}
    return stage.put(before, {**fields, "updated_at": now})


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAttempt(_Move):
    """The person was reached: result and verdict on the attempt, which stays open, and the transition."""

    n: int
    result: AttemptResult

    def apply(self, stage: Stage) -> tuple[Callback, Attempt]:
        """Write the result and move the callback on."""
        before = stage.callback(self.callback_id)
        attempt = stage.note_result(self.callback_id, self.n, self.result)
        changes = {"call_result": self.result.call_result, **self.changes}
        return self._made(stage, before, self.to, changes=changes), attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(_OfOne):
    """Fields set without a transition: properties and user data, the target in turn, the agent who has it."""

    version: int | None
    now: datetime
    changes: Mapping[str, Any]

    def apply(self, stage: Stage) -> Callback:
        """Set them."""
        before = stage.callback(self.callback_id, self.version)
        refused = set(self.changes) - UPDATABLE
        if refused:
            raise InvalidTransition(f"{', '.join(sorted(refused))}: set by transitions only", event="")
        return stage.put(before, {**self.changes, "updated_at": self.now})


UPDATABLE = frozenset(
    {
        "agent_id",
        "target",
        "target_index",
        "priority",
        "language",
        "user_data",
        "props",
        "push_targets",
        "access",
        "survey_route_point",
        "name_recording",
        "expires_at",
        "deadline_at",
        "call_result",
    }
)
"""Fields that may change without a transition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddJournal:
    """Steps of a running callback."""

    callback_id: str
    entries: Sequence[JournalEntry]
    ids: Sequence[str] = ()
    dials: bool = False

    def apply(self, stage: Stage) -> None:
        """Add them."""
        stage.journal.append((self.callback_id, self.entries))
