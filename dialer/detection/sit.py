"""Special information tones: which of the eight Bellcore codes, or the uncoded tones of ITU-T E.180.

Three segments are.

Source: Bellcore SR-2275 / GR-674 tables as given by several independent copies (frequencies 913.8/985.2,
1370.6/1428.5, 1776.7 Hz, lengths 274/380 ms, +-0.2 % and +-5 %); ITU-T E.180: 950/1400/1800 Hz +-50, 330 +-70 ms,
gaps up to 30 ms; Germany also 900 Hz first. The third segment's 1776.7 against 1800 Hz tells a coded from an uncoded
tone, lengths are the weak bit.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dialer.detection.tone import Segment

LOW1, HIGH1, LOW2, HIGH2, THIRD = 913.8, 985.2, 1370.6, 1428.5, 1776.7
SHORT, LONG = 0.274, 0.380

BANDS_HZ: Final = ((860.0, 1040.0), (1310.0, 1490.0), (1700.0, 1860.0))
LENGTH_S: Final = (0.18, 0.52)
GAP_S: Final = (-0.04, 0.09)
_LEVEL_DB: Final = 9.0
_FREQ_SIGMA_HZ: Final = 7.0
_LENGTH_SIGMA_S: Final = 0.022
_ITU_FREQ_SIGMA_HZ: Final = 14.0
_ITU_LENGTH_SIGMA_S: Final = 0.030
_THIRD_SIGMA_S: Final = 0.060  # all codes have it alike, and its end is what packets lost take
_HONEST_GAP_S: Final = 0.004
_HOLE_S: Final = 0.012
_MARGIN: Final = 0.8
_WORST: Final = 30.0


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table: what three segments look like and what they say."""

    name: str
    verdict: str
    freqs_hz: tuple[float, float, float]
    lengths_s: tuple[float, float, float]
    scope: str
    freq_sigma_hz: float = _FREQ_SIGMA_HZ
    length_sigma_s: float = _LENGTH_SIGMA_S

    def cost(self, segments: tuple[Segment, Segment, Segment]) -> float:
        """Give the negative log likelihood of the segments, up to a constant."""
        pitch = sum(
            ((segment.freq_hz - freq) / self.freq_sigma_hz) ** 2 / 2
            for segment, freq in zip(segments, self.freqs_hz, strict=True)
        )
        return pitch + min(self._time_cost(lengths) for lengths in _lengths(segments))

    def _time_cost(self, lengths: tuple[float, float, float]) -> float:
        sigmas = (self.length_sigma_s, self.length_sigma_s, _THIRD_SIGMA_S)
        return sum(
            ((heard - length) / sigma) ** 2 / 2
            for heard, length, sigma in zip(lengths, self.lengths_s, sigmas, strict=True)
        )


def _lengths(segments: tuple[Segment, Segment, Segment]) -> list[tuple[float, float, float]]:
    """Give the lengths the segments may have had.

    A gap longer than any code's is a lost packet that hid where one ended.
    """
    a, b, c = (segment.length_s for segment in segments)
    holes = [max(0.0, after.start_s - before.end_s - _HONEST_GAP_S) for before, after in pairwise(segments)]
    shares = [(0.0,) if hole < _HOLE_S else (0.0, 0.5, 1.0) for hole in holes]
    return [
        (a + x * holes[0], b + (1 - x) * holes[0] * (holes[0] >= _HOLE_S) + y * holes[1], c)
        for x in shares[0] for y in shares[1]
    ]  # fmt: skip


def _bellcore(name: str, verdict: str, first: tuple[float, float], second: tuple[float, float], scope: str) -> Code:
    return Code(name, verdict, (first[0], second[0], THIRD), (first[1], second[1], LONG), scope)


def _itu(name: str, first: float, length: float) -> Code:
    return Code(
        name, "sit", (first, 1400.0, 1800.0), (length,) * 3, "", _ITU_FREQ_SIGMA_HZ, _ITU_LENGTH_SIGMA_S
    )  # fmt: skip


CODES: Final[tuple[Code, ...]] = (
    _bellcore("IC", "sit_intercept", (LOW1, SHORT), (LOW2, SHORT), ""),
    _bellcore("VC", "sit_vacant", (HIGH1, LONG), (LOW2, SHORT), ""),
    _bellcore("RO local", "sit_reorder", (LOW1, SHORT), (HIGH2, LONG), "local"),
    _bellcore("RO interlata", "sit_reorder", (HIGH1, SHORT), (LOW2, LONG), "interlata"),
    _bellcore("NC local", "sit_no_circuit", (HIGH1, LONG), (HIGH2, LONG), "local"),
    _bellcore("NC interlata", "sit_no_circuit", (LOW1, LONG), (LOW2, LONG), "interlata"),
    _bellcore("IO", "sit_other", (LOW1, LONG), (HIGH2, SHORT), ""),
    _bellcore("reserved 2", "sit_other", (HIGH1, SHORT), (HIGH2, SHORT), ""),
    _itu("ITU", 950.0, 0.330),
    _itu("ITU 300 ms", 950.0, 0.300),
    _itu("ITU 900 Hz", 900.0, 0.330),
)


@dataclass(frozen=True, slots=True)
class Sit:
    """A special information tone, named."""

    name: str
    verdict: str
    scope: str
    confidence: float
    segments: tuple[Segment, ...]

    @property
    def retryable(self) -> bool:
        """Tell whether the same number may be reached later (no circuit, reorder)."""
        return self.verdict in ("sit_no_circuit", "sit_reorder")


def place(segment: Segment) -> int | None:
    """Tell which of the three segments (0, 1, 2) this one can be, or None."""
    if not LENGTH_S[0] <= segment.length_s <= LENGTH_S[1]:
        return None
    for at, (low, high) in enumerate(BANDS_HZ):
        if low <= segment.freq_hz <= high:
            return at
    return None


def follows(first: Segment, second: Segment) -> bool:
    """Tell whether the second segment continues the first: next in place, no gap to speak of, like level."""
    a, b = place(first), place(second)
    gap = second.start_s - first.end_s
    like = abs(first.level_dbm0 - second.level_dbm0) <= _LEVEL_DB
    return a is not None and b == a + 1 and GAP_S[0] <= gap <= GAP_S[1] and like


def classify(segments: tuple[Segment, Segment, Segment]) -> Sit:
    """Name three segments that follow one another."""
    costs = sorted(((code.cost(segments), code) for code in CODES), key=lambda pair: pair[0])
    best, code = costs[0]
    rival = next((cost for cost, other in costs[1:] if other.verdict != code.verdict), best + 99.0)
    margin = rival - best
    confidence = round(1.0 - 0.5 * 2.718281828 ** (-max(0.0, margin)), 4)
    if best > _WORST:
        return Sit("no row of the table", "sit_other", "", 0.6, segments)
    if margin < _MARGIN:
        return Sit(f"{code.name} or another", "sit" if code.verdict == "sit" else "sit_other", "", 0.5, segments)
    return Sit(code.name, code.verdict, code.scope, confidence, segments)


class SitListener:
    """Collects one channel's tone segments until three make a special information tone."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run: list[Segment] = []

    @property
    def begun(self) -> bool:
        """Tell whether two segments of a tone have been heard."""
        return len(self._run) >= 2

    def take(self, segment: Segment) -> Sit | None:
        """Take the next segment; give the tone, when this was its third."""
        if self._run and follows(self._run[-1], segment):
            self._run.append(segment)
        else:
            self._run = [segment] if place(segment) is not None else []
        if not self._run or place(self._run[-1]) != 2:
            return None
        run, self._run = self._run, []
        if len(run) == 3:
            return classify((run[0], run[1], run[2]))
        if len(run) == 2 and run[0].open_start:
            return Sit("second and third tone", "sit", "", 0.6, tuple(run))
        return None
