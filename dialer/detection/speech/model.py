"""The trained model as arrays: weights of the voice meter, boosted trees, calibration.

Trees are walked by gathers for all channels at once and their leaves are summed as integers (millionths of a log
odd), so the sum is exact and depends on nothing but the features. Training: ``tools/training``; what it was trained
on and what it is good for: the model card beside the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.settings import DetectionError
from dialer.detection.speech.feature import FEATURES
from dialer.detection.speech.voice import INPUTS

MODEL_PATH: Final = Path(__file__).with_name("model.npz")
MICRO: Final = 1_000_000
"""Leaf values are kept in millionths of log odds."""

PAUSING_S: Final = np.float32(0.175)
"""From this silence on the trees for pauses are asked."""

_PAUSE: Final = FEATURES.index("pause_s")


class ModelUnfit(DetectionError):  # noqa: N818 - named like its siblings in detection
    """The model file does not fit this program."""


@dataclass(frozen=True)
class Trees:
    """Boosted trees of equal node room.

    Attributes:
        feature: int16 [trees, nodes], row of FEATURES; leaves point to themselves.
        threshold: float32 [trees, nodes]; a value at most the threshold goes left.
        left, right: int16 [trees, nodes].
        value: int32 [trees, nodes], mean log odds of the training calls at the node, in millionths.
        depth: steps from the root to the deepest leaf.
        base: log odds before the first tree, in millionths.
        slope, offset: Platt calibration of the summed log odds.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: NDArray[np.int32]
    depth: int
    base: int
    slope: float
    offset: float

    def leaves(self, features: NDArray[np.float32]) -> NDArray[np.intp]:
        """Walk all trees; features [FEATURES, k] gives flat node numbers [trees, k]."""
        trees, nodes = self.feature.shape
        k = features.shape[1]
        column = np.arange(k)
        root = (np.arange(trees) * nodes)[:, None]
        flat = np.broadcast_to(root, (trees, k)).copy()
        feature, threshold = self.feature.ravel(), self.threshold.ravel()
        left, right = self.left.ravel(), self.right.ravel()
        for _ in range(self.depth):
            smaller = features[feature[flat], column] <= threshold[flat]
            flat = root + np.where(smaller, left[flat], right[flat])
        return flat

    def log_odds(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated log odds of a machine, float64 [k]."""
        total = self.value.ravel()[self.leaves(features)].astype(np.int64).sum(axis=0) + self.base
        odds: NDArray[np.float64] = self.slope * (total / MICRO) + self.offset
        return odds

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature added along the paths, in log odds, float64 [FEATURES], for features [FEATURES, 1]."""
        given = np.zeros(len(FEATURES))
        trees = self.feature.shape[0]
        for tree in range(trees):
            node = 0
            for _ in range(self.depth):
                go = self.left if features[self.feature[tree, node], 0] <= self.threshold[tree, node] else self.right
                after = int(go[tree, node])
                given[self.feature[tree, node]] += (int(self.value[tree, after]) - int(self.value[tree, node])) / MICRO
                node = after
        return given * self.slope


@dataclass(frozen=True)
class Model:
    """All that was learned.

    Attributes:
        voice: weights of the voice meter.
        speaking: trees for the time somebody speaks: is it a machine already?
        pausing: trees for a pause: is the greeting over, or does a machine draw breath?
        digest: hash of the arrays.
    """

    voice: dict[str, NDArray[np.float32]]
    speaking: Trees
    pausing: Trees
    digest: str

    def log_odds(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated log odds of a machine, float64 [k], of features [FEATURES, k]."""
        pausing = features[_PAUSE] >= PAUSING_S
        odds = np.zeros(features.shape[1])
        for trees, columns in ((self.speaking, np.flatnonzero(~pausing)), (self.pausing, np.flatnonzero(pausing))):
            if len(columns):
                odds[columns] = trees.log_odds(np.ascontiguousarray(features[:, columns]))
        return odds

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature added, in log odds, float64 [FEATURES], of features [FEATURES, 1]."""
        trees = self.pausing if features[_PAUSE, 0] >= PAUSING_S else self.speaking
        return trees.contributions(features)


def load(path: Path = MODEL_PATH) -> Model | None:
    """Read the model; None when there is no file.

    Raises:
        ModelUnfit: when the file was trained for other features or is no such file.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError) as error:
        raise ModelUnfit(f"{path}: {error}; train anew with tools/training") from error
    if tuple(arrays.get("features", ())) != FEATURES or arrays["voice_w1"].shape[1] != INPUTS:
        raise ModelUnfit(f"{path} was trained for other features; train anew with tools/training")
    voice = {name: np.ascontiguousarray(arrays[f"voice_{name}"], np.float32) for name in ("w1", "b1", "w2", "b2")}
    return Model(voice, _trees(arrays, "speaking"), _trees(arrays, "pausing"), digest(arrays))


def _trees(arrays: dict[str, NDArray[Any]], part: str) -> Trees:
    def array(name: str) -> NDArray[Any]:
        return arrays[f"{part}_{name}"]

    return Trees(
        array("feature"), array("threshold"), array("left"), array("right"), array("value"),
        int(array("depth")), int(array("base")), float(array("slope")), float(array("offset")),
    )  # fmt: skip


def digest(arrays: dict[str, NDArray[Any]]) -> str:
    """Hash of names and bytes of all arrays."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(name.encode())
        total.update(np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()[:16]
