"""Human or machine by rule: how long, how many words, which pauses. The fallback when no model is at hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.answer import Reason
from dialer.detection.frontend import Field, Hop

_TALK_S: Final = 1.7  # voice in all at which the odds are even
_PER_SECOND: Final = 3.0  # log odds a second
_WORDS: Final = 4.0
_PER_WORD: Final = 0.35
_PAUSE_HOPS: Final = 12  # silence that ends a word
_LONG_PAUSE_HOPS: Final = 69  # only such a silence is a person's waiting
_HEARD_HOPS: Final = 8  # voiced, that make a voice
_UNSURE: Final = 0.85  # the least P(machine) before it


class RuleClassifier:
    """Tells machines by the sum of their voice and the number of their bursts."""

    digest = "rules-1"

    def attach(self, channels: int) -> None:
        """Make room for the channels."""
        self._talk = np.zeros(channels, np.int32)
        self._words = np.zeros(channels, np.int32)
        self._voiced = np.zeros(channels, np.int32)
        self._quiet = np.full(channels, 1000, np.int32)

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels."""
        self._talk[channels] = 0
        self._words[channels] = 0
        self._voiced[channels] = 0
        self._quiet[channels] = 1000

    def step(self, hop: Hop) -> None:
        """Count voice, words and pauses."""
        now = hop.channels
        on = hop.active & hop.voice
        quiet = self._quiet[now]
        self._words[now] += on & (quiet >= _PAUSE_HOPS)
        self._talk[now] += on
        self._voiced[now] += on & (hop[Field.VOICING] > np.float32(0.5)) & (hop[Field.HIGH] < np.float32(0.6))
        self._quiet[now] = np.where(on, 0, quiet + 1)

    def probabilities(self, channels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give P(machine), float64 [k]."""
        odds = (self._talk[channels] * 0.01 - _TALK_S) * _PER_SECOND + (self._words[channels] - _WORDS) * _PER_WORD
        p = 1.0 / (1.0 + np.exp(-np.ascontiguousarray(odds)))
        p = np.where(self._quiet[channels] < _LONG_PAUSE_HOPS, np.maximum(p, _UNSURE), p)
        result: NDArray[np.float64] = np.where(self._voiced[channels] >= _HEARD_HOPS, p, 0.5)
        return result

    def pause_s(self, channels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Give the length of the present pause, float32 [k]."""
        pause: NDArray[np.float32] = np.where(
            self._voiced[channels] >= _HEARD_HOPS, self._quiet[channels], 0
        ) * np.float32(0.01)
        return pause

    def explain(self, channel: int) -> tuple[Reason, ...]:
        """Name length of voice and number of words."""
        talk, words = float(self._talk[channel]) * 0.01, float(self._words[channel])
        reasons = (
            Reason("voice_s", round(talk, 2), round((talk - _TALK_S) * _PER_SECOND, 2)),
            Reason("words", words, round((words - _WORDS) * _PER_WORD, 2)),
        )
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def subclass(self, channel: int) -> dict[str, float]:
        """Rules know no kinds of machines."""
        del channel
        return {}
