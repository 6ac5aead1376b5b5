"""Kinds of machine after the verdict, each with its own confidence.

What a machine is shows by how it goes on: a beep (the bank hears that), a wait for an answer after few words
(screening), one burst after the other without end (menu, queue), a short announcement and nothing more (carrier). By
the voice alone this stays a guess; the numbers say how good one.
"""

from __future__ import annotations

import math

KINDS = ("voicemail", "ivr", "screening", "announcement")


def kinds(feature: dict[str, float]) -> dict[str, float]:
    """Share the certainty among the kinds.

    Args:
        feature: values by name, as in `FEATURES` of the track.

    Returns:
        Confidence of each of KINDS, together 1.
    """
    speech, segments = feature["speech_s"], feature["segments"]
    waits = feature["pause_s"]
    rate = segments / max(speech, 0.5)
    score = {
        "voicemail": 1.2 + 0.15 * min(speech, 8.0),  # the commonest by far; what the prior should be is the operator's
        "ivr": -0.4 + 0.12 * min(speech, 15.0) + 0.3 * (rate - 0.8),
        "screening": -1.0 + (2.0 if waits >= 1.2 and speech < 7.0 else 0.0),
        "announcement": -0.8 + 0.5 * (feature["longest_s"] > 2.5),
    }
    top = max(score.values())
    weight = {name: math.exp(value - top) for name, value in score.items()}
    total = sum(weight.values())
    return {name: round(value / total, 3) for name, value in weight.items()}
