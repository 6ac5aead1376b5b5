"""Completion reasons and the values their detail may take.

Source: spec records sections 4 and 9.
"""

import re
from enum import StrEnum

from dialer.callback.call_result import CallResult


class Reason(StrEnum):
    """Why a callback is COMPLETED; `AGENT_PREVIEW_CANCEL_AFTER_<n>REJECTS` carries its number, see `preview_reason`."""

    AGENT_CONNECTED = "AGENT_CONNECTED"
    CANCELLED = "CANCELLED"
    CANCELLED_BY_ADMIN = "CANCELLED_BY_ADMIN"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    FAIL_LOAD_MESSAGE_FILE = "FAIL_LOAD_MESSAGE_FILE"
    FAIL_INTERACTION_DELETED = "FAIL_INTERACTION_DELETED"
    FAIL_TARGET_NOT_FOUND = "FAIL_TARGET_NOT_FOUND"
    FAIL_ERROR = "FAIL_ERROR"
    FAIL_TIMEOUT_TTL = "FAIL_TIMEOUT_TTL"
    FAIL_IXN_UNKNOWN_MEDIA_TYPE = "FAIL_IXN_UNKNOWN_MEDIA_TYPE"
    FAIL_INCORRECT_CONFIG_MEDIA_TYPE = "FAIL_INCORRECT_CONFIG_MEDIA_TYPE"
    FAIL_NO_CUSTOMER_NUMBER = "FAIL_NO_CUSTOMER_NUMBER"
    FAIL_USER_NO_CONFIRM = "FAIL_USER_NO_CONFIRM"
    FAIL_QUEUEING = "FAIL_QUEUEING"
    FAIL_AGENT_CONNECT = "FAIL_AGENT_CONNECT"
    FAIL_CALL_TO_CUSTOMER = "FAIL_CALL_TO_CUSTOMER"
    FAIL_USER_UNREACHABLE = "FAIL_USER_UNREACHABLE"
    FAIL_FAX_REACHED = "FAIL_FAX_REACHED"
    SUBMIT_ERROR = "SUBMIT_ERROR"
    SUBMIT_FAILED = "SUBMIT_FAILED"


PREVIEW_REASON = re.compile(r"AGENT_PREVIEW_CANCEL_AFTER_([1-9][0-9]*)REJECTS")
"""The reason written by T42; its number is the limit of rejects."""

ANY = "*"
"""Stands for a value that is free text, in `DETAILS`."""

DETAILS: dict[Reason, tuple[str, ...]] = {
    Reason.AGENT_CONNECTED: ("talked", "disposition:*", "node_lost"),
    Reason.CANCELLED: ("api", "ivr", "customer"),
    Reason.CANCELLED_BY_ADMIN: ("single", "bulk:*"),
    Reason.NOT_AVAILABLE: (ANY,),  # plug-in name
    Reason.FAIL_LOAD_MESSAGE_FILE: (ANY,),  # file name
    Reason.FAIL_INTERACTION_DELETED: ("customer_hangup", "removed"),
    Reason.FAIL_TARGET_NOT_FOUND: ("on_call_wait", "queued_ttl"),
    Reason.FAIL_ERROR: (ANY,),  # exception class
    Reason.FAIL_TIMEOUT_TTL: ("ttl", "purge_time", "end_of_business"),
    Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE: (ANY,),  # medium
    Reason.FAIL_INCORRECT_CONFIG_MEDIA_TYPE: (ANY,),  # value
    Reason.FAIL_NO_CUSTOMER_NUMBER: (),
    Reason.FAIL_USER_NO_CONFIRM: ("attempts:*",),
    Reason.FAIL_QUEUEING: ("unknown_queue", "disabled", "full"),
    Reason.FAIL_AGENT_CONNECT: (ANY,),  # last error of the agent leg
    Reason.FAIL_CALL_TO_CUSTOMER: ("call_result:*", "push", "booking_expired"),
    Reason.FAIL_USER_UNREACHABLE: ("call_result:*", "push", "booking_expired"),
    Reason.FAIL_FAX_REACHED: (),
    Reason.SUBMIT_ERROR: (ANY,),  # last node error
    Reason.SUBMIT_FAILED: (),
}
"""Forms of `reason_detail` for each reason; `*` stands for free text. An absent detail is always allowed."""


def preview_reason(rejects: int) -> str:
    """The reason of T42 after this many rejects, e.g. ``AGENT_PREVIEW_CANCEL_AFTER_3REJECTS``."""
    if rejects < 1:
        msg = f"a preview is cancelled after at least one reject, not after {rejects}"
        raise ValueError(msg)
    return f"AGENT_PREVIEW_CANCEL_AFTER_{rejects}REJECTS"


def is_reason(text: str) -> bool:
    """Whether this is a reason of the closed list, the numbered one of T42 included."""
    return text in Reason.__members__ or PREVIEW_REASON.fullmatch(text) is not None


def is_detail(reason: str, detail: str | None) -> bool:
    """Whether `detail` is one of the forms that `reason` allows (none at all always is)."""
    if detail is None:
        return True
    if PREVIEW_REASON.fullmatch(reason):
        return False
    forms = DETAILS[Reason(reason)]
    return any(
        detail == form or (form.endswith(ANY) and len(detail) >= len(form) and detail.startswith(form[:-1]))
        for form in forms
    )


_AFTER_FAILURE: dict[CallResult, Reason] = {
    CallResult.SIT_FAX_DETECTED: Reason.FAIL_FAX_REACHED,
    CallResult.ABANDONED: Reason.FAIL_INTERACTION_DELETED,
    CallResult.DROPPED: Reason.FAIL_TARGET_NOT_FOUND,
    CallResult.AGT_CALLBACK_ERROR: Reason.FAIL_TARGET_NOT_FOUND,
    CallResult.GRP_CALLBACK_ERROR: Reason.FAIL_TARGET_NOT_FOUND,
    CallResult.TRANSFER_ERROR: Reason.FAIL_AGENT_CONNECT,
    CallResult.QUEUE_FULL: Reason.FAIL_QUEUEING,
}

DISPOSITIONS = frozenset({CallResult.WRONG_PARTY, CallResult.DO_NOT_CALL, CallResult.WRONG_NUMBER})
"""Results an agent may set after the conversation; as a disposition they leave the reason AGENT_CONNECTED."""


def unreached(*, legacy_names: bool) -> Reason:
    """Why a customer was not reached; `compat.legacy_reason_names` says under which of its two names."""
    return Reason.FAIL_USER_UNREACHABLE if legacy_names else Reason.FAIL_CALL_TO_CUSTOMER


def reason_after(
    result: CallResult, *, by_admin: bool = False, disposition: bool = False, legacy_names: bool = False
) -> Reason:
    """The reason of a callback whose last attempt ended with `result` (records section 9).

    Args:
        result: Result of the last attempt, or the agent's disposition.
        by_admin: For result 52: the cancel came from the console or the admin API.
        disposition: `result` was set by an agent after the conversation.
        legacy_names: `compat.legacy_reason_names` is on.
    """
    if disposition and result in DISPOSITIONS:
        return Reason.AGENT_CONNECTED
    if result is CallResult.CANCEL_RECORD:
        return Reason.CANCELLED_BY_ADMIN if by_admin else Reason.CANCELLED
    return _AFTER_FAILURE.get(result, unreached(legacy_names=legacy_names))


def detail_after(result: CallResult) -> str | None:
    """The `reason_detail` that goes with `reason_after` of a failed attempt."""
    match reason_after(result):
        case Reason.FAIL_CALL_TO_CUSTOMER:
            return f"call_result:{result.value}"
        case Reason.FAIL_INTERACTION_DELETED:
            return "customer_hangup"
        case Reason.FAIL_QUEUEING:
            return "full"
        case Reason.FAIL_TARGET_NOT_FOUND:
            return "on_call_wait" if result is CallResult.DROPPED else "queued_ttl"
        case _:
            return None
