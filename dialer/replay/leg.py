"""One leg of a recording as a stream of blocks, whatever file it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second of every block: the rate of the telephone network and of the live tap."""

FRAME = 160
"""Samples of one 20 ms frame at `RATE`: the unit in which audio is lost on the way."""

BLOCK = 50 * FRAME
"""Samples of a full block: one second."""


@dataclass(frozen=True, eq=False)
class Block:
    """A stretch of audio.

    Attributes:
        samples: int16 [n], at `RATE`; all blocks of a leg but the last hold whole frames.
        lost: bool [ceil(n / FRAME)], true for each 20 ms frame known not to have arrived.
    """

    samples: NDArray[np.int16]
    lost: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Leg:
    """One side of a recorded call.

    Attributes:
        name: how the file tells it from its other legs: `mono`, `left`, `right`, `channel 3`, or an RTP stream.
        codec: coding of the audio in the file, in words.
        blocks: starts a pass over the audio; each call starts from the beginning. The iterator raises
            RecordingError when the audio turns out to be damaged.
        duration_s: length in seconds, None when only reading it tells.
        answered_at_s: where the recording itself says the call was answered (SIP inside a capture), else None.
        notes: what a person should know about the reading, such as lost packets.
    """

    name: str
    codec: str
    blocks: Callable[[], Iterator[Block]]
    duration_s: float | None = None
    answered_at_s: float | None = None
    notes: tuple[str, ...] = ()


def with_losses(leg: Leg, lost: Collection[int]) -> Leg:
    """The leg, with frames marked as lost that a file cannot mark.

    Args:
        leg: its blocks hold whole frames.
        lost: positions of their first samples.
    """
    frames = np.array(sorted({position // FRAME for position in lost}), dtype=np.int64)

    def marked() -> Iterator[Block]:
        at = 0
        for block in leg.blocks():
            count = len(block.lost)
            here = block.lost.copy()
            here[frames[(frames >= at) & (frames < at + count)] - at] = True
            at += count
            yield Block(block.samples, here)

    return replace(leg, blocks=marked) if len(frames) else leg


def whole_blocks(pieces: Iterable[NDArray[np.int16]]) -> Iterator[Block]:
    """Cut pieces of any length into full blocks with nothing lost.

    Args:
        pieces: int16 [n] each, at `RATE`.
    """
    held: list[NDArray[np.int16]] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count < BLOCK:
            continue
        joined = np.concatenate(held)
        whole = count - count % BLOCK
        for start in range(0, whole, BLOCK):
            yield _intact(joined[start : start + BLOCK])
        held, count = [joined[whole:]], count - whole
    if count:
        yield _intact(np.concatenate(held))


def _intact(samples: NDArray[np.int16]) -> Block:
    return Block(samples, np.zeros(-(-len(samples) // FRAME), dtype=np.bool_))
