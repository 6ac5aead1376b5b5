"""What keeps a callback from entering the queue, as a value.

Source: transitions T07 and T87 of spec records section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.callback.record import Callback


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it ends instead.

    Attributes:
        event: T07, the queue does not take it, or T87, its session cannot start.
        reason, detail: of the completed callback.
        call_result: None keeps the callback's.
    """

    event: str
    reason: Reason
    detail: str | None = None
    call_result: CallResult | None = None


Admit: TypeAlias = Callable[[Callback, int], Refusal | None]
"""Decides, by the callback and the number of callbacks in its service's queue, whether it enters; None: it does.

Called within a transaction, on the store's thread: it must not wait for anything.
"""
