"""Learns the voice meter's weights, the two sets of trees and their calibration, as the model file's arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from dialer.detection.speech.feature import FEATURES
from dialer.detection.speech.model import MICRO, PAUSING_S
from tools.training.collect import Labelled

HIDDEN = 16
ROUNDS = 160
UNUSED = ("noise_before_dbm0", "digital_pause", "odds", "pitch_log2")
"""Not given to the trees: absolute level of the line, what only the generator suppresses, and the height of the
voice: a woman's answer is not more of a machine's for being high, and the two prompt voices at hand are women's."""

NOT_LEARNED = ("shape",)
"""The mean spectrum of a voice names the voice, not the kind of answer."""

GROWING = {"speech_s": 1, "pause_s": -1}
"""Monotone: more speech never speaks for a person, a longer pause never for a machine."""

FIRST_S, LAST_S, WAITED_S = 0.1, 5.2, 1.05
OWN_PAUSE_WEIGHT = 3.0
"""Pauses of recordings weigh more than those of composed calls, whose rhythm is the composer's."""
_AT = {name: number for number, name in enumerate(FEATURES)}
USED = [n for n, f in enumerate(FEATURES) if f not in UNUSED and not f.startswith(NOT_LEARNED)]


def learn_voice(inputs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of the voice meter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net = MLPClassifier(
            (HIDDEN,),
            alpha=1e-3,
            batch_size=512,
            learning_rate_init=2e-3,
            max_iter=30,
            random_state=1,
            early_stopping=True,
        ).fit(inputs, labels)
    return {
        "w1": np.ascontiguousarray(net.coefs_[0].T, np.float32),
        "b1": net.intercepts_[0].astype(np.float32),
        "w2": net.coefs_[1][:, 0].astype(np.float32),
        "b2": net.intercepts_[1].astype(np.float32),
    }


def open_moments(call: Labelled) -> np.ndarray:
    """Numbers of the snapshots at which a decision can still be open: in speech and in pauses up to a second."""
    shots = call.snapshots
    since, pause, longest = (shots[:, _AT[name]] for name in ("since_first_s", "pause_s", "longest_pause_s"))
    talk = since - pause
    return np.flatnonzero((since > FIRST_S) & (talk < LAST_S) & (pause < WAITED_S) & (longest < WAITED_S))


def examples(
    calls: Iterable[Labelled], stride: int = 1, pause_weight: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Snapshots at which a decision is open: features, machine or not, weight (long calls weigh little more).

    Args:
        calls: Labelled calls.
        stride: Takes every n-th snapshot of speech; pauses are rare and taken all.
        pause_weight: How much more a pause of these calls weighs.
    """
    features, labels, weights = [], [], []
    for number, call in enumerate(calls):
        use = open_moments(call)
        pausing = call.snapshots[use, _AT["pause_s"]] >= PAUSING_S
        use = np.sort(np.r_[use[pausing], use[~pausing][number % stride :: stride]])
        pausing = call.snapshots[use, _AT["pause_s"]] >= PAUSING_S
        count = np.where(pausing, pausing.sum(), (~pausing).sum())
        features.append(call.snapshots[use])
        labels.append(np.full(use.size, call.machine))
        weights.append(np.where(pausing, pause_weight, 1.0) / np.sqrt(np.maximum(count, 1)))
    return np.concatenate(features), np.concatenate(labels), np.concatenate(weights)


class TwoForests:
    """Trees for speech and trees for pauses, with a Platt calibration each."""

    def __init__(self, rounds: int = ROUNDS) -> None:
        self.rounds = rounds
        self.parts: dict[str, HistGradientBoostingClassifier] = {}
        self.platt: dict[str, tuple[float, float]] = {"speaking": (1.0, 0.0), "pausing": (1.0, 0.0)}

    def fit(self, features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> TwoForests:
        """Learns both."""
        pausing = features[:, _AT["pause_s"]] >= PAUSING_S
        for name, of in (("speaking", ~pausing), ("pausing", pausing)):
            weight = weights[of].copy()
            for machine in (False, True):
                some = labels[of] == machine
                weight[some] /= weight[some].sum() / weight.size * 2
            self.parts[name] = HistGradientBoostingClassifier(
                max_iter=self.rounds, learning_rate=0.06, max_depth=4, max_leaf_nodes=14, min_samples_leaf=150,
                l2_regularization=5.0, max_bins=128, random_state=0,
                monotonic_cst=[GROWING.get(FEATURES[n], 0) for n in USED],
            ).fit(features[of][:, USED], labels[of], sample_weight=weight)  # fmt: skip
        return self

    def raw(self, shots: np.ndarray) -> np.ndarray:
        """Log odds before calibration, [n], of snapshots [n, FEATURES]."""
        pausing = shots[:, _AT["pause_s"]] >= PAUSING_S
        used = shots[:, USED]
        return np.where(
            pausing, self.parts["pausing"].decision_function(used), self.parts["speaking"].decision_function(used)
        )

    def calibrated(self, shots: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """Calibrated log odds of raw ones."""
        pausing = shots[:, _AT["pause_s"]] >= PAUSING_S
        (a, b), (c, d) = self.platt["speaking"], self.platt["pausing"]
        return np.where(pausing, c * raw + d, a * raw + b)

    def calibrate(self, raw: np.ndarray, shots: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """Platt scaling on log odds of calls that the trees did not learn from."""
        pausing = shots[:, _AT["pause_s"]] >= PAUSING_S
        for name, of in (("speaking", ~pausing), ("pausing", pausing)):
            fit = LogisticRegression(C=1e6).fit(raw[of, None], labels[of], sample_weight=weights[of])
            self.platt[name] = (float(fit.coef_[0, 0]), float(fit.intercept_[0]))

    def arrays(self) -> dict[str, np.ndarray]:
        """The model file's arrays of both."""
        out: dict[str, np.ndarray] = {}
        for name, part in self.parts.items():
            slope, offset = self.platt[name]
            for key, value in flatten(part).items():
                out[f"{name}_{key}"] = value
            out[f"{name}_slope"], out[f"{name}_offset"] = np.array(slope), np.array(offset)
        return out


def flatten(forest: HistGradientBoostingClassifier) -> dict[str, np.ndarray]:
    """Trees of scikit-learn as arrays of equal length; a leaf points to itself."""
    grown: Sequence[Any] = [stage[0].nodes for stage in forest._predictors]  # noqa: SLF001 - no public way to the nodes
    room = max(len(nodes) for nodes in grown)
    shape = (len(grown), room)
    feature, left, right = (np.zeros(shape, np.int16) for _ in range(3))
    threshold, value = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    for tree, nodes in enumerate(grown):
        means = _node_means(nodes)
        for number, node in enumerate(nodes):
            leaf = bool(node["is_leaf"])
            feature[tree, number] = USED[0] if leaf else USED[int(node["feature_idx"])]
            threshold[tree, number] = 0 if leaf else node["num_threshold"]
            left[tree, number] = number if leaf else node["left"]
            right[tree, number] = number if leaf else node["right"]
            value[tree, number] = round(means[number] * MICRO)
    base = round(float(forest._baseline_prediction.ravel()[0]) * MICRO)  # noqa: SLF001 - part of the sum
    depth = max(int(nodes["depth"].max()) for nodes in grown)
    return {
        "feature": feature,
        "threshold": threshold,
        "left": left,
        "right": right,
        "value": value,
        "depth": np.array(depth),
        "base": np.array(base),
    }


def _node_means(nodes: np.ndarray) -> np.ndarray:
    """What each node would add if it were a leaf: its children's mean by their counts."""
    means = np.zeros(len(nodes))
    for number in range(len(nodes) - 1, -1, -1):
        node = nodes[number]
        if node["is_leaf"]:
            means[number] = node["value"]
        else:
            two = [int(node["left"]), int(node["right"])]
            counts = np.array([nodes[child]["count"] for child in two], float)
            means[number] = float(np.dot(counts, means[two]) / counts.sum())
    return means
