"""This detector on labelled calls, in one process, all legs of a group side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dialer.detection import DetectionSettings
from dialer.replay.batch import replay_group
from dialer.replay.errors import RecordingError
from dialer.replay.judge import Judged, judge
from dialer.replay.manifest import LabelledCall
from tools.bench_detection.audio import audio_given_s
from tools.bench_detection.heard import Heard, Run

GROUP = 128
"""Calls heard at once."""


def run(calls: Sequence[LabelledCall], profile: str) -> tuple[Run, list[Judged]]:
    """Replay the calls; processor time covers reading the files, and audio counts up to each verdict."""
    settings = DetectionSettings(profile=profile)
    judged: list[Judged] = []
    began = time.process_time()
    for start in range(0, len(calls), GROUP):
        group = calls[start : start + GROUP]
        outcomes = replay_group([call.task() for call in group], settings)
        judged.extend(judge(call, outcome) for call, outcome in zip(group, outcomes, strict=True))
    cpu_s = time.process_time() - began
    heard = {each.call.path: _heard(each) for each in judged}
    return Run("this detector", heard, audio_given_s(judged), cpu_s, "all detectors, files read"), judged


def _heard(each: Judged) -> Heard:
    if each.result is None:
        raise RecordingError(each.call.file, each.fault)
    verdict = each.result.verdict
    said = verdict.evidence[-1].text if verdict and verdict.evidence else ""
    start_s = each.result.answered_at_s or 0.0 if each.call.expected in {"human", "machine", "machine_beep"} else 0.0
    reports = () if each.decided_s is None else ((each.got, each.decided_s - start_s),)
    return Heard(each.call.path, reports, said)
