"""Many recordings on all cores: results come in the order of the tasks, failures as values."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from dialer.detection import DetectionSettings
from dialer.replay.errors import RecordingError
from dialer.replay.leg import Leg
from dialer.replay.listen import Task, listen
from dialer.replay.recording import open_recording
from dialer.replay.result import LegResult

Outcome = list[LegResult] | RecordingError
"""What became of one recording: a result for each leg, or why it cannot be read."""

TOGETHER = 16
"""Recordings played to one bank at once: a bank costs little more for many channels than for one."""

FEW = 4
"""Recordings up to which starting processes takes longer than it saves."""


def replay_many(
    tasks: Sequence[Task], settings: DetectionSettings | None = None, processes: int | None = None
) -> Iterator[tuple[Task, Outcome]]:
    """Replay recordings in parallel.

    Args:
        tasks: the recordings.
        settings: of the bank.
        processes: at most so many; default one a core.

    Yields:
        Each task with its outcome, in the order of the tasks.
    """
    groups = [tasks[start : start + TOGETHER] for start in range(0, len(tasks), TOGETHER)]
    count = min(processes or len(os.sched_getaffinity(0)), len(groups))
    if count <= 1 or len(tasks) <= FEW:
        for group in groups:
            yield from zip(group, replay_group(group, settings), strict=True)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        pending = [pool.submit(replay_group, group, settings) for group in groups]
        try:
            for group, future in zip(groups, pending, strict=True):
                yield from zip(group, future.result(), strict=True)
        finally:
            for future in pending:
                future.cancel()


def replay_group(tasks: Sequence[Task], settings: DetectionSettings | None = None) -> list[Outcome]:
    """Replay recordings side by side in one bank; a damaged one is heard alone, so that it spoils no other."""
    opened = [_open(task) for task in tasks]
    pairs = [(task, leg) for task, legs in zip(tasks, opened, strict=True) if isinstance(legs, list) for leg in legs]
    try:
        results = iter(listen(pairs, settings) if pairs else [])
    except RecordingError:
        return [_alone(task, legs, settings) for task, legs in zip(tasks, opened, strict=True)]
    return [legs if isinstance(legs, RecordingError) else [next(results) for _ in legs] for legs in opened]


def _open(task: Task) -> list[Leg] | RecordingError:
    try:
        return open_recording(task.path, task.raw)
    except RecordingError as fault:
        return fault


def _alone(task: Task, legs: list[Leg] | RecordingError, settings: DetectionSettings | None) -> Outcome:
    if isinstance(legs, RecordingError):
        return legs
    try:
        return listen([(task, leg) for leg in legs], settings)
    except RecordingError as fault:
        return fault
