"""What came out of listening to one leg, and how it is written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dialer.detection import Evidence, Verdict

PROGRESS = frozenset({"ringback", "music"})
"""Verdicts that end nothing: a live call goes on."""


@dataclass(frozen=True)
class LegResult:
    """One leg after replay.

    Attributes:
        file: the recording, as named.
        leg: name of the leg within it.
        codec: coding of the audio in the file.
        duration_s: length of the audio.
        answered_at_s: where the answer was marked, None when the leg was taken as never answered.
        verdicts: all verdicts in the order of time; `machine` may be followed by `machine_beep`.
        evidence: all evidence in the order of time.
        lost_s: audio known to be lost on the way.
        notes: what a person should know about the reading.
    """

    file: str
    leg: str
    codec: str
    duration_s: float
    answered_at_s: float | None
    verdicts: tuple[Verdict, ...]
    evidence: tuple[Evidence, ...]
    lost_s: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that stands at the end, None when the bank gave none."""
        return self.verdicts[-1] if self.verdicts else None

    @property
    def name(self) -> str:
        """Name of the final verdict, `none` without one."""
        return self.verdict.name if self.verdict else "none"

    @property
    def deciding(self) -> Verdict | None:
        """The verdict from which on the call result did not change any more: the one a live call acts on."""
        decided = self.verdict
        for verdict in reversed(self.verdicts):
            if decided is None or verdict.call_result != decided.call_result:
                break
            decided = verdict
        return decided

    @property
    def decided_at_s(self) -> float | None:
        """When it was decided, seconds from the start of the recording.

        What is progress and no result (ringback, music) gets its verdict only at the end of the audio; it counts as
        decided when it was first evident.
        """
        if self.deciding is None:
            return None
        evident = [each.at_s for each in self.evidence if each.kind == self.name] if self.name in PROGRESS else []
        return min([*evident, self.deciding.at_s])

    def as_json(self, *, all_evidence: bool = False) -> dict[str, Any]:
        """The result as a JSON object.

        Args:
            all_evidence: give everything heard, not only what the verdict rests on.
        """
        verdict = self.verdict
        chosen = self.evidence if all_evidence or verdict is None else verdict.evidence
        return {
            "file": self.file,
            "leg": self.leg,
            "verdict": self.name,
            "call_result": verdict.call_result if verdict else None,
            "confidence": _rounded(verdict.confidence, 4) if verdict else None,
            "decided_at_s": _rounded(self.decided_at_s),
            "duration_s": _rounded(self.duration_s),
            "answered_at_s": _rounded(self.answered_at_s),
            "phase": verdict.phase if verdict else None,
            "probabilities": plain(verdict.probabilities) if verdict else {},
            "verdicts": [{"verdict": each.name, "at_s": _rounded(each.at_s)} for each in self.verdicts],
            "evidence": [evidence_as_json(each) for each in chosen],
            "codec": self.codec,
            "lost_s": _rounded(self.lost_s),
            "notes": list(self.notes),
            "parameters_hash": verdict.parameters_hash if verdict else None,
        }


def evidence_as_json(evidence: Evidence) -> dict[str, Any]:
    """A piece of evidence as a JSON object."""
    return {"at_s": _rounded(evidence.at_s), "kind": evidence.kind, "text": evidence.text, "data": plain(evidence.data)}


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(float(value), digits)


def plain(value: Any) -> Any:
    """The value in types JSON knows: numpy scalars and arrays become numbers and lists."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return round(value, 6)
    return value
