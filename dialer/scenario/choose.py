"""Which call flow a callback takes, by the options of its service."""

from __future__ import annotations

from dialer.callback.record import Callback
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.house import House
from dialer.scenario.user_terminated import UserTerminated


def attempt_of(house: House, callback: Callback) -> CallAttempt:
    """Makes the scenario of one attempt; nothing has happened yet."""
    return UserTerminated(house, callback)
