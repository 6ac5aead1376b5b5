"""From SIP statuses, Q.850 causes and timers to call results.

Source: spec records section 6.1; status codes RFC 3261 section 21, cause values ITU-T Q.850 table 1, `Reason` header
RFC 3326.
"""

from collections.abc import Mapping
from enum import StrEnum

from dialer.callback.call_result import CallResult

_SIP_TABLE: dict[CallResult, tuple[int, ...]] = {
    CallResult.GENERAL_ERROR: (
        *(400, 401, 402, 403, 405, 406, 407, 413, 414, 415, 420, 421, 423),
        *(481, 482, 483, 485, 487, 488, 489, 491, 493, 606),
    ),
    CallResult.SIT_VACANT: (404, 604),
    CallResult.NO_ANSWER: (408, 480),
    CallResult.SIT_OPER_INTERCEPT: (410,),
    CallResult.SIT_INVALID_NUM: (416, 484),
    CallResult.BUSY: (486, 600),
    CallResult.SYSTEM_ERROR: (500, 501, 502, 505, 513, 580),
    CallResult.SIT_NO_CIRCUIT: (503,),
    CallResult.SIT_REORDER: (504,),
    CallResult.REMOTE_RELEASE: (603, 608),
    CallResult.DO_NOT_CALL: (607,),
}

_Q850_TABLE: dict[CallResult, tuple[int, ...]] = {
    CallResult.SIT_VACANT: (1, 2, 3),
    CallResult.SIT_UNKNOWN: (4,),
    CallResult.SIT_INVALID_NUM: (5, 28),
    CallResult.BUSY: (17,),
    CallResult.NO_ANSWER: (18, 19, 20, 102),
    CallResult.REMOTE_RELEASE: (21,),
    CallResult.SIT_OPER_INTERCEPT: (22,),
    CallResult.REDIRECTED: (23,),
    CallResult.GENERAL_ERROR: (26, 29, 50, 55, 57, 58, 63, 65, 69, 79, 87, 88),
    CallResult.SWITCH_ERROR: (6, 27, 38, 111),
    CallResult.SIT_NO_CIRCUIT: (34,),
    CallResult.SIT_REORDER: (41, 42, 47),
    CallResult.ALL_TRUNKS_BUSY: (44,),
}

SIP_RESULTS: dict[int, CallResult] = {status: result for result, codes in _SIP_TABLE.items() for status in codes}
"""Result of each final SIP status with a row of its own."""

Q850_RESULTS: dict[int, CallResult] = {cause: result for result, codes in _Q850_TABLE.items() for cause in codes}
"""Result of each Q.850 cause with a row of its own; all others leave it to the SIP status."""

Q850_SILENT = frozenset({16, 31, 127})
"""Causes that say nothing of their own: normal clearing, normal unspecified, interworking."""


class Progress(StrEnum):
    """How far a call came before it was given up, as `telephony` writes it."""

    NONE = "none"
    TRYING = "trying"
    SESSION_PROGRESS = "session_progress"
    RINGING = "ringing"


def call_result_of_progress(progress: str, *, ringback_heard: bool = False) -> CallResult:
    """The result when our timer ended a call without a final answer.

    Args:
        progress: ``none``, ``trying``, ``session_progress`` or ``ringing``.
        ringback_heard: Detection heard a ring tone in early media, which counts as ringing.
    """
    if ringback_heard or progress == Progress.RINGING:
        return CallResult.NO_ANSWER
    return CallResult.NO_RING_BACK if progress == Progress.SESSION_PROGRESS else CallResult.NO_PROGRESS


def call_result_of_q850(q850: int | None, overrides: Mapping[int, int] | None = None) -> CallResult | None:
    """The result that a cause of a `Reason` header gives; None when the SIP status decides."""
    if q850 is None:
        return None
    if overrides and q850 in overrides:
        return CallResult(overrides[q850])
    return None if q850 in Q850_SILENT else Q850_RESULTS.get(q850)


def call_result_of_status(
    status: int,
    *,
    retry_after: bool = False,
    from_own_gateway: bool = False,
    overrides: Mapping[int, int] | None = None,
) -> CallResult:
    """The result that a final SIP status gives by itself.

    Raises:
        ValueError: when `status` is not a failure (300..699).
    """
    if overrides and status in overrides:
        return CallResult(overrides[status])
    if status == 503 and (retry_after or from_own_gateway):
        return CallResult.ALL_TRUNKS_BUSY
    known = SIP_RESULTS.get(status)
    if known is not None:
        return known
    match status // 100:
        case 3:
            return CallResult.REDIRECTED
        case 5:
            return CallResult.SYSTEM_ERROR
        case 4 | 6:
            return CallResult.GENERAL_ERROR
        case _:
            msg = f"SIP status {status} ends no call"
            raise ValueError(msg)


def call_result_of_sip(
    status: int | None,
    *,
    q850: int | None = None,
    retry_after: bool = False,
    from_own_gateway: bool = False,
    own_decision: CallResult | None = None,
    tone: CallResult | None = None,
    timer_progress: str | None = None,
    ringback_heard: bool = False,
    sip_overrides: Mapping[int, int] | None = None,
    q850_overrides: Mapping[int, int] | None = None,
) -> CallResult:
    """The result of a call that was not answered, by the order of records section 6.1.

    (1) own decisions, (2) tones heard, (3) Q.850 cause, (4) SIP status, (5) timers.

    Args:
        status: Final SIP status; None when there was none.
        q850: Cause of a `Reason: Q.850` header.
        retry_after: The answer carried `Retry-After`.
        from_own_gateway: A 503 that our own gateway made, not the far network.
        own_decision: 41, 44, 51, 52 or 27 when we decided ourselves.
        tone: Result of a verdict from early or answered media.
        timer_progress: How far the call had come when our timer cancelled it; None when no timer of ours did.
        ringback_heard: A ring tone was heard in early media.
        sip_overrides: `[dial.sip_results]`, status to result.
        q850_overrides: `[dial.q850_results]`, cause to result.

    Raises:
        ValueError: when nothing of it says how the call ended.
    """
    if own_decision is not None:
        return own_decision
    if tone is not None:
        return tone
    by_cause = call_result_of_q850(q850, q850_overrides)
    if by_cause is not None:
        return by_cause
    if timer_progress is not None and status in {None, 487}:
        return call_result_of_progress(timer_progress, ringback_heard=ringback_heard)
    if status is None:
        raise ValueError("neither a SIP status, nor a cause, nor a timer says how the call ended")
    return call_result_of_status(
        status, retry_after=retry_after, from_own_gateway=from_own_gateway, overrides=sip_overrides
    )
