"""spandsp's own detectors on labelled calls, through ctypes: fax and modem tones, and call progress by description.

The tone plans are ours, given to spandsp in its own terms (each burst's frequencies and limits of its length), which is
how a PBX uses it. Functions and constants: spandsp/modem_connect_tones.h and spandsp/super_tone_rx.h of spandsp 0.0.6.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dialer.detection.plan import Pattern, load
from dialer.replay.leg import RATE
from dialer.replay.manifest import LabelledCall
from tools.bench_detection.audio import samples_of
from tools.bench_detection.heard import Heard, Run

FAX_CNG, CED_OR_PREAMBLE, ANS_PR, BELL_ANS = 1, 7, 3, 8
"""Kinds of `modem_connect_tones_rx_init`."""

ANSWER, PREAMBLE = 2, 6
"""Codes reported for a plain 2100 Hz tone and for V.21 flags."""

ANSWER_CODES = (2, 3, 4, 5)
"""Codes the answer-tone receiver reports for 2100 Hz: plain, with phase reversals, with modulation, with both."""

FRAME = 160
"""Samples handed over at once: 20 ms, as a PBX does."""

Element = tuple[int, int, int, int]
"""One burst or silence of a tone: two frequencies in Hz (0: none), shortest and longest in ms (0: without end)."""

SIT_ELEMENTS: tuple[Element, ...] = ((950, 0, 256, 400), (1400, 0, 256, 400), (1800, 0, 256, 400))
"""SIT as FreeSWITCH's spandsp.conf.xml describes it to spandsp."""

LONG_RING_S = 0.8
"""A ring at least so long is known by its burst alone, without waiting for the pause, as FreeSWITCH describes it."""

_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)
_SAMPLES = ctypes.POINTER(ctypes.c_int16)


class SpandspMissingError(Exception):
    """libspandsp is not installed (Debian package libspandsp2)."""


def _elements(pattern: Pattern) -> list[Element]:
    """A tone of our plan in spandsp's terms."""
    elements: list[Element] = []
    for step in pattern.steps:
        first, second = (*(round(window.nominal) for window in step.freqs_hz), 0, 0)[:2]
        shortest, longest = round(step.on_s.low * 1000), round(step.on_s.high * 1000)
        if step.off_s is None or (pattern.verdict == "ringback" and step.on_s.nominal >= LONG_RING_S):
            return [*elements, (first, second, shortest, 0)]
        elements.append((first, second, shortest, longest))
        elements.append((0, 0, round(step.off_s.low * 1000), round(step.off_s.high * 1000)))
    return elements


def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("spandsp")
    if name is None:
        raise SpandspMissingError(SpandspMissingError.__doc__)
    library = ctypes.CDLL(name)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    for function, result, arguments in (
        ("modem_connect_tones_rx_init", pointer, [pointer, number, _REPORT, pointer]),
        ("modem_connect_tones_rx", number, [pointer, _SAMPLES, number]),
        ("modem_connect_tones_rx_free", number, [pointer]),
        ("super_tone_rx_make_descriptor", pointer, [pointer]),
        ("super_tone_rx_add_tone", number, [pointer]),
        ("super_tone_rx_add_element", number, [pointer, number, number, number, number, number]),
        ("super_tone_rx_init", pointer, [pointer, pointer, _REPORT, pointer]),
        ("super_tone_rx", number, [pointer, _SAMPLES, number]),
        ("super_tone_rx_free", number, [pointer]),
    ):
        found = getattr(library, function)
        found.restype, found.argtypes = result, arguments
    return library


class Listener:
    """All receivers for one call.

    Args:
        library: libspandsp.
        patterns: the tone plan of the call's country.
    """

    def __init__(self, library: ctypes.CDLL, patterns: Sequence[Pattern]) -> None:
        self._library = library
        self._position = 0
        self.reports: list[tuple[float, str]] = []
        self._keep: list[object] = []
        self._states: list[tuple[str, int]] = []
        for kind, words in (
            (FAX_CNG, {FAX_CNG: "fax"}),
            (CED_OR_PREAMBLE, {CED_OR_PREAMBLE: "fax", ANSWER: "fax", PREAMBLE: "fax"}),
            (ANS_PR, dict.fromkeys(ANSWER_CODES, "fax")),
            (BELL_ANS, {BELL_ANS: "modem"}),
        ):
            state = library.modem_connect_tones_rx_init(None, kind, self._callback(words), None)
            self._states.append(("modem_connect_tones_rx", state))
        tones = [(pattern.verdict, _elements(pattern)) for pattern in patterns if pattern.verdict != "dial"]
        for described in (tones, [("sit", SIT_ELEMENTS)]):
            descriptor, words = self._describe(described)
            state = library.super_tone_rx_init(None, descriptor, self._callback(words), None)
            self._states.append(("super_tone_rx", state))

    def _callback(self, words: dict[int, str]) -> object:
        def report(_: int, code: int, _level: int, _delay: int) -> None:
            if code in words:
                self.reports.append((self._position / RATE, words[code]))

        kept = _REPORT(report)
        self._keep.append(kept)
        return kept

    def _describe(self, tones: Sequence[tuple[str, Sequence[Element]]]) -> tuple[int, dict[int, str]]:
        """A descriptor of tones, and the verdict by the number the library gives each."""
        words = {}
        descriptor = self._library.super_tone_rx_make_descriptor(None)
        for verdict, elements in tones:
            tone = self._library.super_tone_rx_add_tone(descriptor)
            words[tone] = verdict
            for element in elements:
                self._library.super_tone_rx_add_element(descriptor, tone, *element)
        return descriptor, words

    def hear(self, samples: NDArray[np.int16]) -> None:
        """Hand over a call frame by frame; reports gather in `reports` as (seconds, word)."""
        audio = np.ascontiguousarray(samples)
        base = audio.ctypes.data
        feeds = [(getattr(self._library, name), state) for name, state in self._states]
        for start in range(0, len(audio), FRAME):
            count = min(FRAME, len(audio) - start)
            self._position = start + count
            pointer = ctypes.cast(base + 2 * start, _SAMPLES)
            for feed, state in feeds:
                feed(state, pointer, count)

    def close(self) -> None:
        """Give the receivers back."""
        for name, state in self._states:
            getattr(self._library, f"{name}_free")(state)


def run(calls: Sequence[LabelledCall]) -> Run:
    """Play the calls to spandsp; processor time is that of its functions and of handing the frames over."""
    library, atlas = _library(), load()
    heard, audio_s, cpu_s = {}, 0.0, 0.0
    for call in calls:
        samples = samples_of(call.file)
        listener = Listener(library, atlas.patterns(call.words.get("country")).patterns)
        began = time.process_time()
        listener.hear(samples)
        cpu_s += time.process_time() - began
        listener.close()
        audio_s += len(samples) / RATE
        reports = tuple((word, at_s) for at_s, word in listener.reports)
        heard[call.path] = Heard(call.path, reports, " ".join(dict.fromkeys(word for word, _ in reports)))
    return Run("spandsp", heard, audio_s, cpu_s, "6 receivers a call")
