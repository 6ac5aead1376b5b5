"""How long a call may take to be answered: one timer until the far end shows progress, another while it rings."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialer.telephony.sip_call import SipCall
    from dialer.telephony.sip_thread import SipThread, Timer


class SetupTimers:
    """The timers of all calls; used on the SIP thread only."""

    def __init__(self, thread: SipThread) -> None:
        self._thread = thread
        self._running: dict[int, Timer] = {}

    def dialled(self, call: SipCall, setup_timeout_s: float | None, ring_timeout_s: float | None) -> None:
        """The call is being placed."""
        call.ring_timeout_s = ring_timeout_s
        if setup_timeout_s is not None:
            self._start(call, setup_timeout_s, "no_progress")

    def progressed(self, call: SipCall) -> None:
        """The first 18x: the setup timeout is over, the ring timeout runs from here."""
        self.settled(call)
        if call.ring_timeout_s is not None:
            self._start(call, call.ring_timeout_s, "no_answer")

    def settled(self, call: SipCall) -> None:
        """The call was answered or has ended: no timer counts any more."""
        timer = self._running.pop(call.leg.key, None)
        if timer is not None:
            timer.cancel()

    def _start(self, call: SipCall, seconds: float, cause: str) -> None:
        self._running[call.leg.key] = self._thread.after(seconds, functools.partial(call.end, cause))
