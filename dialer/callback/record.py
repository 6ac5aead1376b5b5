"""The callback record and what hangs on it: attempts, history, journal. Frozen values, as the store gives them.

Source: spec records sections 2 and 3. All times are aware UTC, to the millisecond (records section 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dialer.callback.call_result import CallResult, DialResult, dial_result_of
from dialer.callback.state import Actor, Phase, Position, State

JSON = Mapping[str, Any]

IMMEDIATE = "immediate"
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One callback; `dials[]` and `history[]` of the specification are `Store.attempts` and `Store.history`.

    Attributes beyond records section 2:
        version: Rises with every change; the guard of the next one.
        lease_until: Until when `node` owns it; None when no node works on it.
        last_event: Number of the last transition (needed by `callback_status` 6).
        transferred: An agent has transferred the call (T71).
        free_in_a_row: Attempts since the last counted one that did not count (records section 8, rule 1).
        first_dial_at: Start of the first attempt.
        dials: Attempts begun, counted or not; the number `n` of the last one.
    """

    id: str
    service: str
    family: str = "v3"
    type: str = IMMEDIATE
    state: State
    phase: Phase | None = None
    reason: str | None = None
    reason_detail: str | None = None
    resume_state: State | None = None
    customer_number: str
    number_e164: str | None = None
    desired_time: datetime
    created_at: datetime
    accepted_at: datetime
    queued_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime
    expires_at: datetime | None = None
    deadline_at: datetime | None = None
    attempts: int = 0
    next_dial_at: datetime | None = None
    call_result: CallResult = CallResult.UNKNOWN
    agent_id: str | None = None
    agents_rejected: tuple[str, ...] = ()
    target: str = ""
    target_index: int = 0
    priority: int = 0
    channel: str = "WEB"
    language: str | None = None
    offer: JSON = field(default_factory=dict)
    user_data: JSON = field(default_factory=dict)
    props: JSON = field(default_factory=dict)
    lookup: Mapping[str, str] = field(default_factory=dict)
    push_targets: tuple[JSON, ...] = ()
    in_queue: bool = False
    snoozed: bool = False
    paused_at: datetime | None = None
    origin: str = "api_v1"
    origination_interaction_id: str | None = None
    survey_route_point: str | None = None
    created_by: str | None = None
    cancelled_by: str | None = None
    rescheduled_by: str | None = None
    recreated_by: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    replaced_by: str | None = None
    name_recording: str | None = None
    access: JSON = field(default_factory=dict)
    node: str | None = None
    region: str | None = None
    session_id: str | None = None
    version: int = 1
    lease_until: datetime | None = None
    last_event: str = ""
    transferred: bool = False
    free_in_a_row: int = 0
    first_dial_at: datetime | None = None
    dials: int = 0

    @property
    def position(self) -> Position:
        """State and phase together."""
        return (self.state, self.phase)

    @property
    def open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state is not State.COMPLETED

    @property
    def number(self) -> str:
        """The number that throttles, rules and the dial lock compare: E.164, as received when it does not parse."""
        return self.number_e164 or self.customer_number


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCallback:
    """What a booking hands to the store; the transition (T01, T02, T03) gives the state.

    Attributes:
        id: None lets the store give one, ``<number of the service>-<uuid4>``.
        resume_state: Only with T03: SCHEDULED or QUEUED.
        accepted_at: None = the time of creation.
        desired_time: None = the time of creation (immediate).
    """

    service: str
    customer_number: str
    id: str | None = None
    number_e164: str | None = None
    family: str = "v3"
    type: str = IMMEDIATE
    resume_state: State | None = None
    desired_time: datetime | None = None
    accepted_at: datetime | None = None
    expires_at: datetime | None = None
    deadline_at: datetime | None = None
    target: str = ""
    priority: int = 0
    channel: str = "WEB"
    language: str | None = None
    offer: JSON = field(default_factory=dict)
    user_data: JSON = field(default_factory=dict)
    props: JSON = field(default_factory=dict)
    lookup: Mapping[str, str] = field(default_factory=dict)
    push_targets: tuple[JSON, ...] = ()
    origin: str = "api_v1"
    origination_interaction_id: str | None = None
    survey_route_point: str | None = None
    created_by: str | None = None
    recreated_by: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    name_recording: str | None = None
    access: JSON = field(default_factory=dict)
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One entry of `dials[]`: a call to the customer, written before its INVITE and closed when its leg has ended.

    Attributes:
        callback_id: Whose attempt it is.
        n: 1 for the first.
        number: What the dial lock compares (`Callback.number`); one open attempt per number.
        ended_at: None while it is open.
        counted: Whether it raised `Callback.attempts`; None while it is open.
        evidence: What led to the verdict, and the leg's statistics; free form.
    """

    callback_id: str
    n: int
    number: str
    started_at: datetime
    node: str
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    sip_status: int | None = None
    q850: int | None = None
    verdict: str | None = None
    call_result: CallResult | None = None
    dial_result: DialResult | None = None
    counted: bool | None = None
    forwarded: bool = False
    evidence: JSON = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether the customer leg has not ended yet."""
        return self.ended_at is None

    def noting(self, result: "AttemptResult") -> "Attempt":
        """The attempt with what is known of it now; what the result leaves open keeps its value."""
        return replace(
            self,
            call_result=result.call_result,
            dial_result=result.dial_result or dial_result_of(result.call_result),
            sip_status=self.sip_status if result.sip_status is None else result.sip_status,
            q850=self.q850 if result.q850 is None else result.q850,
            verdict=self.verdict if result.verdict is None else result.verdict,
            answered_at=self.answered_at if result.answered_at is None else result.answered_at,
            forwarded=self.forwarded or result.forwarded,
            evidence={**self.evidence, **result.evidence},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """How an attempt ended, or what is known of it so far.

    Attributes:
        call_result: Its result.
        dial_result: None = by the table of results.
        counted: None = by rule 2 of records section 8.
        answered_at: None keeps what the attempt has.
    """

    call_result: CallResult
    sip_status: int | None = None
    q850: int | None = None
    verdict: str | None = None
    dial_result: DialResult | None = None
    counted: bool | None = None
    answered_at: datetime | None = None
    forwarded: bool = False
    evidence: JSON = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One transition of a callback."""

    at: datetime
    event: str
    from_state: State | None
    from_phase: Phase | None
    to_state: State | None
    to_phase: Phase | None
    actor: Actor
    user: str | None = None
    note: str = ""


JOURNAL_KINDS = frozenset({"sip", "media", "detection", "treatment", "routing", "timer", "state"})
"""What a journal entry may be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One step of a running callback, for its timeline.

    Attributes:
        at: Wall time.
        t_ms: Milliseconds since the run began, on the monotonic clock.
        attempt: Number of the attempt it belongs to; None outside attempts.
        kind: One of `JOURNAL_KINDS`.
        text: One line for people.
        data: Facts for programs.
    """

    at: datetime
    t_ms: float
    kind: str
    text: str
    attempt: int | None = None
    data: JSON = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """Heartbeat of a node."""

    name: str
    region: str | None = None
    url: str | None = None
    heartbeat_at: datetime
    sessions: int = 0
    draining: bool = False
