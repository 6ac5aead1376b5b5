"""The probability of a machine over time, taken down while a leg is replayed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialer.detection import DetectionSettings
from dialer.detection.answer import AnswerClassifier, Reason
from dialer.detection.answer_rules import RuleClassifier
from dialer.detection.frontend import Hop
from dialer.detection.level import HOP_S
from dialer.replay.leg import Leg
from dialer.replay.listen import Task, listen


class Watched:
    """A classifier that passes everything through and remembers each probability of one channel.

    Args:
        inner: the classifier.
    """

    def __init__(self, inner: AnswerClassifier) -> None:
        self._inner = inner
        self._now_s = 0.0
        self.seen: list[tuple[float, float]] = []

    @property
    def digest(self) -> str:
        """Hash of the inner classifier."""
        return self._inner.digest

    def attach(self, channels: int) -> None:
        """Pass on."""
        self._inner.attach(channels)

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Pass on."""
        self._inner.reset(channels)

    def step(self, hop: Hop) -> None:
        """Take down the time, pass on."""
        self._now_s = (int(hop.index[0]) + 1) * HOP_S
        self._inner.step(hop)

    def probabilities(self, channels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Take down the probability, pass on."""
        found = self._inner.probabilities(channels)
        self.seen.append((self._now_s, float(found[0])))
        return found

    def explain(self, channel: int) -> tuple[Reason, ...]:
        """Pass on."""
        return self._inner.explain(channel)

    def subclass(self, channel: int) -> dict[str, float]:
        """Pass on."""
        return self._inner.subclass(channel)


def probability_of(task: Task, leg: Leg, settings: DetectionSettings | None = None) -> list[tuple[float, float]]:
    """P(machine) of a leg whenever the bank asked for it, as (seconds, probability)."""
    watched = Watched(RuleClassifier())
    listen([(task, leg)], settings, classifier=watched)
    return watched.seen
