"""Operations on the ownership of callbacks: claim, recover, release, remove."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dialer.callback.admission import Admit, Refusal
from dialer.callback.call_result import CallResult
from dialer.callback.record import Attempt, AttemptResult, Callback
from dialer.callback.state import UNOWNED, Actor, Phase, State
from dialer.callback.transition import resolve
from dialer.store.desk import CANCELS, Stage
from dialer.store.operation import close_left_over


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Take over callbacks that are due (T05, T33) or waiting without an owner.

    Attributes:
        admit: who may enter a queue; None: everybody.
        lengths: callbacks in each service's queue before.
    """

    ids: Sequence[str]
    node: str
    now: datetime
    lease_until: datetime
    admit: Admit | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    dials: bool = False

    def apply(self, stage: Stage) -> list[Callback]:
        """Take those that are still free."""
        lengths = Counter(self.lengths)
        return [taken for callback_id in self.ids if (taken := self._take(stage, callback_id, lengths)) is not None]

    def _take(self, stage: Stage, callback_id: str, lengths: Counter[str]) -> Callback | None:
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
        if event == "T05" and self.admit is not None:
            refusal = self.admit(before, lengths[before.service])
            if refusal is not None:
                return self._refuse(stage, before, refusal)
            lengths[before.service] += 1
        return stage.change(before, event, to=None, actor=Actor.ENGINE, now=self.now, changes={}, facts=ownership)

    def _refuse(self, stage: Stage, before: Callback, refusal: Refusal) -> Callback:
        changes: dict[str, Any] = {"reason": refusal.reason, "reason_detail": refusal.detail}
        if refusal.call_result is not None:
            changes["call_result"] = refusal.call_result
        return stage.change(before, refusal.event, to=None, actor=Actor.ENGINE, now=self.now, changes=changes)


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
        result = CallResult.CANCEL_RECORD if before.last_event in CANCELS else CallResult.STALE
        if before.last_event == "T73" and attempt.call_result is not None:
            result = attempt.call_result  # the talk was over; only the survey was cut
        return close_left_over(stage, before, attempt, AttemptResult(call_result=result), self.now)

    def _resubmit(self, stage: Stage, before: Callback, attempt: Attempt | None) -> Callback:
        event = _RECOVERY[before.state]
        facts: dict[str, Any] = {"node": None, "lease_until": None}
        if attempt is not None:
            talking = before.state is State.PROCESSING and attempt.call_result is not None
            result = attempt.call_result if talking and attempt.call_result is not None else CallResult.STALE
            counted = False if event == "T91" else None  # the customer was reached and is called again for our sake
            told = AttemptResult(call_result=result, counted=counted)
            facts |= stage.close_attempt(before, attempt.n, told, self.now)
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
