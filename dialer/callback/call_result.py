"""Call results 0..53: what became of an attempt, who tells, and what follows.

Source: spec records section 6 (numbers and names), section 7 (dial results).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class DialResult(StrEnum):
    """Coarse outcome of an attempt, reported as `_CB_DIAL_<n>_RESULT` (records section 7)."""

    CREATE_CALL_ERROR = "CREATE_CALL_ERROR"
    BUSY = "BUSY"
    NO_ANSWER = "NO_ANSWER"
    ANSWERING_MACHINE = "ANSWERING_MACHINE"
    ERROR_TONE = "ERROR_TONE"
    FAX = "FAX"
    PERSON = "PERSON"
    CONNECTED = "CONNECTED"
    FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA = "FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA"
    PUSH_DELIVERY_CONFIRMED = "PUSH_DELIVERY_CONFIRMED"
    PUSH_SEND_ERROR = "PUSH_SEND_ERROR"
    PUSH_DELIVERY_NOT_CONFIRMED = "PUSH_DELIVERY_NOT_CONFIRMED"
    USERORIGINATED_CONNECTED = "USERORIGINATED_CONNECTED"
    UNKNOWN = "UNKNOWN"


class Producer(StrEnum):
    """Who can tell a result: the letters of records section 6."""

    SIGNALLING = "S"
    MEDIA = "M"
    DESK = "D"
    CALL_CONTROL = "C"


class Policy(StrEnum):
    """What follows a result unless the service says otherwise (records section 8)."""

    OK = "ok"
    RETRY = "retry"
    FREE = "free"
    FINAL = "final"
    NONE = "-"


class CallResult(IntEnum):
    """Result of one dial attempt."""

    OK = 0
    TRANSFERRED = 1
    CONFERENCED = 2
    GENERAL_ERROR = 3
    SYSTEM_ERROR = 4
    REMOTE_RELEASE = 5
    BUSY = 6
    NO_ANSWER = 7
    SIT_DETECTED = 8
    ANSWERING_MACHINE = 9
    ALL_TRUNKS_BUSY = 10
    SIT_INVALID_NUM = 11
    SIT_VACANT = 12
    SIT_OPER_INTERCEPT = 13
    SIT_UNKNOWN = 14
    SIT_NO_CIRCUIT = 15
    SIT_REORDER = 16
    SIT_FAX_DETECTED = 17
    QUEUE_FULL = 18
    CLEARED = 19
    OVERFLOWED = 20
    ABANDONED = 21
    REDIRECTED = 22
    FORWARDED = 23
    CONSULT = 24
    PICKEDUP = 25
    DROPPED = 26
    DROPPED_NO_ANSWER = 27
    UNKNOWN = 28
    COVERED = 29
    CONVERSE_ON = 30
    BRIDGED = 31
    SILENCE = 32
    ANSWER = 33
    NU_TONE = 34
    NO_DIAL_TONE = 35
    NO_PROGRESS = 36
    NO_RING_BACK = 37
    NO_ESTABLISHED = 38
    PAGER_DETECTED = 39
    WRONG_PARTY = 40
    DIAL_ERROR = 41
    CALL_DROPPED_ERROR = 42
    SWITCH_ERROR = 43
    NO_FREE_PORT_ERROR = 44
    TRANSFER_ERROR = 45
    STALE = 46
    AGT_CALLBACK_ERROR = 47
    GRP_CALLBACK_ERROR = 48
    DEAFENED = 49
    HELD = 50
    DO_NOT_CALL = 51
    CANCEL_RECORD = 52
    WRONG_NUMBER = 53

    @property
    def info(self) -> "CallResultInfo":
        """Meaning, producers, dial result and default policy."""
        return CALL_RESULTS[self]


@dataclass(frozen=True, slots=True)
class CallResultInfo:
    """One row of the call-result table.

    Attributes:
        meaning: In words.
        producers: Who can tell it; empty = stored if imported, never produced.
        dial_result: For outbound calls; None where the result is not one of an attempt.
        policy: Default follow-up.
    """

    meaning: str
    producers: frozenset[Producer]
    dial_result: DialResult | None
    policy: Policy


_ABBREVIATIONS = {
    "CREATE": DialResult.CREATE_CALL_ERROR,
    "TONE": DialResult.ERROR_TONE,
    "MACHINE": DialResult.ANSWERING_MACHINE,
    "-": None,
}

_TABLE: tuple[tuple[int, str, str, str, str], ...] = (
    # code, meaning, producers, dial result, policy
    (0, "not covered elsewhere, or not applicable", "D", "UNKNOWN", "-"),
    (1, "call was transferred", "C", "-", "-"),
    (2, "several parties", "C", "-", "-"),
    (3, "general failure", "S", "CREATE", "retry"),
    (4, "system failure", "S", "CREATE", "retry"),
    (5, "released by the far side", "S", "UNKNOWN", "retry"),
    (6, "busy", "SM", "BUSY", "retry"),
    (7, "not answered in time", "S", "NO_ANSWER", "retry"),
    (8, "information tone, not classified", "M", "TONE", "retry"),
    (9, "machine answered", "M", "MACHINE", "retry"),
    (10, "congestion", "SM", "TONE", "retry"),
    (11, "invalid number", "SM", "TONE", "final"),
    (12, "vacant number", "SM", "TONE", "final"),
    (13, "intercepted, number changed", "SM", "TONE", "final"),
    (14, "unknown information tone", "SM", "TONE", "retry"),
    (15, "no circuit", "SM", "TONE", "retry"),
    (16, "reorder", "SM", "TONE", "retry"),
    (17, "fax or modem answered", "M", "FAX", "final"),
    (18, "queue full", "D", "UNKNOWN", "final"),
    (19, "cleared by us", "C", "UNKNOWN", "-"),
    (20, "overflowed", "", "-", "-"),
    (21, "customer gave up waiting", "S", "PERSON", "final"),
    (22, "redirected", "S", "UNKNOWN", "retry"),
    (23, "forwarded", "S", "UNKNOWN", "retry"),
    (24, "consultation call", "", "-", "-"),
    (25, "picked up elsewhere", "", "-", "-"),
    (26, "dropped by us", "SD", "PERSON", "final"),
    (27, "dropped before answer", "S", "UNKNOWN", "free"),
    (28, "not determined; initial value", "SMDC", "UNKNOWN", "retry"),
    (29, "coverage path", "", "-", "-"),
    (30, "switch feature", "", "-", "-"),
    (31, "bridged appearance", "", "-", "-"),
    (32, "answered, silence", "M", "UNKNOWN", "retry"),
    (33, "answered by a person", "SM", "PERSON", "ok"),
    (34, "number unobtainable", "M", "TONE", "final"),
    (35, "no dial tone", "", "CREATE", "retry"),
    (36, "no call progress", "S", "NO_ANSWER", "retry"),
    (37, "no ringing", "S", "NO_ANSWER", "retry"),
    (38, "not established", "S", "CREATE", "retry"),
    (39, "pager", "M", "TONE", "final"),
    (40, "wrong person", "D", "PERSON", "final"),
    (41, "could not dial", "S", "CREATE", "retry"),
    (42, "lost by an error", "S", "UNKNOWN", "retry"),
    (43, "switch error", "S", "CREATE", "retry"),
    (44, "no free channel", "S", "CREATE", "free"),
    (45, "agent leg failed", "S", "PERSON", "final"),
    (46, "left over", "D", "UNKNOWN", "free"),
    (47, "not deliverable to the agent", "D", "UNKNOWN", "final"),
    (48, "not deliverable to the group", "D", "UNKNOWN", "final"),
    (49, "party deafened", "", "-", "-"),
    (50, "held", "", "-", "-"),
    (51, "must not be called", "D", "UNKNOWN", "final"),
    (52, "cancelled", "D", "UNKNOWN", "final"),
    (53, "person not at this number", "D", "PERSON", "final"),
)


def _info(meaning: str, producers: str, dial: str, policy: str) -> CallResultInfo:
    dial_result = _ABBREVIATIONS[dial] if dial in _ABBREVIATIONS else DialResult(dial)
    return CallResultInfo(meaning, frozenset(Producer(letter) for letter in producers), dial_result, Policy(policy))


CALL_RESULTS: dict[CallResult, CallResultInfo] = {CallResult(code): _info(*row) for code, *row in _TABLE}
"""The whole table, by code."""

NEVER_COUNTED = frozenset({CallResult.DO_NOT_CALL, CallResult.CANCEL_RECORD})
"""Final results that are no attempts of the customer's patience (records section 8, rule 2)."""


def dial_result_of(result: CallResult, *, detection: bool = True) -> DialResult:
    """The dial result of an outbound attempt; CONNECTED for an answer when detection is off."""
    if result is CallResult.ANSWER and not detection:
        return DialResult.CONNECTED
    return result.info.dial_result or DialResult.UNKNOWN
