"""One row of the table of results: how a result is provoked, and all that must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.results.seen import Seen
    from tools.results.stage import Stage

Step = Callable[["Stage", str], Awaitable[None]]

ANY_HEADER = "Supported: replaces"  # stands where a refusal needs no header of its own
NOBODY = "-"  # no number at all
BOOKED = ("T01", "T05")
RETRIED = (*BOOKED, "T30", "T32", "T33", "T30", "T34")
ENDED = (*BOOKED, "T30", "T34")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """One attempt, as it must be kept.

    Attributes:
        result: call_result of the attempt.
        dial_result: its coarse outcome, `_CB_DIAL_<n>_RESULT`.
        counted: whether it raised the attempts of the callback; None = still open.
        sip_status, q850, verdict: what told it; a set of verdicts when several are as right.
        answered: whether the call was answered.
    """

    result: int | None
    dial_result: str | None
    counted: bool | None = True
    sip_status: int | None = None
    q850: int | None = None
    verdict: str | frozenset[str] | None = None
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a callback must have become.

    Attributes:
        reason: completion reason; None while it is open.
        detail: its `reason_detail`; a pattern (re) where it carries free text.
        dials: its attempts, in order.
        events: its transitions, in order.
        state, phase: where it stands.
        retry_s: seconds from the end of the last attempt to the next one; None = there is none.
        agent: whether an agent is named in the record.
    """

    reason: str | None
    detail: str | None
    dials: tuple[Dial, ...]
    events: tuple[str, ...]
    state: str = "COMPLETED"
    phase: str | None = None
    retry_s: float | None = None
    agent: bool = False

    @property
    def attempts(self) -> int:
        """Attempts that count."""
        return sum(dial.counted is True for dial in self.dials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to provoke one result.

    Attributes:
        key: name of the row and of its service.
        code: call_result of the callback at its end.
        how: how it is provoked, in words.
        legs: kind and call_result of its call legs as the interaction resource must show them; None: not looked at.
        peer: who is at the other end: a gateway of the stage.
        number: who is called; a person of the lab by its number.
        target: whom the callback asks for.
        options: options of the service, besides the stage's.
        fields: what the request says besides the number.
        imported: written into the store as another system's import would, with these fields; None: booked over HTTP.
        before: done before it is booked.
        act: done once it is booked: what an operator, a customer or a fault does.
        done: when there is nothing more to come; by default when it is completed.
    """

    key: str
    code: int
    how: str
    expected: Expected
    legs: tuple[tuple[str, int], ...] | None = None
    peer: str = "answers"
    number: str = ""
    target: str = "Spare@Lab.GA"
    options: Mapping[str, object] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    imported: Mapping[str, object] | None = None
    before: Step | None = None
    act: Step | None = None
    done: Callable[[Seen], bool] | None = None

    @property
    def shown_code(self) -> int:
        """The result that the row is there for: of a call leg, where one has another than the callback."""
        of_legs = {result for _, result in self.legs or ()} - {self.code}
        return min(of_legs, default=self.code)


def retried(code: int, dial_result: str, **dial: object) -> Expected:
    """A failure that is dialled again, and again in vain: the second counted attempt of two is the last."""
    one = Dial(result=code, dial_result=dial_result, **dial)  # type: ignore[arg-type]
    return Expected(reason="FAIL_CALL_TO_CUSTOMER", detail=f"call_result:{code}", dials=(one, one), events=RETRIED)


def final(
    code: int, dial_result: str, reason: str = "FAIL_CALL_TO_CUSTOMER", detail: str | None = "", **dial: object
) -> Expected:
    """A failure after which nobody is called again, though a second attempt would be allowed."""
    one = Dial(result=code, dial_result=dial_result, **dial)  # type: ignore[arg-type]
    return Expected(reason=reason, detail=f"call_result:{code}" if detail == "" else detail, dials=(one,), events=ENDED)


def served(
    code: int, dial_result: str, reason: str, detail: str | None, *events: str, agent: bool = True, **dial: object
) -> Expected:
    """Somebody was reached (T31), and the callback ended in the house."""
    one = Dial(result=code, dial_result=dial_result, answered=True, sip_status=200, **dial)  # type: ignore[arg-type]
    return Expected(reason=reason, detail=detail, dials=(one,), events=(*BOOKED, "T30", "T31", *events), agent=agent)


def refuses(status: str, header: str = ANY_HEADER) -> dict[str, object]:
    """Options that let the SIPp peers answer so."""
    return {"call_headers": {"X-Answer": status, "X-Extra": header}}


def lab(last_two: int) -> dict[str, str]:
    """Peer and number of one of the lab's people."""
    return {"peer": "lab", "number": f"+120255501{last_two:02d}"}
