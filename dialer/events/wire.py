"""Events as other programs see them: plain JSON objects, without user data and without the customer's number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialer.clock import stamp
from dialer.events.event import AgentChanged, CallbackChanged

if TYPE_CHECKING:
    from dialer.callback.record import Callback


def agent_changed(event: AgentChanged) -> dict[str, Any]:
    """An agent's change of state."""
    return {
        "agent": event.agent_id,
        "state": str(event.new_state),
        "old_state": str(event.old_state),
        "at": stamp(event.at),
        "reason": event.reason,
    }


def callback_changed(event: CallbackChanged) -> dict[str, Any]:
    """A callback's transition; `event` is its number in records.md §3."""
    callback = event.callback
    return {
        "callback": callback.id,
        "service": callback.service,
        "event": event.event,
        "state": str(callback.state),
        "phase": None if callback.phase is None else str(callback.phase),
        "reason": callback.reason,
        "call_result": int(callback.call_result),
        "attempts": callback.attempts,
        "agent": callback.agent_id,
        "channel": callback.channel,
        "desired_time": stamp(callback.desired_time),
        "at": stamp(callback.updated_at),
    }


def call_of(callback: Callback, shown_keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """What an agent needs to know of a call (api.md §5.5); user data limited to `shown_keys`, empty: all.

    For the agent alone: it carries the customer's number and user data, which must never be written to logs.
    """
    data = dict(callback.user_data)
    return {
        "callback": callback.id,
        "service": callback.service,
        "type": callback.type,
        "number": callback.customer_number,
        "attempts": callback.attempts,
        "rejects": len(callback.agents_rejected),
        "user_data": {key: value for key, value in data.items() if key in shown_keys} if shown_keys else data,
    }
