"""Detection verdicts: where each may be found, what result it gives and what is done with the call.

Source: spec records section 6.2. The names are those that `detection` writes.
"""

from dataclasses import dataclass
from enum import StrEnum

from dialer.callback.call_result import CallResult


class Action(StrEnum):
    """What follows a verdict."""

    GO_ON = "go_on"
    HANG_UP = "hang_up"
    RELEASE = "release"
    PROGRESS = "progress"
    AS_OPTION = "as_option"


EARLY = "early"
ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class VerdictInfo:
    """One row of the verdict table.

    Attributes:
        name: As `detection` writes it.
        found_in: ``early``, ``answered`` or both.
        call_result: None when the verdict ends nothing, or when an option decides (`undecided`).
        action: Default action; `on_machine`, `on_fax`, `on_silence` may turn HANG_UP into GO_ON.
    """

    name: str
    found_in: frozenset[str]
    call_result: CallResult | None
    action: Action


_BOTH = frozenset({EARLY, ANSWERED})
_AFTER = frozenset({ANSWERED})
_BEFORE = frozenset({EARLY})

_ROWS: tuple[VerdictInfo, ...] = (
    VerdictInfo("human", _AFTER, CallResult.ANSWER, Action.GO_ON),
    VerdictInfo("machine", _AFTER, CallResult.ANSWERING_MACHINE, Action.HANG_UP),
    VerdictInfo("machine_beep", _AFTER, CallResult.ANSWERING_MACHINE, Action.HANG_UP),
    VerdictInfo("fax", _AFTER, CallResult.SIT_FAX_DETECTED, Action.HANG_UP),
    VerdictInfo("modem", _AFTER, CallResult.SIT_FAX_DETECTED, Action.HANG_UP),
    VerdictInfo("silence", _AFTER, CallResult.SILENCE, Action.HANG_UP),
    VerdictInfo("busy", _BOTH, CallResult.BUSY, Action.RELEASE),
    VerdictInfo("congestion", _BOTH, CallResult.ALL_TRUNKS_BUSY, Action.RELEASE),
    VerdictInfo("sit_invalid", _BOTH, CallResult.SIT_INVALID_NUM, Action.RELEASE),
    VerdictInfo("sit_vacant", _BOTH, CallResult.SIT_VACANT, Action.RELEASE),
    VerdictInfo("sit_intercept", _BOTH, CallResult.SIT_OPER_INTERCEPT, Action.RELEASE),
    VerdictInfo("sit_no_circuit", _BOTH, CallResult.SIT_NO_CIRCUIT, Action.RELEASE),
    VerdictInfo("sit_reorder", _BOTH, CallResult.SIT_REORDER, Action.RELEASE),
    VerdictInfo("sit_other", _BOTH, CallResult.SIT_UNKNOWN, Action.RELEASE),
    VerdictInfo("sit", _BOTH, CallResult.SIT_DETECTED, Action.RELEASE),
    VerdictInfo("nu_tone", _BOTH, CallResult.NU_TONE, Action.RELEASE),
    VerdictInfo("pager", _AFTER, CallResult.PAGER_DETECTED, Action.RELEASE),
    VerdictInfo("ringback", _BEFORE, None, Action.PROGRESS),
    VerdictInfo("music", _BEFORE, None, Action.PROGRESS),
    VerdictInfo("undecided", _AFTER, None, Action.AS_OPTION),
    VerdictInfo("off", _AFTER, CallResult.ANSWER, Action.GO_ON),
    VerdictInfo("no_media", _AFTER, CallResult.NO_ESTABLISHED, Action.RELEASE),
)

VERDICTS: dict[str, VerdictInfo] = {row.name: row for row in _ROWS}
"""The whole table, by verdict name."""


def call_result_of_verdict(name: str, *, undecided_as: str = "human") -> CallResult | None:
    """The result a verdict gives; None for `ringback` and `music`, which end nothing.

    Args:
        name: A verdict name of `VERDICTS`.
        undecided_as: The service option: ``human`` (33) or ``unknown`` (28).

    Raises:
        KeyError: when there is no such verdict.
    """
    if name == "undecided":
        return CallResult.ANSWER if undecided_as == "human" else CallResult.UNKNOWN
    return VERDICTS[name].call_result


def action_of_verdict(
    name: str,
    *,
    undecided_as: str = "human",
    on_machine: str = "hangup",
    on_fax: str = "hangup",
    on_silence: str = "hangup",
) -> Action:
    """What to do with the call after a verdict, given the service options of the same names."""
    if name == "undecided":
        return Action.GO_ON if undecided_as == "human" else Action.RELEASE
    action = VERDICTS[name].action
    option = {
        CallResult.ANSWERING_MACHINE: on_machine,
        CallResult.SIT_FAX_DETECTED: on_fax,
        CallResult.SILENCE: on_silence,
    }.get(VERDICTS[name].call_result or CallResult.OK, "hangup")
    return Action.GO_ON if action is Action.HANG_UP and option == "connect" else action
