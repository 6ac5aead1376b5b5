"""A callback as the first generation shows it: to its API's clients, and to who subscribed to its states."""

from __future__ import annotations

from typing import Any, Final

from dialer.callback.record import Callback
from dialer.callback.state import State
from dialer.clock import stamp
from dialer.config import DialerConfig

RETURNED: Final = {
    "_ors_session_id": "session_id",
    "_channel": "channel",
    "_agent_id": "agent_id",
}
"""Keys of `returned-keys` that are fields of the record; the others are looked up among properties."""


def v1_record(config: DialerConfig, callback: Callback) -> dict[str, Any]:
    """A callback as v1 shows it (api.md §2.5)."""
    shown: dict[str, Any] = {
        "_id": callback.id,
        "_desired_time": stamp(callback.desired_time),
        "_service_name": callback.service,
        "_callback_state": str(callback.state),
        "_expiration_time": stamp(callback.expires_at),
        "_customer_number": callback.number,
        "_url": f"/{config.api.v1.base}/1/service/callback/{callback.service}/{callback.id}",
    }
    if callback.state is State.COMPLETED:
        shown["_callback_reason"] = callback.reason
    shown |= {key: value for key, value in callback.lookup.items() if key not in shown}
    for key in config.callback.returned_keys:
        value = getattr(callback, RETURNED[key]) if key in RETURNED else callback.props.get(key)
        if key not in shown and value not in {None, ""}:
            shown[key] = value
    return shown
