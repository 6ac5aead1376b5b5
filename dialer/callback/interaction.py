"""`callback_status` and `status` of the Callback Interaction resource, derived from the record.

Source: spec records section 5.
"""

from collections.abc import Callable
from enum import IntEnum

from dialer.callback.reason import PREVIEW_REASON, Reason
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State


class CallbackStatus(IntEnum):
    """What the callback's interaction is doing."""

    UNKNOWN = 0
    RECEIVED = 1
    TIMER = 2
    QUEUED = 3
    DISTRIBUTED = 4
    SUBMITTED_TO_AGT = 5
    REJECTED_BY_AGT = 6
    CANCELED_BY_AGT = 7
    PROCESSED_BY_AGT = 8
    FINAL = 9
    NOT_QUEUED = 10
    ERROR = 11
    REPLACED = 12
    AGT_TRANSFER = 13
    ENDTIME_EXPIRED = 14


class InteractionStatus(IntEnum):
    """Coarse status of an interaction."""

    NEW = 0
    PENDING = 1
    IN_PROCESS = 2
    STOPPED = 3


_NOT_QUEUED = frozenset({Reason.FAIL_QUEUEING, Reason.SUBMIT_ERROR, Reason.SUBMIT_FAILED})
_ERRORS = frozenset(
    {
        Reason.FAIL_ERROR,
        Reason.FAIL_LOAD_MESSAGE_FILE,
        Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE,
        Reason.FAIL_INCORRECT_CONFIG_MEDIA_TYPE,
        Reason.FAIL_NO_CUSTOMER_NUMBER,
        Reason.NOT_AVAILABLE,
    }
)
_WITH_AGENT = frozenset({Phase.AGENT_PREVIEW, Phase.AGENT_RING})
_ON_TIMER = frozenset({Phase.RETRY_WAIT, Phase.SNOOZED})

_Rule = tuple[CallbackStatus, Callable[[Callback], bool]]

_COMPLETED: tuple[_Rule, ...] = (
    (CallbackStatus.REPLACED, lambda c: c.replaced_by is not None),
    (CallbackStatus.ENDTIME_EXPIRED, lambda c: c.reason == Reason.FAIL_TIMEOUT_TTL),
    (CallbackStatus.PROCESSED_BY_AGT, lambda c: c.reason == Reason.AGENT_CONNECTED),
    (CallbackStatus.CANCELED_BY_AGT, lambda c: PREVIEW_REASON.fullmatch(c.reason or "") is not None),
    (CallbackStatus.NOT_QUEUED, lambda c: c.reason in _NOT_QUEUED),
    (CallbackStatus.ERROR, lambda c: c.reason in _ERRORS),
    (CallbackStatus.FINAL, lambda _: True),
)
_INTERMEDIATE: tuple[_Rule, ...] = (
    (CallbackStatus.NOT_QUEUED, lambda c: c.phase is Phase.EXPIRED),
    (CallbackStatus.AGT_TRANSFER, lambda c: c.state is State.PROCESSING and c.transferred),
    (CallbackStatus.PROCESSED_BY_AGT, lambda c: c.state is State.PROCESSING),
    (CallbackStatus.SUBMITTED_TO_AGT, lambda c: c.phase in _WITH_AGENT),
    (CallbackStatus.DISTRIBUTED, lambda c: c.state is State.ROUTING or c.phase is Phase.DIALING),
    (CallbackStatus.TIMER, lambda c: c.state in {State.SCHEDULED, State.PAUSED} or c.phase in _ON_TIMER),
    (CallbackStatus.REJECTED_BY_AGT, lambda c: c.phase is Phase.WAITING and c.last_event == "T41"),
    (CallbackStatus.RECEIVED, lambda c: c.phase is Phase.SUBMITTING),
    (CallbackStatus.QUEUED, lambda _: True),
)


def callback_status(callback: Callback | None) -> CallbackStatus:
    """`callback_status` of a callback: the first matching row of the table wins.

    Args:
        callback: None stands for an imported record without state.
    """
    if callback is None:
        return CallbackStatus.UNKNOWN
    rules = _COMPLETED if callback.state is State.COMPLETED else _INTERMEDIATE
    return next(status for status, fits in rules if fits(callback))


def interaction_status(callback: Callback) -> InteractionStatus:
    """`status` of a callback."""
    if callback.state is State.COMPLETED:
        return InteractionStatus.STOPPED
    if callback.state in {State.ROUTING, State.PROCESSING} or callback.phase is Phase.DIALING:
        return InteractionStatus.IN_PROCESS
    paused_before_its_time = callback.state is State.PAUSED and callback.resume_state is State.SCHEDULED
    if callback.state is State.SCHEDULED or paused_before_its_time or callback.phase is Phase.SUBMITTING:
        return InteractionStatus.NEW
    return InteractionStatus.PENDING
