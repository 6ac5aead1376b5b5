"""One labelled call against what was heard on it: what was right, how fast, and how far off the beep was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dialer.callback.verdict import VERDICTS, call_result_of_verdict
from dialer.replay.batch import Outcome
from dialer.replay.errors import RecordingError
from dialer.replay.manifest import LabelledCall
from dialer.replay.result import LegResult

HUMAN = frozenset({"human"})
MACHINE = frozenset({"machine", "machine_beep"})
FAX = frozenset({"fax", "modem"})
SIT = frozenset(name for name in VERDICTS if name.startswith("sit"))
UNDECIDED = "undecided"

BEEP_WINDOW_S = 0.25
"""A beep found within this of the labelled one is that beep; another is a false one."""


@dataclass(frozen=True)
class Judged:
    """A call and what became of it.

    Attributes:
        call: the labelled call.
        result: what was heard, None when the file could not be read.
        fault: why it could not be read, empty otherwise.
    """

    call: LabelledCall
    result: LegResult | None
    fault: str = ""

    @property
    def got(self) -> str:
        """Name of the final verdict; `none` without one, `unreadable` without audio."""
        return self.result.name if self.result else "unreadable"

    @property
    def acted(self) -> str:
        """Name of the first verdict: the one on which a live call is treated."""
        return self.result.verdicts[0].name if self.result and self.result.verdicts else self.got

    @property
    def right(self) -> bool:
        """Whether the verdict is the expected one; fax and modem, which have one result, count as each other."""
        return self.got == self.call.expected or (self.got in FAX and self.call.expected in FAX)

    @property
    def right_result(self) -> bool:
        """Whether the call gets the right call result."""
        if self.got not in VERDICTS:
            return False
        return self.right or (
            call_result_of_verdict(self.call.expected) is not None
            and VERDICTS[self.got].call_result == VERDICTS[self.call.expected].call_result
        )

    @property
    def decided_s(self) -> float | None:
        """When it was decided, seconds from the start of the file."""
        return self.result.decided_at_s if self.result else None

    def after(self, mark: str) -> float | None:
        """Seconds from a mark to the decision.

        Args:
            mark: a numeric column of the manifest, such as `greeting_end_s`.

        Returns:
            None when there is no mark or no decision.
        """
        start = self.call.answer_s if mark == "answer_s" else self.call.numbers.get(mark)
        return None if start is None or self.decided_s is None else self.decided_s - start

    @property
    def probability(self) -> float | None:
        """P(machine) at the decision, None when none was given."""
        deciding = self.result.deciding if self.result else None
        if deciding is None or "machine" not in deciding.probabilities:
            return None
        return float(deciding.probabilities["machine"])

    @property
    def doubtful(self) -> bool:
        """Whether a person should look at it: wrong, undecided, or unsure."""
        verdict = self.result.verdict if self.result else None
        return not self.right or self.got == UNDECIDED or (verdict is not None and verdict.confidence < 0.6)

    def beeps(self) -> list[dict[str, float]]:
        """The beeps heard: `onset_s`, `end_s` and `reported_s` of each."""
        if self.result is None:
            return []
        return [
            {
                "onset_s": float(each.data.get("onset_s", each.at_s)),
                "end_s": float(each.data.get("end_s", each.at_s)),
                "reported_s": float(each.at_s),
            }
            for each in self.result.evidence
            if each.kind == "beep_end"
        ]

    def true_beep(self) -> dict[str, float] | None:
        """The heard beep that is the labelled one, None when it was missed or none is labelled."""
        near = [beep for beep in self.beeps() if self.is_labelled(beep)]
        end = self.call.numbers.get("beep_end_s", 0.0)
        return min(near, key=lambda beep: abs(beep["end_s"] - end)) if near else None

    def is_labelled(self, beep: dict[str, float]) -> bool:
        """Whether a heard beep is the labelled one, or a part of it: of a double beep the first is reported too."""
        start, end = self.call.numbers.get("beep_start_s"), self.call.numbers.get("beep_end_s")
        if start is None or end is None:
            return False
        return start - BEEP_WINDOW_S <= beep["end_s"] <= end + BEEP_WINDOW_S

    def as_json(self) -> dict[str, Any]:
        """The call as a row of the results file."""
        row: dict[str, Any] = {
            "path": self.call.path,
            "expected": self.call.expected,
            "verdict": self.got,
            "acted_on": self.acted,
            "right": self.right,
            "kind": self.call.kind,
            "decided_at_s": _rounded(self.decided_s),
            "after_answer_s": _rounded(self.after("answer_s")),
            "after_onset_s": _rounded(self.after("onset_s")),
            "after_greeting_s": _rounded(self.after("greeting_end_s")),
            "p_machine": _rounded(self.probability, 4),
        }
        if self.result is None:
            return row | {"fault": self.fault}
        verdict = self.result.verdict
        return row | {"confidence": _rounded(verdict.confidence, 4) if verdict else None, "beeps": self.beeps()}


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def judge(call: LabelledCall, outcome: Outcome) -> Judged:
    """Set a call's label against its replay; of a recording with several legs the first counts."""
    if isinstance(outcome, RecordingError):
        return Judged(call, None, outcome.cause)
    return Judged(call, outcome[0])
