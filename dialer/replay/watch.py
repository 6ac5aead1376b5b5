"""The probability of a machine over time, taken down while a leg is replayed."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dialer.detection import DetectionSettings, DetectorBank
from dialer.detection.answer import AnswerClassifier
from dialer.detection.frontend import Hop
from dialer.detection.level import HOP_S
from dialer.replay.leg import Leg
from dialer.replay.listen import Task, listen


class Watched:
    """A classifier that passes everything through and remembers each probability of the only channel.

    Args:
        inner: the classifier.
    """

    def __init__(self, inner: AnswerClassifier) -> None:
        self._inner = inner
        self._now_s = 0.0
        self.seen: list[tuple[float, float]] = []

    def __getattr__(self, name: str) -> Any:
        """All else is the inner classifier's."""
        return getattr(self._inner, name)

    def step(self, hop: Hop) -> None:
        """Take down the time, pass on."""
        self._now_s = (int(hop.index[0]) + 1) * HOP_S
        self._inner.step(hop)

    def probabilities(self, channels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Take down the probability, pass on."""
        found = self._inner.probabilities(channels)
        if len(found):
            self.seen.append((self._now_s, float(found[0])))
        return found


def probability_of(task: Task, leg: Leg, settings: DetectionSettings | None = None) -> list[tuple[float, float]]:
    """P(machine) of a leg whenever the bank asked for it, as (seconds, probability)."""
    own = DetectorBank(1, settings)._classifier  # noqa: SLF001  (the bank's own one, whichever that is)
    watched = Watched(own)
    listen([(task, leg)], settings, classifier=cast("AnswerClassifier", watched))
    return watched.seen
