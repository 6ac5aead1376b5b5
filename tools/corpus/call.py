"""Composes calls out of pieces: what people say when they answer, what machines say, and the line it comes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.signal import resample_poly

from tools.corpus.line import Line, draw_line, lose, noise, suppress, through, tilted, to_level
from tools.corpus.source import RATE, Piece, Pool

HUMAN_KINDS = {
    "one_word": 0.2,
    "two_word": 0.13,
    "hello_this_is": 0.14,
    "repeated": 0.1,
    "business": 0.33,
    "street": 0.06,
    "quiet": 0.04,
}
MACHINE_KINDS = {
    "full": 0.1,
    "nobody": 0.13,
    "short": 0.15,
    "mixed": 0.12,
    "personal": 0.22,
    "tts": 0.12,
    "ivr": 0.04,
    "screening": 0.04,
    "queue": 0.04,
    "mailbox_full": 0.04,
}
PBX_ORDER: dict[str, tuple[tuple[str, ...], ...]] = {
    "full": (("vm-theperson",), ("#digits",), ("vm-isunavail", "vm-isonphone"), ("vm-intro", "")),
    "nobody": (("vm-nobodyavail", "im-sorry", "vm-sorry"), ("vm-intro", "vm-msginstruct", "vm-nobodyavail")),
    "short": (("vm-intro", "vm-msginstruct", "vm-record-prepend", "vm-leavemsg"), ("vm-intro", "vm-goodbye", "")),
    "ivr": (
        ("basic-pbx-ivr-main", "demo-enterkeywords", "dir-intro", "pbx-invalid", "vm-enter-num-to-call"),
        ("dir-instr", ""),
    ),
    "screening": (
        ("priv-recordintro", "privacy-unident", "screen-callee-options", "privacy-prompt"),
        ("privacy-thankyou", ""),
    ),
    "queue": (
        ("queue-thankyou", "queue-youarenext", "queue-periodic-announce"),
        ("queue-holdtime", "queue-periodic-announce", ""),
    ),
    "mailbox_full": (
        ("vm-theperson", "vm-extension", ""),
        ("#digits", ""),
        ("vm-mailboxfull",),
        ("vm-goodbye", "vm-tocallback", ""),
    ),
}
"""Announcements in the order in which PBXs play them; each step draws one of its files, "" is none."""
STAND_IN = 0.12
"""Share of short answers by people that are cut from prompt voices, so that a studio voice alone is no proof."""

BUSINESS_S = (2.0, 5.1)
TONES = {
    "US": ((440.0, 480.0), 2.0, 4.0),
    "GB": ((400.0, 450.0), 0.4, 0.2),
    "FR": ((440.0,), 1.5, 3.5),
    "DE": ((425.0,), 1.0, 4.0),
}


@dataclass
class Part:
    """A stretch of sound and what is known of it."""

    samples: np.ndarray
    speech: bool = True


@dataclass
class Call:
    """One composed call before and after its line."""

    expected: str
    kind: str
    parts: list[Part]
    used: list[Piece]
    notes: list[str] = field(default_factory=list)
    beep: tuple[float, float] | None = None
    greeting_parts: int = 0
    line: Line | None = None
    country: str = "US"
    answer_s: float = 0.0
    lost: np.ndarray | None = None
    samples: np.ndarray | None = None
    activity: np.ndarray | None = None

    def span(self) -> tuple[float, float]:
        """First voice and end of the greeting, in s of the file."""
        at, first, last = 0, None, 0
        for number, part in enumerate(self.parts):
            if part.speech and number < self.greeting_parts:
                first = at if first is None else first
                last = at + part.samples.size
            at += part.samples.size
        return (first or 0) / RATE, last / RATE


class Composer:
    """Draws calls; every call depends on its own seed only, so ``--scale`` changes no call."""

    def __init__(self, pool: Pool, leave_out: frozenset[str] = frozenset()) -> None:
        def of(*kinds: str) -> list[Piece]:
            return [p for p in pool.pieces(*kinds) if p.speaker not in leave_out]

        prompts = of("prompt")
        self.words = of("word")
        self.prompt_words = [p for p in prompts if p.seconds < 1.2]
        self.prompts = [p for p in prompts if p.seconds >= 1.2]
        self.phrases = of("phrase")
        self.business = of("business")
        self.greetings = of("greeting")
        self.monologues = of("monologue")
        self.noises = of("noise")

    def human(self, rng: np.random.Generator) -> Call:
        """A person answers."""
        kind = _choose(rng, HUMAN_KINDS)
        stand_in = rng.random() < STAND_IN
        if kind == "business":
            parts, used = self._business(rng)
        elif kind in {"two_word", "hello_this_is"}:
            parts, used = self._phrase(rng, (0.8, 2.2) if kind == "two_word" else (1.1, 2.6), stand_in=stand_in)
        else:
            parts, used = self._word(rng, stand_in=stand_in)
        greeting = len(parts)
        if kind == "repeated":
            again, more = self._word(rng, stand_in=False) if rng.random() < 0.4 else (parts, [])
            parts = [*parts, _silence(float(rng.uniform(1.3, 2.6))), *again]
            used = [*used, *more]
        call = Call("human", kind, parts, used, greeting_parts=greeting)
        return self._finish(rng, call, draw_line(rng, quiet=kind == "quiet", street=kind == "street"), tail_s=4.2)

    def machine(self, rng: np.random.Generator) -> Call:
        """A voicemail, menu, queue, screening service or announcement answers."""
        kind = _choose(rng, MACHINE_KINDS)
        if kind in PBX_ORDER and not (kind == "screening" and rng.random() < 0.4):
            parts, used, notes = self._announcement(rng, PBX_ORDER[kind])
        elif kind == "mixed" or (kind == "personal" and not self.monologues):
            parts, used, notes = self._prompts(rng)
        elif kind == "personal":
            parts, used, notes = self._personal(rng)
        else:
            parts, used, notes = self._spoken(rng)
        call = Call("machine", kind, parts, used, notes, greeting_parts=len(parts))
        if kind in {"full", "nobody", "short", "mixed", "personal", "tts"} and rng.random() < 0.75:
            self._add_beep(rng, call)
        return self._finish(rng, call, draw_line(rng), tail_s=3.0 if call.beep else 2.5)

    def _word(self, rng: np.random.Generator, *, stand_in: bool) -> tuple[list[Part], list[Piece]]:
        pool = self.prompt_words if stand_in and self.prompt_words else [p for p in self.words if p.seconds < 1.3]
        piece = _speaker_first(rng, pool)
        return [Part(_voice(rng, piece))], [piece]

    def _phrase(
        self, rng: np.random.Generator, span: tuple[float, float], *, stand_in: bool
    ) -> tuple[list[Part], list[Piece]]:
        low, high = span
        longer = self.prompts if stand_in else [*self.phrases, *self.words, *self.business]
        fits = [p for p in longer if low <= p.seconds <= high]
        if fits and rng.random() < 0.65:
            piece = _speaker_first(rng, fits)
            return [Part(_voice(rng, piece))], [piece]
        return self._joined(rng, self.prompt_words if stand_in else self.words, span, (0.05, 0.25))

    def _business(self, rng: np.random.Generator) -> tuple[list[Part], list[Piece]]:
        whole = [*self.business, *self.phrases, *self.monologues]
        fits = [p for p in whole if BUSINESS_S[0] <= p.seconds <= BUSINESS_S[1]]
        draw = rng.random()
        if fits and draw < 0.45:
            piece = _speaker_first(rng, fits)
            return [Part(_voice(rng, piece))], [piece]
        long = [p for p in [*self.monologues, *self.greetings] if p.seconds > BUSINESS_S[1]]
        if long and draw < 0.7:
            piece = _speaker_first(rng, long)
            return [Part(_opening(rng, piece, float(rng.uniform(*BUSINESS_S))))], [piece]
        return self._joined(rng, [p for p in whole if p.seconds < 3.0] or whole, BUSINESS_S, (0.05, 0.4))

    def _joined(
        self,
        rng: np.random.Generator,
        pool: list[Piece],
        span: tuple[float, float],
        pause: tuple[float, float],
    ) -> tuple[list[Part], list[Piece]]:
        """Pieces of one speaker in a row until a length drawn from ``span`` is reached."""
        goal = float(rng.uniform(*span))
        speaker = _speaker_first(rng, pool).speaker
        own = [p for p in pool if p.speaker == speaker]
        voice = partial(_shifted, ratio=_ratio(rng))
        parts, used, total = [], [], 0.0
        for _ in range(8):
            room = goal - total
            fits = [p for p in own if p.seconds <= room + 0.3]
            if not fits:
                break
            piece = fits[int(rng.integers(len(fits)))]
            if parts:
                parts.append(_silence(float(rng.uniform(*pause))))
            parts.append(Part(voice(piece.samples)))
            used.append(piece)
            total += piece.seconds + 0.15
            if total > goal - 0.25:
                break
        if not parts:
            piece = min(own, key=lambda p: p.seconds)
            return [Part(_opening(rng, piece, goal))], [piece]
        return parts, used

    def _announcement(
        self,
        rng: np.random.Generator,
        steps: tuple[tuple[str, ...], ...],
    ) -> tuple[list[Part], list[Piece], list[str]]:
        """One voice's files in a PBX's order, lengthened by further files when they say too little."""
        speaker = _speaker_first(rng, self.prompts).speaker
        own = {p.name.rsplit("/", 1)[1]: p for p in [*self.prompt_words, *self.prompts] if p.speaker == speaker}
        used: list[Piece] = []
        for step in steps:
            name = str(rng.choice(step))
            if name == "#digits":
                used += [own[str(d)] for d in rng.integers(0, 10, int(rng.integers(3, 8))) if str(d) in own]
            elif name in own:
                used.append(own[name])
        goal = float(rng.uniform(3.6, 9.0))
        long = [p for p in self.prompts if p.speaker == speaker and p.seconds < 7.0]
        while sum(p.seconds for p in used) < goal:
            used.append(long[int(rng.integers(len(long)))])
        ratio = 1.0 if rng.random() < 0.3 else float(2 ** (rng.uniform(-650, 250) / 1200))
        parts: list[Part] = []
        for piece in used:
            if parts:
                parts.append(_silence(float(rng.uniform(0.05, 0.7))))
            parts.append(Part(_shifted(piece.samples, ratio)))
        return parts, used, [f"pitch and formants {1200 * np.log2(ratio):+.0f} cents"]

    def _prompts(self, rng: np.random.Generator) -> tuple[list[Part], list[Piece], list[str]]:
        return self._chain(rng, self.prompts, self.prompt_words, float(rng.uniform(3.6, 12.0)), studio=True)

    def _personal(self, rng: np.random.Generator) -> tuple[list[Part], list[Piece], list[str]]:
        long = [p for p in self.monologues if p.seconds > 3.6]
        if long and rng.random() < 0.55:
            piece = _speaker_first(rng, long)
            return [Part(_voice(rng, piece))], [piece], []
        pool = [*self.phrases, *self.monologues]
        return self._chain(rng, pool, [], float(rng.uniform(3.8, 12.0)), studio=False)

    def _spoken(self, rng: np.random.Generator) -> tuple[list[Part], list[Piece], list[str]]:
        if not self.greetings:
            return self._prompts(rng)
        piece = _speaker_first(rng, self.greetings)
        return [Part(_voice(rng, piece))], [piece], []

    def _chain(
        self,
        rng: np.random.Generator,
        pool: list[Piece],
        words: list[Piece],
        goal: float,
        *,
        studio: bool,
    ) -> tuple[list[Part], list[Piece], list[str]]:
        speaker = _speaker_first(rng, pool).speaker
        own, own_words = ([p for p in some if p.speaker == speaker] for some in (pool, words))
        ratio = _ratio(rng)
        if studio:
            ratio = 1.0 if rng.random() < 0.25 else float(2 ** (rng.uniform(-700, 300) / 1200))
        parts, used, total = [], [], 0.0
        while total < goal:
            few = own_words and rng.random() < 0.2
            piece = (own_words if few else own)[int(rng.integers(len(own_words if few else own)))]
            if parts:
                parts.append(_silence(float(rng.uniform(0.05, 0.7))))
            parts.append(Part(_shifted(piece.samples, ratio)))
            used.append(piece)
            total += parts[-1].samples.size / RATE + 0.2
        return parts, used, [f"pitch and formants {1200 * np.log2(ratio):+.0f} cents"]

    def _add_beep(self, rng: np.random.Generator, call: Call) -> None:
        gap = float(np.exp(rng.uniform(np.log(0.02), np.log(5.0))))
        tone, name = draw_beep(rng)
        start = sum(p.samples.size for p in call.parts) / RATE + gap
        call.parts += [_silence(gap), Part(tone, speech=False)]
        call.expected, call.beep = "machine_beep", (start, start + tone.size / RATE)
        call.notes.append(name)

    def _finish(self, rng: np.random.Generator, call: Call, line: Line, tail_s: float) -> Call:
        """Lead, ringing, tail, noise, codec and loss."""
        lead = float(np.exp(rng.uniform(np.log(0.1), np.log(2.1))))
        early: list[Part] = []
        if rng.random() < 0.1:
            country = str(rng.choice(list(TONES)))
            early = [Part(ringing(country, float(rng.uniform(1.2, 2.2)), float(rng.uniform(-24, -12))), speech=False)]
            call.notes.append(f"early=ringback_{country}")
        call.answer_s = sum(p.samples.size for p in early) / RATE
        shift = call.answer_s + lead
        call.parts = [*early, _silence(lead), *call.parts, _silence(tail_s)]
        call.greeting_parts += len(early) + 1
        if call.beep:
            call.beep = (call.beep[0] + shift, call.beep[1] + shift)
        call.line = line
        self._send(rng, call, line)
        return call

    def _send(self, rng: np.random.Generator, call: Call, line: Line) -> None:
        voiced = [p.samples for p in call.parts if p.speech and np.any(p.samples)]
        gain_of = to_level(np.concatenate(voiced), line.level_dbm0)
        ratio = float(np.max(np.abs(gain_of))) / max(float(np.max(np.abs(np.concatenate(voiced)))), 1e-9)
        dry = np.concatenate([p.samples * np.float32(ratio if p.speech else 1.0) for p in call.parts])
        speech = np.concatenate([np.full(p.samples.size, bool(np.any(p.samples))) for p in call.parts])
        call.activity = voice_activity(dry, speech)
        dry = tilted(dry, line.tilt)
        wet = dry + noise(rng, dry.size, line.noise_kind, line.noise_dbm0)
        if line.background_snr_db is not None:
            wet += self._background(rng, call, line, dry.size)
        if line.click:
            at = int(call.answer_s * RATE)
            wet[at : at + 24] += (rng.standard_normal(min(24, wet.size - at)) * 0.1).astype(np.float32)
        pcm = through(line.codec, np.clip(wet, -1, 1))
        if line.suppressed:
            pcm = suppress(pcm, speech)
        call.samples, call.lost = lose(rng, pcm, line.loss_pct, line.loss_kind) if line.loss_pct else (pcm, None)

    def _background(self, rng: np.random.Generator, call: Call, line: Line, size: int) -> np.ndarray:
        level = line.level_dbm0 - float(line.background_snr_db or 0)
        if rng.random() < 0.25:
            sound, name = self._babble(rng, size), "babble"
        else:
            piece = self.noises[int(rng.integers(len(self.noises)))]
            at = int(rng.integers(max(piece.samples.size - size, 1)))
            sound, name = np.resize(piece.samples[at : at + size], size), piece.speaker
            call.used.append(piece)
        sound = to_level(sound.astype(np.float32), level)
        call.notes.append(f"noise={name}")
        if call.expected != "human" and rng.random() < 0.4:
            start, end = (int(s * RATE) for s in call.span())
            gate = np.zeros(size, np.float32)
            gate[max(start - 2400, 0) : end + 2400] = 1
            sound = sound * gate
            call.notes.append("noise within the greeting")
        return sound

    def _babble(self, rng: np.random.Generator, size: int) -> np.ndarray:
        voices = [*self.monologues, *self.greetings]
        total = np.zeros(size, np.float32)
        for _ in range(3):
            piece = voices[int(rng.integers(len(voices)))]
            loop = np.resize(piece.samples, size)
            total += np.roll(loop, int(rng.integers(size))) / max(float(np.std(loop)), 1e-6)
        return total


def voice_activity(dry: np.ndarray, speech: np.ndarray, gate_db: float = 30.0, bridge: int = 6) -> np.ndarray:
    """Where the noiseless voice sounds, bool [n // 80]: within ``gate_db`` of its level, holes of 60 ms bridged."""
    hops = dry.size // 80
    power = np.mean(np.where(speech, dry, 0)[: hops * 80].reshape(hops, 80).astype(np.float64) ** 2, axis=1)
    loud = power > max(power.max() * 10 ** (-(gate_db + 6) / 10), 1e-12)
    at = np.flatnonzero(loud)
    for before, after in pairwise(at):
        if 1 < after - before <= bridge:
            loud[before:after] = True
    return loud


def _choose(rng: np.random.Generator, shares: dict[str, float]) -> str:
    names = list(shares)
    weights = np.array([shares[n] for n in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def _speaker_first(rng: np.random.Generator, pool: list[Piece]) -> Piece:
    """Draws the speaker, then one of the speaker's pieces: nobody weighs more for having said more."""
    speakers = sorted({p.speaker for p in pool})
    speaker = speakers[int(rng.integers(len(speakers)))]
    own = [p for p in pool if p.speaker == speaker]
    return own[int(rng.integers(len(own)))]


def _ratio(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.3 else float(2 ** (rng.uniform(-450, 450) / 1200))


def _shifted(samples: np.ndarray, ratio: float) -> np.ndarray:
    """Pitch, formants and pace together by ``ratio`` (another speaker, roughly)."""
    return samples if ratio == 1.0 else resample_poly(samples, 100, round(100 * ratio)).astype(np.float32)


def _voice(rng: np.random.Generator, piece: Piece) -> np.ndarray:
    return _shifted(piece.samples, _ratio(rng))


def _opening(rng: np.random.Generator, piece: Piece, seconds: float) -> np.ndarray:
    """The beginning of a longer piece, ended at the quietest 30 ms near the wanted length."""
    samples = piece.samples
    goal, reach = int(seconds * RATE), int(0.35 * RATE)
    low, high = max(goal - reach, RATE // 2), min(goal + reach, samples.size - 240)
    if high <= low:
        return samples[:goal]
    power = np.convolve(samples[low : high + 240].astype(np.float64) ** 2, np.ones(240), "valid")
    end = low + int(np.argmin(power)) + int(rng.integers(1, 120))
    fade = np.ones(end, np.float32)
    fade[-80:] = np.linspace(1, 0, 80, dtype=np.float32)
    return samples[:end] * fade


def _silence(seconds: float) -> Part:
    return Part(np.zeros(int(seconds * RATE), np.float32), speech=False)


def _tone(freqs: tuple[float, ...], seconds: float, level_dbm0: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    total = sum(np.sin(2 * np.pi * f * t) for f in freqs) / np.sqrt(len(freqs))
    return (np.sqrt(2) * 10 ** ((level_dbm0 - 6.15) / 20) * total).astype(np.float32)


def ringing(country: str, seconds: float, level_dbm0: float) -> np.ndarray:
    """Ends of a ringback burst and its pause before the answer."""
    freqs, on, off = TONES[country]
    cycle = np.concatenate([_tone(freqs, on, level_dbm0), np.zeros(int(off * RATE), np.float32)])
    return np.resize(cycle, int(seconds * RATE))


def draw_beep(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """A voicemail beep: single, double, decaying, falling or square; 440-1400 Hz, 0.12-1 s."""
    freq, seconds, level = float(rng.uniform(440, 1400)), float(rng.uniform(0.12, 1.0)), float(rng.uniform(-38, -9))
    kind = str(rng.choice(["single", "double", "decay", "fall", "square"], p=[0.6, 0.12, 0.1, 0.1, 0.08]))
    shape: dict[str, Callable[[], np.ndarray]] = {
        "single": lambda: _tone((freq,), seconds, level),
        "double": lambda: np.concatenate(
            [_tone((freq,), 0.2, level), np.zeros(1200, np.float32), _tone((freq,), 0.25, level)]
        ),
        "decay": lambda: (
            _tone((freq,), seconds, level)
            * np.exp(-np.arange(int(seconds * RATE)) / (0.4 * seconds * RATE)).astype(np.float32)
        ),
        "fall": lambda: np.concatenate([_tone((freq,), seconds / 2, level), _tone((freq * 0.85,), seconds / 2, level)]),
        "square": lambda: np.sign(_tone((freq,), seconds, level)) * np.float32(10 ** ((level - 6.15) / 20)),
    }
    return shape[kind](), f"beep {kind} {freq:.0f} Hz {level:.0f} dBm0"
