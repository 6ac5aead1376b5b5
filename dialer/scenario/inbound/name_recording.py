"""Records a caller's name, so that an agent hears who is to be called.

Where they lie and how long they are kept: `booking.name_recording`.
Source: records.md §2 `name_recording`.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import structlog

from dialer.booking.name_recording import path_of
from dialer.scenario.inbound.caller_line import CallerLine

log = structlog.get_logger(__name__)

BEEP = "beep.wav"
SHORTEST_SAMPLES = 2400  # 0.3 s: less is no name


async def record_name(line: CallerLine, recordings_dir: Path, prompt: str, longest_s: float) -> str | None:
    """Asks for the name and records it until a key is pressed or the time is over.

    Args:
        line: the caller.
        recordings_dir: `[media] recordings_dir`.
        prompt: what to say before the tone.
        longest_s: seconds.

    Returns:
        The recording's id; None when nothing was recorded.

    Raises:
        LegGone: when the caller hung up; no file is left then.
    """
    recording = uuid.uuid4().hex
    path = path_of(recordings_dir, recording)
    await line.say(prompt, BEEP)
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        kept = await _record(line, path, longest_s)
    except OSError as fault:
        log.warning("name_not_recorded", file=str(path), cause=fault.strerror, mend="check [media] recordings_dir")
        return None
    return recording if kept else None


async def _record(line: CallerLine, path: Path, longest_s: float) -> bool:
    recorder = line.leg.record(path)
    try:
        await line.key(longest_s)
    except BaseException:
        await recorder.stop()
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise
    await recorder.stop()
    if recorder.fault is not None:
        raise recorder.fault
    if recorder.samples < SHORTEST_SAMPLES:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return False
    return True
