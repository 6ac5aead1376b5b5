"""The closed list of events. Each is a frozen value, complete in itself; times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the record's values are only named here, so a bus needs no record to exist
    from dialer.callback.push import PushRecord
    from dialer.callback.record import Attempt, Callback, JournalEntry


@dataclass(frozen=True, slots=True)
class CallbackChanged:
    """A callback made a transition (or was created); the change is committed."""

    callback: Callback
    event: str  # T-number of records.md §3, e.g. "T31"


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A dial attempt's row is committed; its INVITE leaves next."""

    callback: Callback
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """A dial attempt is closed with its result."""

    callback: Callback
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a callback's timeline: a SIP, media, detection, treatment, routing or timer step."""

    callback_id: str
    entry: JournalEntry


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """An agent's state changed; the states are the names of `routing.AgentState`."""

    agent_id: str
    old_state: str
    new_state: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PreviewOffered:
    """An agent is asked whether to take a callback; `data` is what the desk shows (api.md §5.5)."""

    agent_id: str
    callback: Callback
    data: Mapping[str, Any]
    until: datetime


@dataclass(frozen=True, slots=True)
class PreviewClosed:
    """A preview is over: "accepted", "rejected", "timeout", or "withdrawn" because the callback was cancelled."""

    agent_id: str
    callback_id: str
    how: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DispositionDue:
    """The talk is over, and the agent is asked what came of it."""

    agent_id: str
    callback: Callback
    until: datetime


@dataclass(frozen=True, slots=True)
class PushSent:
    """The delivery of a push message is over, one way or the other."""

    callback: Callback
    push: PushRecord


@dataclass(frozen=True, slots=True)
class CustomerAnswered:
    """A customer answered the question whether now is a good time; the answer is committed."""

    callback_id: str
    answer: str  # "yes", "no" or "later"
    at: datetime


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node started, drains, stopped, or lost or regained something it depends on."""

    node: str
    state: str  # "started", "draining", "stopped", "sip_up", "sip_down", "media_up", "media_down", "db_up", "db_down"
    # also "mqtt_up", "mqtt_down"
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A create was refused (T04): no record exists. Carries no user data."""

    service: str
    origin: str  # "api_v1", "api_v3", "ui", "ivr", "call_in"
    cause: str  # exception class of api.md §2.2, e.g. "InvalidNumber"
    message: str
    at: datetime


Event = (
    CallbackChanged
    | AttemptStarted
    | AttemptEnded
    | Step
    | AgentChanged
    | PreviewOffered
    | PreviewClosed
    | DispositionDue
    | PushSent
    | CustomerAnswered
    | NodeState
    | Rejected
)
