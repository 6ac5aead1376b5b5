"""Puts a callback off for a while (T70): when it is due again, and the change itself for who is not its scenario.

The store decides; the node that has the call hears of it and releases the call. The callback keeps its place in the
line (`queued_at`) and comes back into it when its time has come (T33).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.config import DialerConfig

LONGEST_S: Final = 30 * 86400.0  # a longer wait is a new callback


def snoozed_until(config: DialerConfig, callback: Callback, now: datetime, delay_s: float | None = None) -> datetime:
    """When a callback that is snoozed now is due again.

    Args:
        config: the services.
        callback: whose service's `snooze_delay` counts.
        now: aware.
        delay_s: another delay, s; at most 30 days are given.
    """
    seconds = config.options_for(callback).snooze_delay if delay_s is None else delay_s
    return now + timedelta(seconds=min(max(0.0, seconds), LONGEST_S))


def can_snooze(callback: Callback) -> bool:
    """Whether T70 may start here."""
    return callback.phase is Phase.CONFIRM_WAIT or callback.state in {State.ROUTING, State.PROCESSING}
