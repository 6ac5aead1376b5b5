"""What becomes of each call to a customer, by chance."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.simulate.draw import Sampler
from dialer.simulate.world import ANSWERED, Answer, result_of


@dataclass(frozen=True, slots=True)
class Answered:
    """How one call went.

    Attributes:
        result: as the detector and the signalling would tell.
        lasts_s: from the INVITE to the person reached, or to the end of the call.
        talk_s: length of a talk that has its own; None: as everybody's.
    """

    result: CallResult
    lasts_s: float
    talk_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    result: CallResult
    rings: Sampler | None
    after: Sampler
    talk: Sampler | None


class Answering:
    """Draws what answers; the service's own time limits and switches act on it."""

    def __init__(self, answers: Mapping[str, Answer], rng: Random) -> None:
        self._draw = rng.random
        self._kinds = [
            _Kind(
                result_of(name),
                None if answer.rings_s is None else answer.rings_s.sampler(rng),
                answer.after_s.sampler(rng),
                None if answer.talk_s is None else answer.talk_s.sampler(rng),
            )
            for name, answer in answers.items()
        ]
        self._sums = list(itertools.accumulate(answer.weight for answer in answers.values()))

    def call(self, options: ServiceOptions) -> Answered:
        """One call: who rings for longer than `ring_timeout` is not there."""
        at = bisect.bisect_right(self._sums, self._draw() * self._sums[-1])
        kind = self._kinds[min(at, len(self._kinds) - 1)]
        rings_s = options.ring_timeout if kind.rings is None else kind.rings()
        if rings_s >= options.ring_timeout:
            result = kind.result if kind.result not in ANSWERED else CallResult.NO_ANSWER
            return Answered(result, options.ring_timeout)
        talk_s = None if kind.talk is None else kind.talk()
        if kind.result in ANSWERED and not options.detect:
            return Answered(CallResult.ANSWER, rings_s, talk_s)
        return Answered(kind.result, rings_s + kind.after(), talk_s)


def connects(result: CallResult, options: ServiceOptions) -> bool:
    """Whether a call with this result is put through to an agent (`on_machine`, `on_fax`, `on_silence`)."""
    match result:
        case CallResult.ANSWER:
            return True
        case CallResult.ANSWERING_MACHINE:
            return options.on_machine == "connect"
        case CallResult.SIT_FAX_DETECTED:
            return options.on_fax == "connect"
        case CallResult.SILENCE:
            return options.on_silence == "connect"
        case _:
            return False
