"""How good a probability is: ROC curve, area under it, Brier score and calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

BINS = 10
"""Equal-width bins of the expected calibration error (Naeini 2015)."""

POINTS = 101
"""Points of the printed curve; the area uses all."""


def roc(scores: Sequence[float], positive: Sequence[bool]) -> dict[str, Any]:
    """Receiver operating characteristic of a score.

    Args:
        scores: P(machine) of each call.
        positive: whether each is a machine.

    Returns:
        `auc` and `points`, a list of [threshold, false machine share, found machine share] by falling threshold;
        `auc` is None when one class is missing.
    """
    score, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    machines, humans = int(truth.sum()), int((~truth).sum())
    if not machines or not humans:
        return {"auc": None, "points": []}
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    found = np.concatenate([[0.0], np.cumsum(truth[order])[ends] / machines])
    false = np.concatenate([[0.0], np.cumsum(~truth[order])[ends] / humans])
    thresholds = np.concatenate([[1.0], score[order][ends]])
    chosen = np.unique(np.linspace(0, len(thresholds) - 1, min(POINTS, len(thresholds))).astype(int))
    points = [[round(float(each[i]), 6) for each in (thresholds, false, found)] for i in chosen]
    return {"auc": round(float(np.trapezoid(found, false)), 6), "points": points}


def calibration(scores: Sequence[float], positive: Sequence[bool]) -> dict[str, Any]:
    """Brier score, expected calibration error and the table behind it.

    Args:
        scores: P(machine) of each call.
        positive: whether each is a machine.

    Returns:
        `brier`, `ece` (None without calls) and `bins`: [mean probability, share of machines, calls] of each filled bin.
    """
    score, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=float)
    if not len(score):
        return {"brier": None, "ece": None, "bins": []}
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    bins = []
    for each in range(BINS):
        inside = place == each
        if inside.any():
            bins.append(
                [round(float(score[inside].mean()), 4), round(float(truth[inside].mean()), 4), int(inside.sum())]
            )
    ece = sum(abs(probability - share) * count for probability, share, count in bins) / len(score)
    return {"brier": round(float(np.mean((score - truth) ** 2)), 6), "ece": round(ece, 6), "bins": bins}
