"""Keeps what a call of the lab heard and said: a stereo WAV and its times.

Left is what came over the line, right is what this side said, on one time axis. The JSON beside it names who it was and
gives the monotonic time of the first sample, so that recordings of both ends of one call can be laid side by side.
"""

from __future__ import annotations

import asyncio
import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialer.lab.actor import Actor, Utterance
from dialer.lab.sounds import read_wav
from dialer.lab.tones import RATE, Samples
from dialer.telephony import IncomingLeg, TapView

POLL_S = 0.25  # the tap holds seconds


@dataclass(slots=True)
class Heard:
    """What came over the line so far: int16 blocks, and when the first sample came."""

    blocks: list[NDArray[np.int16]]
    began_at: float | None = None

    def samples(self) -> NDArray[np.int16]:
        """All blocks as one, int16 [n]."""
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.int16)


async def listen(taps: TapView, leg: IncomingLeg) -> Heard:
    """Collects what comes over the line until the leg ends."""
    heard = Heard([])
    cursor = row = -1
    while True:
        done, _ = await asyncio.wait({leg.ended}, timeout=POLL_S)
        if leg.tap_row is not None and row != leg.tap_row:
            row, cursor = leg.tap_row, leg.tap_start
        if row >= 0:
            block = taps.read(row, cursor)
            if heard.began_at is None and len(block):
                heard.began_at = taps.frame_time(row, cursor)
            cursor += len(block)
            heard.blocks.append(block)
        if done:
            return heard


def write(folder: Path, name: str, leg: IncomingLeg, actor: Actor, heard: Heard) -> None:
    """Writes `name`.wav and `name`.json; nothing when there was no audio."""
    if heard.began_at is None:
        return
    left = heard.samples()
    right = laid_out(actor.said, heard.began_at, len(left))
    stereo = np.stack([left, np.clip(np.round(right), -32768, 32767).astype(np.int16)], axis=1)
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(stereo.tobytes())
    facts = {
        "who": actor.who,
        "called": leg.called_number,
        "caller": leg.caller,
        "callback_id": leg.headers.get("x-callback-id"),
        "began_at": heard.began_at,
        "said": [
            {"sound": said.path.stem, "started_at": said.started_at, "stopped_at": said.stopped_at}
            for said in actor.said
        ],
    }
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=1))


def laid_out(said: list[Utterance], began_at: float, n: int) -> Samples:
    """What was said, [n], on the time axis that begins at `began_at`."""
    track = np.zeros(n)
    for utterance in said:
        start = round((utterance.started_at - began_at) * RATE)
        length = round((utterance.stopped_at - utterance.started_at) * RATE)
        sound = np.resize(read_wav(utterance.path), length)
        first, last = max(start, 0), min(start + length, n)
        if first < last:
            track[first:last] = sound[first - start : last - start]
    return track
