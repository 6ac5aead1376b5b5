"""Who answered: the port between the bank and whatever tells people from machines.

The bank owns clocks, tones, silence and the decision; a classifier owns the evidence of the voice. It is fed every
hop of the channels whose answer is still open (answered, no verdict yet), and asked for probabilities when a decision
may be due: every 100 ms while a voice has been heard, and at the hops where a pause reaches one of the lengths in
`PAUSES_S`.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Hop

HUMAN: Final = 0
MACHINE: Final = 1

PAUSES_S: Final = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0, 1.1, 1.2)
"""Silences after voice at which the bank asks."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature that weighed: `weight` > 0 speaks for a machine, in log odds."""

    feature: str
    value: float
    weight: float


class AnswerClassifier(Protocol):
    """What tells people from machines on all channels of a bank.

    Results of a channel must depend on that channel's hops alone: not on the others, nor on how many there are. Hops
    come in order, those lost (`hop.lost`) included: they are time without evidence.
    """

    @property
    def digest(self) -> str:
        """Hash of the model and its parameters."""

    def attach(self, channels: int) -> None:
        """Make room for the channels 0..channels-1; called once by the bank."""

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels: an answer has just happened on them; hops from now on count."""

    def step(self, hop: Hop) -> None:
        """Take one hop; its arrays are views valid during the call only."""

    def probabilities(self, channels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give P(machine) of these channels as of their last hop, float64 [k] in 0..1.

        Exactly 0.5 while no voice was heard.
        """

    def pause_s(self, channels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Give how long these channels have been silent since their last word, float32 [k].

        0 while somebody speaks or nobody has yet.
        """

    def explain(self, channel: int) -> tuple[Reason, ...]:
        """Name the features that weighed most in the last probability of this channel, heaviest first."""

    def subclass(self, channel: int) -> dict[str, float]:
        """Give the confidence of each kind of machine ("voicemail", "ivr", "screening", "announcement", ...).

        May be empty.
        """
