"""What may be asked of the store, each as one value that works on a `Stage`.

An operation says which rows it needs (`ids`), then does its work on them without I/O; when it is refused, the
exception goes to its caller alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from dialer.callback.call_result import CallResult
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Attempt, AttemptResult, Callback, JournalEntry
from dialer.callback.state import UNOWNED, Actor, Phase, Position, State
from dialer.callback.transition import resolve
from dialer.store.desk import CANCELS, DIAL_PLACES, Stage, first_version
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
class Change:
    """One transition of one callback."""

    callback_id: str
    version: int | None
    event: str
    actor: Actor
    now: datetime
    to: Position | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    note: str = ""
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

    def apply(self, stage: Stage) -> Callback:
        """Carry it out."""
        before = stage.callback(self.callback_id, self.version)
        target = resolve(self.event, before.position, self.to, actor=self.actor)
        if target in DIAL_PLACES:
            msg = f"{self.event} begins an attempt: use Store.begin_attempt, which writes it before the INVITE"
            raise InvalidTransition(msg, event=self.event)
        return stage.change(
            before,
            self.event,
            to=target,
            actor=self.actor,
            now=self.now,
            changes=self.changes,
            user=self.user,
            note=self.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginAttempt:
    """The transition to dialling and the attempt's row, together."""

    callback_id: str
    version: int | None
    event: str
    actor: Actor
    now: datetime
    node: str
    lease_until: datetime
    to: Position | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    dials: bool = True

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

    def apply(self, stage: Stage) -> tuple[Callback, Attempt]:
        """Open the attempt and enter the dialling phase."""
        before = stage.callback(self.callback_id, self.version)
        target = resolve(self.event, before.position, self.to, actor=self.actor)
        if target not in DIAL_PLACES:
            raise InvalidTransition(f"{self.event} does not begin an attempt", event=self.event)
        attempt = stage.begin_attempt(before, self.now, self.node)
        facts = {
            "node": self.node,
            "lease_until": self.lease_until,
            "next_dial_at": None,
            "dials": attempt.n,
            "first_dial_at": before.first_dial_at or self.now,
        }
        after = stage.change(
            before,
            self.event,
            to=target,
            actor=self.actor,
            now=self.now,
            changes=self.changes,
            facts=facts,
            note=self.note,
        )
        return after, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAttempt:
    """The attempt's end together with the transition that follows from it."""

    callback_id: str
    n: int
    version: int | None
    event: str
    actor: Actor
    now: datetime
    result: AttemptResult
    to: Position | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    note: str = ""
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

    def apply(self, stage: Stage) -> Callback:
        """Close the attempt and move the callback on."""
        before = stage.callback(self.callback_id, self.version)
        facts = stage.close_attempt(before, self.n, self.result, self.now)
        return stage.change(
            before,
            self.event,
            to=self.to,
            actor=self.actor,
            now=self.now,
            changes={"call_result": facts.pop("call_result"), **self.changes},
            facts=facts,
            user=self.user,
            note=self.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAttempt:
    """The attempt's end, when the callback has moved on already: cancelled, purged, or the conversation is over."""

    callback_id: str
    n: int
    now: datetime
    result: AttemptResult
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

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
class AnswerAttempt:
    """The person was reached: result and verdict on the attempt, which stays open, and the transition."""

    callback_id: str
    n: int
    event: str
    actor: Actor
    now: datetime
    result: AttemptResult
    to: Position | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

    def apply(self, stage: Stage) -> tuple[Callback, Attempt]:
        """Write the result and move the callback on."""
        before = stage.callback(self.callback_id)
        attempt = stage.note_result(self.callback_id, self.n, self.result)
        after = stage.change(
            before,
            self.event,
            to=self.to,
            actor=self.actor,
            now=self.now,
            changes={"call_result": self.result.call_result, **self.changes},
            note=self.note,
        )
        return after, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVerdict:
    """What is known of an open attempt so far; the callback itself does not change."""

    callback_id: str
    n: int
    result: AttemptResult
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

    def apply(self, stage: Stage) -> Attempt:
        """Write it."""
        stage.callback(self.callback_id)
        return stage.note_result(self.callback_id, self.n, self.result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Fields set without a transition: properties and user data, the target in turn, the agent who has it."""

    callback_id: str
    version: int | None
    now: datetime
    changes: Mapping[str, Any]
    dials: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The callback's id."""
        return (self.callback_id,)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Take over callbacks that are due (T05, T33) or waiting without an owner."""

    ids: Sequence[str]
    node: str
    now: datetime
    lease_until: datetime
    dials: bool = False

    def apply(self, stage: Stage) -> list[Callback]:
        """Take those that are still free."""
        return [taken for callback_id in self.ids if (taken := self._take(stage, callback_id)) is not None]

    def _take(self, stage: Stage, callback_id: str) -> Callback | None:
        before = stage.callback(callback_id)
        ownership = {"node": self.node, "lease_until": self.lease_until}
        event = claim_event(before, self.now)
        if event is None:
            return None
        attempt = stage.open_attempt(callback_id)
        if attempt is not None:
            if before.lease_until is not None and before.lease_until > self.now:
                return None  # its node is still releasing the last call
            stale = AttemptResult(call_result=CallResult.STALE)
            before = close_left_over(stage, before, attempt, stale, self.now)
        if event == "":
            return stage.put(before, {**ownership, "updated_at": self.now})
        return stage.change(before, event, to=None, actor=Actor.ENGINE, now=self.now, changes={}, facts=ownership)


def claim_event(before: Callback, now: datetime) -> str | None:
    """The transition by which a node may take this callback; "" = without one, None = it may not."""
    if before.state is not State.QUEUED:
        return None
    if before.phase is Phase.SUBMITTING:
        return "T05"
    if before.phase in {Phase.RETRY_WAIT, Phase.SNOOZED}:
        return "T33" if before.next_dial_at is None or before.next_dial_at <= now else None
    return "" if before.phase is Phase.WAITING and before.node is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """Bring back callbacks whose node is lost (T90, T91, T92); their open attempts end as 46."""

    ids: Sequence[str]
    now: datetime
    node: str | None
    dials: bool = False

    def apply(self, stage: Stage) -> list[Callback]:
        """Recover those that are still lost."""
        return [back for callback_id in self.ids if (back := self._recover(stage, callback_id)) is not None]

    def _recover(self, stage: Stage, callback_id: str) -> Callback | None:
        before = stage.callback(callback_id)
        attempt = stage.open_attempt(callback_id)
        if not lost(before, self.now, self.node, attempt):
            return None
        if before.position in UNOWNED:
            return None if attempt is None else self._close(stage, before, attempt)
        return self._resubmit(stage, before, attempt)

    def _close(self, stage: Stage, before: Callback, attempt: Attempt) -> Callback:
        cancelled = before.last_event in CANCELS
        result = CallResult.CANCEL_RECORD if cancelled else CallResult.STALE
        return close_left_over(stage, before, attempt, AttemptResult(call_result=result), self.now)

    def _resubmit(self, stage: Stage, before: Callback, attempt: Attempt | None) -> Callback:
        event = _RECOVERY[before.state]
        facts: dict[str, Any] = {"node": None, "lease_until": None}
        if attempt is not None:
            talking = before.state is State.PROCESSING and attempt.call_result is not None
            result = attempt.call_result if talking and attempt.call_result is not None else CallResult.STALE
            facts |= stage.close_attempt(before, attempt.n, AttemptResult(call_result=result), self.now)
        changes = {"reason_detail": "node_lost"} if event == "T92" else {}
        note = f"node {before.node} lost" if before.node else "no node"
        return stage.change(
            before, event, to=None, actor=Actor.NODE, now=self.now, changes=changes, facts=facts, note=note
        )


_RECOVERY = {State.QUEUED: "T90", State.ROUTING: "T91", State.PROCESSING: "T92"}


def lost(before: Callback, now: datetime, node: str | None, attempt: Attempt | None) -> bool:
    """Whether nobody works on a callback, or on its open attempt, any more.

    Args:
        before: The callback.
        now: Leases that end by now are over.
        node: A node that has just started anew: whatever it held is lost too.
        attempt: The open attempt.
    """
    if before.position in UNOWNED and attempt is None:
        return False
    if node is not None and node in {before.node, attempt.node if attempt else None}:
        return True
    if before.lease_until is None:
        return before.position != (State.QUEUED, Phase.WAITING) or attempt is not None
    return before.lease_until <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A node gives callbacks back: waiting ones are free at once, others are recovered by whoever looks next."""

    ids: Sequence[str]
    node: str
    now: datetime
    dials: bool = False

    def apply(self, stage: Stage) -> list[Callback]:
        """Give back those that are still the node's."""
        released = []
        for before in filter(None, map(stage.find, self.ids)):
            if before.node == self.node and before.position not in UNOWNED:
                waiting = before.phase is Phase.WAITING
                given = {"node": None, "lease_until": None} if waiting else {"lease_until": self.now}
                released.append(stage.put(before, {**given, "updated_at": self.now}))
        return released


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Delete completed callbacks whose retention is over (T89)."""

    ids: Sequence[str]
    now: datetime
    dials: bool = False

    def apply(self, stage: Stage) -> list[str]:
        """Delete those that are over."""
        over = []
        for before in filter(None, map(stage.find, self.ids)):
            if before.state is State.COMPLETED and before.expires_at is not None and before.expires_at <= self.now:
                resolve("T89", before.position, None, actor=Actor.ENGINE)
                over.append(before.id)
        stage.removed += over
        return over


def lease_end(now: datetime, lease_s: float) -> datetime:
    """When a lease taken now ends."""
    return now + timedelta(seconds=lease_s)
