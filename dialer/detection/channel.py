"""One channel's listeners and what they make of it: evidence, and the verdicts that tones alone decide.

Times are hops of the channel's own clock. Nothing here looks at samples but the trackers, and only while a tone sounds.
"""

from collections import deque
from typing import Any, Final

import numpy as np

from dialer.detection import beep, fax
from dialer.detection.cadence import Burst, BurstTracker, CadenceListener, Match
from dialer.detection.finding import CALL_RESULT, Evidence, Finding, Verdict
from dialer.detection.frontend import Hop
from dialer.detection.level import HOP, HOP_S
from dialer.detection.plan import Atlas
from dialer.detection.settings import DetectionSettings, Profile
from dialer.detection.sit import Sit, SitListener
from dialer.detection.tone import Segment, ToneTracker

_MAY_BEEP: Final = frozenset({"human", "machine"})
_EXPECTS_BEEP: Final = frozenset({"machine", "machine_beep"})
_KEPT: Final = 64
_RELEASE: Final = frozenset({"busy", "congestion", "nu_tone"})
_LOOKS: Final = frozenset({1, 2, 4, 8, 16})
_FURTHER_BEEP_HOPS: Final = 150
_CADENCE_HOPS: Final = 20
_RIVAL_COST: Final = 0.12  # a longer cadence that fits as well so far is waited for
_PARTING_COST: Final = 0.06
_RIVAL_S: Final = 2.0
_RIVAL_BURSTS: Final = 7
_PAGER_FIRST_S: Final = 3.0
_PAGER_QUIET_S: Final = 1.5
_PAGER_LONGEST_S: Final = 0.3


class Channel:
    """The state of one open channel.

    Args:
        number: the bank's row.
        phase: "early" or "answered".
        country: tone plan, or None for all.
        profile: how sure the bank must be.
        settings: how long is listened for what.
        atlas: the tone plans.
        digest: hash of parameters and model, for verdicts.
        said: where the channel leaves its number when it has something to say.
    """

    def __init__(
        self, number: int, phase: str, country: str | None, profile: Profile, settings: DetectionSettings,
        atlas: Atlas, digest: str, said: set[int],
    ) -> None:  # fmt: skip
        self.number = number
        self.phase = phase
        self.profile = profile
        self.digest = digest
        self.answered: int | None = 0 if phase == "answered" else None  # hop
        self.verdict: str | None = None
        self.first_voice: int | None = None  # hop, after the answer
        self.last_sound = 0  # hop of the last tone or voice, for the silence timer
        self.voiced_hops = 0  # of confirmed speech
        self.ringing = False
        self.musical = False  # music was heard
        self.playing = False  # the last 3 s were music
        self.tone = ToneTracker()
        self.burst = BurstTracker()
        self._sit = SitListener()
        self._sit_verdict = atlas.sit(country)
        self._cadence = CadenceListener(atlas.patterns(country))
        self._cng: list[Segment] = []
        self._notes: deque[Segment] = deque(maxlen=beep.NOTES)
        self._answer_tone = fax.AnswerTone()
        self.beeps: list[Segment] = []
        self._beep_since: Segment | None = None
        self._early_until = round(settings.early_limit_s / HOP_S)
        self._beep_hops = round(settings.beep_limit_s / HOP_S)
        self._beep_until = -1
        self._burst_known = False
        self.cadence_due = 0  # hop at which time alone may have completed one
        self._told: set[str] = set()
        self.evidence: deque[Evidence] = deque(maxlen=_KEPT)
        self.out: list[Finding] = []
        self._said = said

    @property
    def open(self) -> bool:
        """Tell whether a verdict is still to come."""
        return self.verdict is None

    def listening(self, now: int) -> bool:
        """Tell whether anything heard on this channel can still matter.

        A machine may beep, and so may what was taken for a person; a second beep may follow the first.
        """
        if self.verdict is None:
            return self.answered is not None or now <= self._early_until
        return now <= self._beep_until

    def answer(self, hop: int) -> None:
        """Mark the answer."""
        self.phase, self.answered = "answered", hop
        self.first_voice = None
        self.last_sound = hop
        self.voiced_hops = 0
        self.beeps.clear()

    def say(self, at_s: float, kind: str, text: str, **data: Any) -> None:
        """Give a piece of evidence."""
        rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in data.items()}
        found = Evidence(self.number, round(at_s, 4), kind, text, rounded)
        self.evidence.append(found)
        self.out.append(found)
        self._said.add(self.number)

    def decide(self, at_s: float, name: str, confidence: float, p_machine: float | None = None) -> None:
        """Give the verdict, unless there is one; what was a voice's may become `machine_beep`."""
        if not (self.open or (self.verdict in _MAY_BEEP and name == "machine_beep")):
            return
        self.verdict = name
        if name in _MAY_BEEP:
            self._beep_until = (self.answered or 0) + self._beep_hops
        self._said.add(self.number)
        known = {} if p_machine is None else {"human": round(1 - p_machine, 4), "machine": round(p_machine, 4)}
        answered_s = None if self.answered is None else round(self.answered * HOP_S, 4)
        self.out.append(
            Verdict(
                channel=self.number, at_s=round(at_s, 4), name=name, call_result=CALL_RESULT[name],
                confidence=round(confidence, 4), phase=self.phase, answered_at_s=answered_s, probabilities=known,
                evidence=tuple(self.evidence), parameters_hash=self.digest,
            )
        )  # fmt: skip

    # -- tones ---------------------------------------------------------------------------------------------------------

    def take_segment(self, segment: Segment, now: int) -> bool:
        """Take a tone segment that has just ended; tell whether it surely was no voice."""
        at_s = (now + 1) * HOP_S
        if segment.length_s >= 0.06 and segment.purity >= 0.6:
            self.last_sound = now
        self._take_sit(self._sit.take(segment), at_s)
        if fax.is_cng(segment):
            self._take_cng(segment, at_s)
        if (
            self.phase == "answered"
            and self.listening(now)
            and (self.first_voice is not None or not fax.is_cng(segment))
        ):
            points = beep.points(segment)
            if points >= self._beep_bound(segment):
                self._take_beep(segment, points, at_s)
                if self.verdict == "machine_beep":
                    self._beep_until = now + _FURTHER_BEEP_HOPS
            if points >= beep.NOTE:
                self._notes.append(segment)
        return fax.is_cng(segment) or beep.points(segment) >= beep.LIKELY

    def _beep_bound(self, segment: Segment) -> float:
        """Give the points that make a beep of this segment: the more notes went before, the more it is one of them."""
        if self.playing:
            return beep.MUSICAL
        bound = beep.LIKELY if self.verdict in _EXPECTS_BEEP else beep.SURE
        notes = sum(beep.is_another_note(note, segment) for note in self._notes)
        return min(bound + notes * beep.A_NOTE, beep.MUSICAL)

    def _take_sit(self, sit: Sit | None, at_s: float) -> None:
        if sit is None or not self.open:
            return
        for segment in sit.segments:
            self.say(
                at_s, "sit_segment",
                f"{segment.freq_hz:.1f} Hz for {segment.length_s * 1000:.0f} ms at {segment.level_dbm0:.1f} dBm0",
                start_s=segment.start_s, end_s=segment.end_s, freq_hz=segment.freq_hz, length_s=segment.length_s,
                level_dbm0=segment.level_dbm0,
            )  # fmt: skip
        verdict = self._sit_verdict if sit.verdict == "sit" else sit.verdict
        self.say(
            at_s, "sit", f"special information tone, {sit.name}", code=sit.name, scope=sit.scope, verdict=verdict,
            confidence=sit.confidence, retryable=sit.retryable,
        )  # fmt: skip
        self.decide(at_s, verdict, sit.confidence)

    def _take_cng(self, segment: Segment, at_s: float) -> None:
        """A calling fax: by one tone when nothing was said before, else by two at their distance."""
        self._cng.append(segment)
        del self._cng[:-2]
        paired = len(self._cng) == 2 and (
            fax.CNG_PERIOD_S[0] <= self._cng[1].start_s - self._cng[0].start_s <= fax.CNG_PERIOD_S[1]
        )
        if not paired and self.first_voice is not None:
            return  # a beep may sound like one calling tone, not like two
        self.say(
            at_s, "fax", f"calling tone {segment.freq_hz:.1f} Hz for {segment.length_s * 1000:.0f} ms", signal="cng",
            freq_hz=segment.freq_hz, start_s=segment.start_s, end_s=segment.end_s,
        )  # fmt: skip
        if self.answered is not None:
            self.decide(at_s, "fax", 0.99 if paired else 0.9)

    def take_answer_tone(self, now: int, hop: Hop, column: int) -> None:
        """Look at the open tone run: an answer tone of a fax or modem is known by its length."""
        run, at_s = self.tone, (now + 1) * HOP_S
        if not self.open or self.answered is None or not run.alive:
            return
        if fax.is_answer_tone(run.freq_hz):
            self._hear_answer_tone(run, at_s, hop, column)
        elif fax.is_bell(run.freq_hz) and run.length_hops >= fax.BELL_HOPS:
            self._machine_tone(at_s, "modem", f"Bell answer tone {run.freq_hz:.1f} Hz", signal="bell")

    def _hear_answer_tone(self, run: ToneTracker, at_s: float, hop: Hop, column: int) -> None:
        """Look at its modulation and its phase from time to time, until it is long enough."""
        if run.hops == fax.LOOK_HOPS:
            self._answer_tone.begin()
        over = run.length_hops >= fax.ANSWER_HOPS
        if over or run.hops % fax.LOOK_HOPS == 0:
            end = int(hop.index[column] + 1) * HOP
            self._answer_tone.listen(hop.recent(np.array([column]))[0], end, run.freq_hz)
        if not over:
            return
        tone, reversals = self._answer_tone, self._answer_tone.reversals_s
        swing = tone.modulation
        words = f"answer tone {tone.name}, {run.freq_hz:.1f} Hz, {swing:.2f} modulated at 15 Hz"
        turns = f", phase reversed at {', '.join(f'{s:.3f}' for s in reversals)} s" if reversals else ", phase steady"
        self._machine_tone(
            at_s, "fax", words + turns, signal="ced" if tone.name == "ANS" else tone.name.lower(),
            modulation=swing, reversals_s=[round(s, 3) for s in reversals],
        )  # fmt: skip

    def take_flags(self, score: float, now: int) -> None:
        """Take the V.21 flags heard without a tone before."""
        if self.open and self.answered is not None:
            at_s = (now + 1) * HOP_S
            self.say(at_s, "fax", f"V.21 flags, likeness {score:.2f}", signal="v21", score=score)
            self.decide(at_s, "fax", min(0.99, score + 0.2))

    def _machine_tone(self, at_s: float, verdict: str, words: str, **data: Any) -> None:
        self.say(at_s, "fax", words, freq_hz=self.tone.freq_hz, **data)
        self.decide(at_s, verdict, 0.99)

    def _take_beep(self, segment: Segment, points: float, at_s: float) -> None:
        """A beep after voice is a voicemail's; beeps without any voice are a pager's."""
        again = self.beeps and segment.start_s - self.beeps[-1].end_s <= beep.AGAIN_S
        self.beeps.append(segment)
        first = self._beep_since if again and self._beep_since else segment
        self._beep_since = first
        if self.first_voice is None:
            return
        self.say(at_s, "beep_start", f"beep {segment.freq_hz:.0f} Hz", onset_s=first.start_s, freq_hz=segment.freq_hz)
        self.say(
            at_s, "beep_end", f"beep {segment.freq_hz:.0f} Hz for {segment.length_s * 1000:.0f} ms",
            onset_s=first.start_s, end_s=segment.end_s, freq_hz=segment.freq_hz, length_s=segment.length_s,
            level_dbm0=segment.level_dbm0, purity=segment.purity, spread_hz=segment.spread_hz, points=points,
        )  # fmt: skip
        self.decide(at_s, "machine_beep", min(0.99, 0.5 + points / 20))

    def check_pager(self, now: int) -> None:
        """Beeps soon after the answer and nothing else: a pager waits for digits."""
        if not (self.open and self.beeps and self.answered is not None and self.first_voice is None):
            return
        if self.tone.alive or now * HOP_S - self.beeps[-1].end_s < _PAGER_QUIET_S:
            return
        soon = self.beeps[0].start_s - self.answered * HOP_S <= _PAGER_FIRST_S
        if soon and len(self.beeps) <= 4 and all(b.length_s <= _PAGER_LONGEST_S for b in self.beeps):
            at_s = (now + 1) * HOP_S
            self.say(at_s, "pager", f"{len(self.beeps)} beeps, then silence", beeps=len(self.beeps))
            self.decide(at_s, "pager", 0.9)

    # -- cadences ------------------------------------------------------------------------------------------------------

    def take_burst(self, burst: Burst, now: int) -> None:
        """Take a burst of call progress tone that has just ended."""
        self._cadence.take(burst)
        if self._cadence.bursts:
            self.last_sound = now
        self.check_cadence(now)

    def check_cadence(self, now: int) -> None:
        """Hold bursts, the open one and the silence since against the patterns."""
        if not self.open:
            return
        self.cadence_due = now + _CADENCE_HOPS
        at_s = (now + 1) * HOP_S
        sounding = self.burst.snapshot() if self.burst.alive and self.burst.hops > 4 else None
        found = self._cadence.matches(at_s - 0.02, sounding)
        complete = [m for m in found if m.complete]
        if not complete:
            return
        best = complete[0]
        if not any(self._rivals(best, other) for other in found):
            self._take_match(best, at_s)

    def _rivals(self, best: Match, other: Match) -> bool:
        """Tell whether a further burst may yet show another tone to be the true one."""
        if other.pattern.verdict == best.pattern.verdict or other.pattern.period_s >= _RIVAL_S:
            return False
        if other.cost >= best.cost + _RIVAL_COST:
            return False
        if other.complete:  # both fit whole cycles: only one of another shape, just as good, is waited for
            alike = other.cost < best.cost + _PARTING_COST and len(other.pattern.steps) != len(best.pattern.steps)
            return alike and len(self._cadence.bursts) < _RIVAL_BURSTS
        return True

    @property
    def holds_bursts(self) -> bool:
        """Tell whether bursts came before the open one."""
        return bool(self._cadence.bursts)

    @property
    def cadence_alive(self) -> bool:
        """Tell whether bursts are held that time alone may complete."""
        return self._cadence.hopeful and not self._cadence.only(self._told)

    def measure_burst(self, found: list[float]) -> None:
        """Take a look of the long window at the open burst, and see at times whether it is call progress tone."""
        self.burst.measure(found)
        if self.burst.measures in _LOOKS:
            snapshot = self.burst.snapshot()
            self._burst_known = snapshot is not None and self._cadence.knows(snapshot)

    @property
    def knows_burst(self) -> bool:
        """Tell whether the open burst has been recognised as call progress tone."""
        return self._burst_known and self.burst.measures > 0

    def _take_match(self, match: Match, at_s: float) -> None:
        pattern = match.pattern
        if pattern.verdict in self._told:
            return
        self._told.add(pattern.verdict)
        freqs = self._cadence.bursts[-1].freqs_hz if self._cadence.bursts else ()
        kind = "ringback" if pattern.verdict == "ringback" else "cadence"
        self.say(
            at_s, kind, f"{pattern.label}, cost {match.cost:.3f}", tone=pattern.label, meaning=pattern.verdict,
            freqs_hz=[round(f, 1) for f in freqs], cost=match.cost, cycles=match.cycles,
        )  # fmt: skip
        if pattern.verdict == "ringback":
            self.ringing = True
        if pattern.verdict in _RELEASE:
            self.decide(at_s, pattern.verdict, max(0.5, 0.99 - match.cost))
