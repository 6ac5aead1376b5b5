"""Runs a manifest through the detector and gathers the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dialer.detection import DetectionSettings
from dialer.replay.batch import Workers, replay_many
from dialer.replay.judge import Judged, judge
from dialer.replay.manifest import LabelledCall
from dialer.replay.score import summary


def evaluate(
    calls: Sequence[LabelledCall],
    settings: DetectionSettings | None = None,
    *,
    with_country: bool = True,
    workers: Workers = None,
    progress: Callable[[], None] = lambda: None,
) -> list[Judged]:
    """Replay and judge labelled calls, in their order.

    Args:
        calls: from the manifest.
        settings: of the detector.
        with_country: tell the detector the tone plan of each call.
        workers: who does it.
        progress: called once a call.
    """
    judged = []
    tasks = [call.task(with_country=with_country) for call in calls]
    for call, (_, outcome) in zip(calls, replay_many(tasks, settings, workers), strict=True):
        judged.append(judge(call, outcome))
        progress()
    return judged


def results(judged: Sequence[Judged], settings: DetectionSettings) -> dict[str, Any]:
    """What `--json` saves and `--against` reads: the figures, and every call. No time of day, so runs compare equal."""
    hashes = sorted({each.result.verdict.parameters_hash for each in judged if each.result and each.result.verdict})
    return {
        "profile": settings.profile,
        "parameters": hashes[0] if len(hashes) == 1 else hashes,
        "summary": summary(judged),
        "calls": [each.as_json() for each in judged],
    }
