"""Which call flow a callback takes, by the options of its service."""

from __future__ import annotations

from dialer.callback.record import Callback
from dialer.scenario.agent_first import AgentFirst
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.house import House
from dialer.scenario.inbound.call_awaited import CallAwaited
from dialer.scenario.user_terminated import UserTerminated


def attempt_of(house: House, callback: Callback) -> CallAttempt:
    """Makes the scenario of one attempt; nothing has happened yet."""
    options = house.config.options_for(callback)
    if options.call_direction == "USERORIGINATED":
        return CallAwaited(house, callback)
    if options.agent_first:
        return AgentFirst(house, callback)
    return UserTerminated(house, callback)
