"""The transition table of a callback, row by row.

Source: spec records section 3; the reasons of each way to COMPLETED: sections 4 and 9.
"""

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.callback.state import Actor, State
from dialer.callback.transition_row import (
    AGENT_PREVIEW,
    AGENT_RING,
    AGENT_WAIT,
    ANY_PROCESSING,
    ANY_QUEUED,
    ANY_ROUTING,
    CALL_IN_WAIT,
    COMPLETED,
    CONFIRM_WAIT,
    CUSTOMER_DIAL,
    DIALING,
    DISPOSITION,
    EXPIRED,
    INTERMEDIATE,
    NOWHERE,
    PAUSED,
    PREVIEW_REASONS,
    RETRY_WAIT,
    SCHEDULED,
    SNOOZED,
    SUBMITTING,
    TALKING,
    WAITING,
    Transition,
    row,
)

_BOOKERS = (Actor.API, Actor.ADMIN, Actor.IVR)
_RESCHEDULERS = (Actor.API, Actor.ADMIN)
_ENGINE = (Actor.ENGINE,)

AFTER_LAST_ATTEMPT = (
    Reason.FAIL_CALL_TO_CUSTOMER,
    Reason.FAIL_USER_UNREACHABLE,
    Reason.FAIL_FAX_REACHED,
    Reason.FAIL_INTERACTION_DELETED,
    Reason.FAIL_TARGET_NOT_FOUND,
    Reason.FAIL_AGENT_CONNECT,
    Reason.FAIL_QUEUEING,
    Reason.CANCELLED,
    Reason.CANCELLED_BY_ADMIN,
    Reason.FAIL_TIMEOUT_TTL,  # the deadline forbids the retry (records section 8, rule 4)
)
"""Reasons by section 9, for results may be overridden; and that of the deadline."""

NOT_REACHABLE = (Reason.FAIL_CALL_TO_CUSTOMER, Reason.FAIL_USER_UNREACHABLE)


_BOOKING = (
    row("T01", "create, immediate", NOWHERE, SUBMITTING, _BOOKERS, "after all checks; reporting event start"),
    row("T02", "create, scheduled", NOWHERE, SCHEDULED, _BOOKERS, "as T01"),
    row(
        "T03",
        "create, service paused",
        NOWHERE,
        PAUSED,
        _BOOKERS,
        "resume_state as T01 or T02 would give",
        resume_states=(State.SCHEDULED, State.QUEUED),
    ),
    row("T04", "create rejected", NOWHERE, NOWHERE, _ENGINE, "no record; reporting event rejected"),
    row(
        "T05",
        "node accepted",
        SUBMITTING,
        WAITING,
        _ENGINE,
        "queued_at, virtual call created; if the service was paused meanwhile, T20 follows",
    ),
    row(
        "T06",
        "no node accepted",
        (*SUBMITTING, *SCHEDULED),
        COMPLETED,
        _ENGINE,
        "after submit_attempts",
        reasons=(Reason.SUBMIT_ERROR,),
    ),
    row(
        "T07",
        "queue refused",
        SUBMITTING,
        COMPLETED,
        _ENGINE,
        "queue unknown, disabled or full (call_result 18)",
        reasons=(Reason.FAIL_QUEUEING,),
    ),
    row(
        "T08",
        "recreate",
        COMPLETED,
        COMPLETED,
        (Actor.ADMIN,),
        "old record keeps all but replaced_by; a new record by T01..T03 with merged properties and user data",
        stays=True,
    ),
    row(
        "T10",
        "time due",
        SCHEDULED,
        SUBMITTING,
        _ENGINE,
        "now >= desired_time - lead; lead = submit_lead, or the EWT if a queue-time statistic is set",
    ),
    row("T11", "rescheduled, later", SCHEDULED, SCHEDULED, _RESCHEDULERS, "new desired time, booking checks"),
    row("T12", "rescheduled, due now", SCHEDULED, SUBMITTING, _RESCHEDULERS),
    row(
        "T13",
        "rescheduled while paused",
        PAUSED,
        PAUSED,
        _RESCHEDULERS,
        "resume_state is SCHEDULED",
        resume_states=(State.SCHEDULED,),
    ),
)

_PAUSE = (
    row(
        "T20",
        "service paused",
        (*SCHEDULED, *WAITING, *CONFIRM_WAIT, *RETRY_WAIT, *SNOOZED),
        PAUSED,
        (Actor.ADMIN,),
        "remembers resume_state; queue position kept by queued_at",
    ),
    row("T21", "attempt failed while paused", DIALING, PAUSED, _ENGINE, "retry would have followed"),
    row("T22", "service resumed", PAUSED, SCHEDULED, (Actor.ADMIN,), "desired time minus lead is still ahead"),
    row(
        "T23",
        "service resumed",
        PAUSED,
        (*WAITING, *RETRY_WAIT),
        (Actor.ADMIN,),
        "otherwise; QUEUED/retry_wait while next_dial_at is ahead",
    ),
)

_CUSTOMER_FIRST = (
    row(
        "T30",
        "top of queue, matching agent Ready",
        WAITING,
        DIALING,
        _ENGINE,
        "customer first; agent not reserved; number rule and do-not-call window checked again",
    ),
    row("T31", "person reached", DIALING, AGENT_WAIT, _ENGINE, "call_result 33", call_result=CallResult.ANSWER),
    row(
        "T32",
        "attempt failed, retry left",
        DIALING,
        RETRY_WAIT,
        _ENGINE,
        "next_dial_at; push CALLBACK_ATTEMPT_FAILED",
    ),
    row("T33", "retry or snooze time over", (*RETRY_WAIT, *SNOOZED), WAITING, _ENGINE, "keeps queued_at"),
    row(
        "T34",
        "attempt failed, no retry left",
        DIALING,
        COMPLETED,
        _ENGINE,
        "reason by the last result; push CALLBACK_FINAL_ATTEMPT_FAILED",
        reasons=AFTER_LAST_ATTEMPT,
    ),
    row(
        "T35a",
        "agent selected, leg rings",
        AGENT_WAIT,
        AGENT_RING,
        _ENGINE,
        "agent reserved for agent_reserve_timeout",
    ),
    row("T35", "agent answers", AGENT_RING, TALKING, (Actor.AGENT,), "parties joined"),
    row(
        "T36",
        "agent leg failed, tries left",
        AGENT_RING,
        AGENT_WAIT,
        _ENGINE,
        "up to max_transfer_attempts, next agent or target",
    ),
    row(
        "T37",
        "agent leg failed, none left",
        ANY_ROUTING,
        COMPLETED,
        _ENGINE,
        "call_result 45",
        reasons=(Reason.FAIL_AGENT_CONNECT,),
        call_result=CallResult.TRANSFER_ERROR,
    ),
    row(
        "T38",
        "customer hangs up while waiting",
        (*AGENT_WAIT, *AGENT_RING),
        COMPLETED,
        (Actor.CUSTOMER,),
        "call_result 21",
        reasons=(Reason.FAIL_INTERACTION_DELETED,),
        call_result=CallResult.ABANDONED,
    ),
    row(
        "T39",
        "no agent within the on-call wait",
        AGENT_WAIT,
        COMPLETED,
        _ENGINE,
        "plays treatment_find_agent_fail; call_result 26",
        reasons=(Reason.FAIL_TARGET_NOT_FOUND,),
        call_result=CallResult.DROPPED,
    ),
)

_AGENT_FIRST = (
    row("T40", "agent reserved", WAITING, (*AGENT_PREVIEW, *AGENT_RING), _ENGINE, "agent first"),
    row(
        "T41",
        "preview rejected or timed out",
        AGENT_PREVIEW,
        WAITING,
        (Actor.AGENT, Actor.ENGINE),
        "rejects below the limit; waits preview_reject_delay",
    ),
    row(
        "T42",
        "preview rejected, limit reached",
        AGENT_PREVIEW,
        COMPLETED,
        (Actor.AGENT,),
        reasons=(PREVIEW_REASONS,),
    ),
    row(
        "T43a",
        "preview accepted",
        AGENT_PREVIEW,
        AGENT_RING,
        (Actor.AGENT,),
        "agent leg is called, unless already on the line",
    ),
    row("T43", "agent on the line", AGENT_RING, CUSTOMER_DIAL, _ENGINE),
    row("T44", "customer answered", CUSTOMER_DIAL, TALKING, _ENGINE, "call_result 33", call_result=CallResult.ANSWER),
    row("T45", "customer leg failed, retry left", CUSTOMER_DIAL, RETRY_WAIT, _ENGINE, "agent released"),
    row(
        "T46",
        "customer leg failed, none left",
        CUSTOMER_DIAL,
        COMPLETED,
        _ENGINE,
        "reason by the last result",
        reasons=AFTER_LAST_ATTEMPT,
    ),
    row(
        "T47",
        "agent leg failed",
        AGENT_RING,
        (*WAITING, *COMPLETED),
        _ENGINE,
        "COMPLETED at the limit",
        reasons=(Reason.FAIL_AGENT_CONNECT,),
    ),
)

_CALL_IN = (
    row(
        "T50",
        "front of queue, customer dials in",
        WAITING,
        CALL_IN_WAIT,
        _ENGINE,
        "push CALLBACK_READY; v1 with wait_for_agent=false: number returned by the create answer",
    ),
    row("T51", "push not deliverable", WAITING, COMPLETED, _ENGINE, "after push_attempts", reasons=NOT_REACHABLE),
    row("T52", "call-in matched", CALL_IN_WAIT, AGENT_WAIT, (Actor.CUSTOMER,), "continues as T35..T39"),
    row(
        "T53",
        "pushed callback expired",
        CALL_IN_WAIT,
        EXPIRED,
        _ENGINE,
        "v3; leaves the queue, no match any more",
    ),
    row("T54", "booked access expired", CALL_IN_WAIT, COMPLETED, _ENGINE, "v1", reasons=NOT_REACHABLE),
    row("T60", "confirmation asked", WAITING, CONFIRM_WAIT, _ENGINE, "wait_for_user_confirm"),
    row(
        "T61",
        "confirmed, or silent with CONNECT-ANYWAY",
        CONFIRM_WAIT,
        (*DIALING, *AGENT_PREVIEW, *AGENT_RING),
        (Actor.CUSTOMER, Actor.ENGINE),
        "agent first goes to ROUTING",
    ),
    row(
        "T62",
        "silent otherwise",
        CONFIRM_WAIT,
        (*WAITING, *COMPLETED),
        _ENGINE,
        "COMPLETED at the limit",
        reasons=(Reason.FAIL_USER_NO_CONFIRM,),
    ),
    row("T63", "customer declines", CONFIRM_WAIT, COMPLETED, (Actor.CUSTOMER,), reasons=(Reason.CANCELLED,)),
)

_CONVERSATION = (
    row(
        "T70",
        "snooze",
        (*CONFIRM_WAIT, *ANY_ROUTING, *ANY_PROCESSING),
        SNOOZED,
        (Actor.CUSTOMER, Actor.AGENT),
        "call released; next_dial_at = now + snooze_delay",
    ),
    row(
        "T71",
        "agent transfers",
        ANY_PROCESSING,
        ANY_PROCESSING,
        (Actor.AGENT,),
        "agent_id changes, flag transferred",
        stays=True,
    ),
    row(
        "T72",
        "conversation over",
        TALKING,
        DISPOSITION,
        (Actor.CUSTOMER, Actor.AGENT),
        "only with the disposition dialog",
    ),
    row(
        "T73",
        "conversation or disposition over",
        ANY_PROCESSING,
        COMPLETED,
        (Actor.CUSTOMER, Actor.AGENT, Actor.ENGINE),
        "customer may go on to the survey route point",
        reasons=(Reason.AGENT_CONNECTED,),
    ),
)

_CANCELLABLE = (*SCHEDULED, *ANY_QUEUED, *PAUSED, *ANY_ROUTING)

_ENDS = (
    row(
        "T80",
        "cancel by API",
        _CANCELLABLE,
        COMPLETED,
        (Actor.API, Actor.IVR),
        "a running attempt gets call_result 52, an answered call is released",
        reasons=(Reason.CANCELLED,),
    ),
    row(
        "T81",
        "cancel by console or admin API",
        _CANCELLABLE,
        COMPLETED,
        (Actor.ADMIN,),
        "as T80",
        reasons=(Reason.CANCELLED_BY_ADMIN,),
    ),
    row("T82", "cancel in PROCESSING or COMPLETED", (*ANY_PROCESSING, *COMPLETED), (), (), "refused"),
    row(
        "T83",
        "purge",
        (*SCHEDULED, *(place for place in ANY_QUEUED if place not in DIALING), *PAUSED),
        COMPLETED,
        _ENGINE,
        "SCHEDULED only past its interval; push CALLBACK_PURGED",
        reasons=(Reason.FAIL_TIMEOUT_TTL,),
    ),
    row(
        "T84",
        "storage time over",
        (*SCHEDULED, *ANY_QUEUED, *PAUSED),
        COMPLETED,
        _ENGINE,
        "v1",
        reasons=(Reason.FAIL_TIMEOUT_TTL,),
    ),
    row(
        "T85",
        "queued_ttl over",
        (*WAITING, *RETRY_WAIT),
        COMPLETED,
        _ENGINE,
        "call_result 47 if all targets are single agents or places, else 48",
        reasons=(Reason.FAIL_TARGET_NOT_FOUND,),
    ),
    row(
        "T86",
        "flow ended without reason",
        (*ANY_QUEUED, *ANY_ROUTING),
        COMPLETED,
        _ENGINE,
        # A virtual call removed from outside (FAIL_INTERACTION_DELETED, `removed`) ends the flow here too.
        reasons=(Reason.NOT_AVAILABLE, Reason.FAIL_INTERACTION_DELETED),
    ),
    row(
        "T87",
        "strings file, media or number problem at session start",
        SUBMITTING,
        COMPLETED,
        _ENGINE,
        reasons=(
            Reason.FAIL_LOAD_MESSAGE_FILE,
            Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE,
            Reason.FAIL_INCORRECT_CONFIG_MEDIA_TYPE,
            Reason.FAIL_NO_CUSTOMER_NUMBER,
        ),
    ),
    row(
        "T88",
        "unhandled error",
        INTERMEDIATE,
        COMPLETED,
        _ENGINE,
        "legs released, call_result 4",
        reasons=(Reason.FAIL_ERROR,),
        call_result=CallResult.SYSTEM_ERROR,
    ),
    row("T89", "retention over", COMPLETED, NOWHERE, _ENGINE, "the record is deleted"),
    row(
        "T90",
        "node lost",
        ANY_QUEUED,
        SUBMITTING,
        (Actor.NODE,),
        "resubmitted to another node; open attempt gets 46",
    ),
    row("T91", "node lost", ANY_ROUTING, SUBMITTING, (Actor.NODE,), "open attempt gets 46, does not count"),
    row("T92", "node lost", ANY_PROCESSING, COMPLETED, (Actor.NODE,), "node_lost", reasons=(Reason.AGENT_CONNECTED,)),
)

TRANSITIONS: dict[str, Transition] = {
    entry.number: entry
    for entry in (*_BOOKING, *_PAUSE, *_CUSTOMER_FIRST, *_AGENT_FIRST, *_CALL_IN, *_CONVERSATION, *_ENDS)
}
"""Every transition, by number."""
