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

FEWEST_TOGETHER, MOST_TOGETHER = 16, 128
"""Recordings played to one bank at once: a bank costs little more for many channels than for one."""

FEW = 4
"""Recordings up to which starting processes takes longer than it saves."""


Workers = int | ProcessPoolExecutor | None
"""Who does the work: so many processes at most, a pool that stays for several runs, or None for one process a core."""


def pool_of(processes: int | None = None) -> ProcessPoolExecutor:
    """A pool for several runs; to be used as a context."""
    count = processes or len(os.sched_getaffinity(0))
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def replay_many(
    tasks: Sequence[Task], settings: DetectionSettings | None = None, workers: Workers = None
) -> Iterator[tuple[Task, Outcome]]:
    """Replay recordings in parallel.

    Args:
        tasks: the recordings.
        settings: of the bank.
        workers: who does it.

    Yields:
        Each task with its outcome, in the order of the tasks.
    """
    most = workers if isinstance(workers, int) else len(os.sched_getaffinity(0))
    together = min(MOST_TOGETHER, max(FEWEST_TOGETHER, -(-len(tasks) // most)))
    groups = [tasks[start : start + together] for start in range(0, len(tasks), together)]
    if isinstance(workers, ProcessPoolExecutor):
        yield from _in_pool(groups, settings, workers)
        return
    count = min(most, len(groups))
    if count <= 1 or len(tasks) <= FEW:
        for group in groups:
            yield from zip(group, replay_group(group, settings), strict=True)
        return
    with pool_of(count) as pool:
        yield from _in_pool(groups, settings, pool)


def _in_pool(
    groups: Sequence[Sequence[Task]], settings: DetectionSettings | None, pool: ProcessPoolExecutor
) -> Iterator[tuple[Task, Outcome]]:
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
