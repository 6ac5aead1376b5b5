"""What the bank says: evidence as it is heard, and one verdict when it is sure enough.

Times are on the channel's own audio clock: samples pushed over 8000, lost ones included.
"""

from dataclasses import dataclass, field
from typing import Any, Final

CALL_RESULT: Final[dict[str, int | None]] = {
    "human": 33, "machine": 9, "machine_beep": 9, "fax": 17, "modem": 17, "silence": 32, "busy": 6, "congestion": 10,
    "sit_invalid": 11, "sit_vacant": 12, "sit_intercept": 13, "sit_no_circuit": 15, "sit_reorder": 16, "sit_other": 14,
    "sit": 8, "nu_tone": 34, "pager": 39, "ringback": None, "music": None, "undecided": 33, "off": 33, "no_media": 38,
}  # fmt: skip
"""Verdict names and the call result each stands for; progress without a result has None. Source: records §6.2."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing heard on a channel, in words and in numbers."""

    channel: int
    at_s: float  # when it was known
    kind: str  # "tone_segment", "cadence", "sit", "fax", "beep_end", "speech_start", ...
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a channel turned out to be.

    A channel gives one verdict; only `human` and `machine` may be followed by `machine_beep`: a beep after a voice.
    """

    channel: int
    at_s: float  # when it was decided
    name: str  # a key of CALL_RESULT
    call_result: int | None
    confidence: float  # 0..1
    phase: str  # "early" or "answered"
    answered_at_s: float | None
    probabilities: dict[str, float]
    evidence: tuple[Evidence, ...]
    parameters_hash: str


Finding = Evidence | Verdict
