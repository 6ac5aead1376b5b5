"""Tells people from machines by the trained model; the plug for the bank's `AnswerClassifier` port.

It asks nothing of the bank but its hops, keeps its own idea of voice and pause, and gives probabilities, reasons and
the kinds of machine. When the model's file is missing, `classifier` gives the rules instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.answer import AnswerClassifier, Reason
from dialer.detection.answer_rules import RuleClassifier
from dialer.detection.frontend import Hop
from dialer.detection.speech.feature import FEATURES
from dialer.detection.speech.kind import kinds
from dialer.detection.speech.model import MODEL_PATH, Model, load
from dialer.detection.speech.track import SpeechTrack
from dialer.detection.speech.voice import VoiceMeter

TALK_LIMITS: Final = ((4.95, 0.99), (5.15, 0.999))
"""A greeting that goes on for so long (s) is a machine's with at least this probability, whatever the voice: business
answers end within 4.5 s, nearly all, and within 5.1 s, all."""

MURMUR_S: Final = 1.0
"""After so long without a loud syllable it is not the greeting that goes on, but the crowd around the person."""

VOICED_HOPS: Final = 8
"""Hops of voiced speech that make a voice: 80 ms."""

NOT_A_PERSON: Final = 0.6
"""A talk that outlasts a greeting is held for a machine's only when the trees think so too: else they hear a crowd."""

_HOP_S: Final = 0.01
_UNSURE: Final = 0.49
_SINCE: Final = FEATURES.index("since_first_s")
_PAUSE: Final = FEATURES.index("pause_s")
_NO_IDEA: Final = 0.5


def classifier(path: Path = MODEL_PATH) -> AnswerClassifier:
    """Give the trained classifier, or the rules when there is no model file.

    Raises:
        ModelUnfit: when there is a file that does not fit.
    """
    model = load(path)
    return RuleClassifier() if model is None else SpeechClassifier(model)


class SpeechClassifier:
    """The trained classifier of a bank's channels.

    Args:
        model: what was learned.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._track = SpeechTrack(VoiceMeter(model.voice))

    @property
    def digest(self) -> str:
        """Hash of the model."""
        return self._model.digest

    def attach(self, channels: int) -> None:
        """Make room for the channels."""
        self._track.attach(channels)

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels; their clocks start at zero."""
        self._track.reset(channels)

    def step(self, hop: Hop) -> None:
        """Take one hop."""
        self._track.step(hop)

    def probabilities(self, channels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give P(machine), float64 [k]; 0.5 while no voice was heard, near 1 once a greeting outlasts all people's."""
        features = self._track.features(channels)
        p = 1.0 / (1.0 + np.exp(-self._model.log_odds(features)))
        talk = features[_SINCE] - features[_PAUSE]
        murmur = self._track.now("since_loud", channels) * _HOP_S >= MURMUR_S
        crowd = murmur | (p < NOT_A_PERSON)
        for limit_s, at_least in TALK_LIMITS:
            outlasts = np.where(crowd, np.minimum(p, _UNSURE), np.maximum(p, at_least))
            p = np.where(talk >= np.float32(limit_s), outlasts, p)
        heard = self._heard(channels)
        result: NDArray[np.float64] = np.where(heard, np.where(p == _NO_IDEA, np.nextafter(_NO_IDEA, 0), p), _NO_IDEA)
        return result

    def pause_s(self, channels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Give how long these channels have been silent since their last word, float32 [k]; 0 while somebody speaks."""
        pause: NDArray[np.float32] = np.where(
            self._heard(channels), (self._track.now("pause", channels) * _HOP_S).astype(np.float32), np.float32(0)
        )
        return pause

    def _heard(self, channels: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell where there was a voice: speech, and voiced at that; clicks and gusts of noise are not."""
        heard: NDArray[np.bool_] = self._track.now("voiced", channels) >= VOICED_HOPS
        return heard

    def explain(self, channel: int) -> tuple[Reason, ...]:
        """Name the features that weighed most in the probability of this channel, heaviest first."""
        features = self._track.features(np.array([channel]))
        given = self._model.contributions(features)
        order = np.argsort(-np.abs(given), kind="stable")
        return tuple(
            Reason(FEATURES[i], round(float(features[i, 0]), 3), round(float(given[i]), 3))
            for i in order[:8]
            if given[i] != 0
        )

    def subclass(self, channel: int) -> dict[str, float]:
        """Give the confidence of each kind of machine, by how it speaks so far."""
        return kinds(dict(zip(FEATURES, self._track.features(np.array([channel]))[:, 0].tolist(), strict=True)))
