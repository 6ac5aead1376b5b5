"""The rows that one transaction works on, and what it will write: values in, values out, no I/O.

A transaction carries the operations of many writers. The desk holds the rows that they asked for, read under lock;
each operation works on a `Stage` of its own, which is kept only when the operation succeeds: one that is refused
leaves nothing behind and does not disturb its neighbours.
"""

import base64
import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dialer.callback.call_result import CallResult
from dialer.callback.effect import consequences, counts
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Attempt, AttemptResult, Callback, HistoryEntry, JournalEntry
from dialer.callback.state import Actor, Phase, Position, State
from dialer.callback.transition import TRANSITIONS, Transition, resolve
from dialer.store.errors import AttemptClosed, AttemptConflict, DuplicateCallback, UnknownCallback, VersionConflict

AttemptKey = tuple[str, int]

DIAL_PLACES: frozenset[Position] = frozenset({(State.QUEUED, Phase.DIALING), (State.ROUTING, Phase.CUSTOMER_DIAL)})
"""Where a customer is being dialled: entered together with the attempt's row only."""

CALLED_IN = "T52"
"""The customer is on the line by a call of their own: its attempt begins answered."""

ENDS_ATTEMPT = frozenset({"T21", "T32", "T34", "T45", "T46"})
"""Transitions that are the end of an attempt; they go together with its result."""

CANCELS = frozenset({"T80", "T81"})
"""A cancel during an attempt gives call_result 52; the attempt stays open until its leg is released."""


def new_session_id() -> str:
    """32 upper-case base32 characters (records section 2)."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


@dataclasses.dataclass(slots=True)
class Desk:
    """What a transaction has read and what it is going to write.

    Attributes:
        callbacks: Rows read, or as changed so far.
        open_attempts: Open attempts of these callbacks, by callback id.
        numbers: Numbers with an open attempt, as far as anybody asked, and whose it is.
        created: Ids of new callbacks.
        touched: Fields changed, by callback id.
        begun: Keys of new attempts.
        attempts: Attempts changed or new, by key.
        history: Entries to add, with their callback's id.
        journal: Entries to add, with their callback's id.
    """

    callbacks: dict[str, Callback] = dataclasses.field(default_factory=dict)
    open_attempts: dict[str, Attempt] = dataclasses.field(default_factory=dict)
    numbers: dict[str, str] = dataclasses.field(default_factory=dict)
    created: list[str] = dataclasses.field(default_factory=list)
    touched: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    begun: set[AttemptKey] = dataclasses.field(default_factory=set)
    attempts: dict[AttemptKey, Attempt] = dataclasses.field(default_factory=dict)
    history: list[tuple[str, HistoryEntry]] = dataclasses.field(default_factory=list)
    journal: list[tuple[str, Sequence[JournalEntry]]] = dataclasses.field(default_factory=list)
    removed: list[str] = dataclasses.field(default_factory=list)

    def keep(self, stage: "Stage") -> None:
        """Take over what a successful operation has done."""
        self.callbacks.update(stage.callbacks)
        for callback_id, names in stage.touched.items():
            self.touched.setdefault(callback_id, set()).update(names)
        self.created += stage.created
        self.begun |= stage.begun
        self.history += stage.history
        self.journal += stage.journal
        self.removed += stage.removed
        for key, attempt in stage.attempts.items():
            self.attempts[key] = attempt
            self._lock_number(attempt)

    def _lock_number(self, attempt: Attempt) -> None:
        if attempt.open:
            self.open_attempts[attempt.callback_id] = attempt
            self.numbers[attempt.number] = attempt.callback_id
        else:
            self.open_attempts.pop(attempt.callback_id, None)
            self.numbers.pop(attempt.number, None)


class Stage:
    """One operation's changes, on top of the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.callbacks: dict[str, Callback] = {}
        self.created: list[str] = []
        self.touched: dict[str, set[str]] = {}
        self.begun: set[AttemptKey] = set()
        self.attempts: dict[AttemptKey, Attempt] = {}
        self.history: list[tuple[str, HistoryEntry]] = []
        self.journal: list[tuple[str, Sequence[JournalEntry]]] = []
        self.removed: list[str] = []
        self._latest: dict[str, Attempt] = {}

    def callback(self, callback_id: str, version: int | None = None) -> Callback:
        """The callback as it stands now.

        Raises:
            UnknownCallback: when there is none.
            VersionConflict: when `version` is given and not the current one.
        """
        found = self.find(callback_id)
        if found is None:
            raise UnknownCallback(callback_id)
        if version is not None and found.version != version:
            raise VersionConflict(callback_id, version, found.version)
        return found

    def find(self, callback_id: str) -> Callback | None:
        """The callback as it stands now; None when there is none (any more)."""
        if callback_id in self._desk.removed:
            return None
        return self.callbacks.get(callback_id) or self._desk.callbacks.get(callback_id)

    def open_attempt(self, callback_id: str) -> Attempt | None:
        """The callback's open attempt."""
        attempt = self._latest.get(callback_id) or self._desk.open_attempts.get(callback_id)
        return attempt if attempt is not None and attempt.open else None

    def _put_attempt(self, attempt: Attempt) -> Attempt:
        self.attempts[(attempt.callback_id, attempt.n)] = attempt
        self._latest[attempt.callback_id] = attempt
        return attempt

    def create(self, fresh: Callback, row: Transition, actor: Actor, user: str | None) -> Callback:
        """Add a new callback with its first history entry.

        Raises:
            DuplicateCallback: when its id is taken.
        """
        if fresh.id in self._desk.callbacks or fresh.id in self.callbacks:
            raise DuplicateCallback(fresh.id)
        self.callbacks[fresh.id] = fresh
        self.created.append(fresh.id)
        entry = HistoryEntry(
            at=fresh.created_at,
            event=row.number,
            from_state=None,
            from_phase=None,
            to_state=fresh.state,
            to_phase=fresh.phase,
            actor=actor,
            user=user,
        )
        self.history.append((fresh.id, entry))
        return fresh

    def change(
        self,
        before: Callback,
        event: str,
        *,
        to: Position | None,
        actor: Actor,
        now: datetime,
        changes: Mapping[str, Any],
        facts: Mapping[str, Any] | None = None,
        user: str | None = None,
        note: str = "",
    ) -> Callback:
        """Carry out one transition; `changes` are the caller's, `facts` the store's own.

        An attempt that is still open stays so, and its node keeps the lease, until the customer's leg has ended: the
        number is not free before.

        Raises:
            InvalidTransition: when the table does not allow it.
        """
        row = TRANSITIONS.get(event)
        target = resolve(event, before.position, to, actor=actor)
        if row is None or target is None:
            raise InvalidTransition(f"{event} removes the record: use Store.remove_expired", event=event)
        fields = {**consequences(row, before, target, now, changes), **(facts or {})}
        if self.open_attempt(before.id) is not None:
            fields |= self._with_open_attempt(before, event)
        if target == (State.QUEUED, Phase.SUBMITTING):
            fields["session_id"] = new_session_id()
        after = self.put(before, fields)
        self._note(before, after, event, actor, now, user, note)
        return after

    def _note(
        self, before: Callback, after: Callback, event: str, actor: Actor, now: datetime, user: str | None, note: str
    ) -> None:
        entry = HistoryEntry(
            at=now,
            event=event,
            from_state=before.state,
            from_phase=before.phase,
            to_state=after.state,
            to_phase=after.phase,
            actor=actor,
            user=user,
            note=note,
        )
        self.history.append((before.id, entry))

    def put(self, before: Callback, fields: Mapping[str, Any]) -> Callback:
        """Set fields of a callback; its version rises."""
        after = dataclasses.replace(before, **fields, version=before.version + 1)
        self.callbacks[after.id] = after
        self.touched.setdefault(after.id, set()).update(fields, {"version"})
        return after

    def begin_attempt(self, before: Callback, now: datetime, node: str) -> Attempt:
        """Open the next attempt.

        Raises:
            AttemptConflict: when the callback or its number has one already.
        """
        holder = self._desk.numbers.get(before.number or before.id)
        if holder is not None or self.open_attempt(before.id) is not None:
            raise AttemptConflict(before.id, before.number, holder)
        number = before.number or before.id  # who dials in may have given no number
        attempt = Attempt(callback_id=before.id, n=before.dials + 1, number=number, started_at=now, node=node)
        self.begun.add((attempt.callback_id, attempt.n))
        return self._put_attempt(attempt)

    def note_result(self, callback_id: str, n: int, result: AttemptResult) -> Attempt:
        """Write what is known of an open attempt.

        Raises:
            AttemptClosed: when it has ended.
        """
        attempt = self.open_attempt(callback_id)
        if attempt is None or attempt.n != n:
            raise AttemptClosed(callback_id, n)
        return self._put_attempt(attempt.noting(result))

    def close_attempt(self, before: Callback, n: int, result: AttemptResult, now: datetime) -> dict[str, Any]:
        """End an open attempt.

        Returns:
            The fields of the callback that follow from it: `call_result`, `attempts`, `free_in_a_row`.

        Raises:
            AttemptClosed: when it has ended already.
        """
        attempt = self.note_result(before.id, n, result)
        counted = counts(result.call_result, before.free_in_a_row) if result.counted is None else result.counted
        self._put_attempt(dataclasses.replace(attempt, ended_at=now, counted=counted))
        return {
            "call_result": result.call_result,
            "attempts": before.attempts + counted,
            "free_in_a_row": 0 if counted else before.free_in_a_row + 1,
        }

    def _with_open_attempt(self, before: Callback, event: str) -> dict[str, Any]:
        if event in ENDS_ATTEMPT:
            raise InvalidTransition(f"{event} ends an attempt: use Store.end_attempt", event=event)
        kept: dict[str, Any] = {"node": before.node, "lease_until": before.lease_until}
        return kept | ({"call_result": CallResult.CANCEL_RECORD} if event in CANCELS else {})


def first_version(
    fields: Mapping[str, Any], event: str, to: Position | None, actor: Actor, now: datetime
) -> tuple[Callback, Transition]:
    """A new callback as T01, T02 or T03 makes it.

    Args:
        fields: Fields of the record, without state.
        event: The transition.
        to: Its target; None = the only one.
        actor: Who books.
        now: Time of creation.

    Raises:
        InvalidTransition: when `event` creates nothing, or `actor` may not book.
    """
    target = resolve(event, None, to, actor=actor)
    row = TRANSITIONS[event]
    if target is None:
        raise InvalidTransition(f"{event} ({row.event}) makes no record", event=event)
    state, phase = target
    resume = fields.get("resume_state")
    if (state is State.PAUSED) != (resume is not None) or (row.resume_states and resume not in row.resume_states):
        raise InvalidTransition(f"{event} ({row.event}) with resume state {resume}", event=event)
    fresh = Callback(
        **{
            **fields,
            "state": state,
            "phase": phase,
            "last_event": event,
            "created_at": now,
            "updated_at": now,
            "accepted_at": fields.get("accepted_at") or now,
            "desired_time": fields.get("desired_time") or now,
            "paused_at": now if state is State.PAUSED else None,
            "session_id": new_session_id() if phase is Phase.SUBMITTING else None,
            "root_id": fields.get("root_id") or fields["id"],
        }
    )
    return fresh, row
