"""Trains the human-or-machine model: one command from labelled calls to the model file.

``python -m tools.training MANIFEST... [--corpus MANIFEST...] [--out model.npz] [--voice FROM.npz]``

MANIFEST: labelled calls as ``dialer eval`` reads them (an operator's own recordings). ``--corpus``: calls composed by
``tools.corpus`` (with their ``activity`` folder; the voice meter learns from these). Figures printed are from
cross-validation: no speaker is in the training and the test half at once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from dialer.detection.speech.feature import FEATURES
from dialer.detection.speech.model import MODEL_PATH
from tools.training.collect import Labelled, collect, voice_frames
from tools.training.curve import held_out, print_curves
from tools.training.learn import OWN_PAUSE_WEIGHT, TwoForests, examples, learn_voice


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.training", description=__doc__)
    parser.add_argument("manifest", type=Path, nargs="+")
    parser.add_argument("--corpus", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=MODEL_PATH)
    parser.add_argument("--keep-voice", action="store_true", help="take the voice meter of the shipped model")
    parser.add_argument("--stride", type=int, default=2, help="learn from every n-th snapshot of composed calls")
    parser.add_argument("--folds", type=int, default=5, help="0: no cross-validation (the old calibration is kept)")
    return parser.parse_args()


def main() -> int:
    """Trains; gives the exit code."""
    args = arguments()
    if args.keep_voice:
        voice = kept_voice(MODEL_PATH)
    elif args.corpus:
        voice = learn_voice(*(np.concatenate(x) for x in zip(*map(voice_frames, args.corpus), strict=True)))
    else:
        print("the voice meter learns from --corpus calls; give some, or --keep-voice", file=sys.stderr)
        return 2
    own = [call for manifest in args.manifest for call in collect(manifest, voice)]
    composed = [call for manifest in args.corpus for call in collect(manifest, voice)]
    forests = train(own, composed, args.stride)
    if args.folds:
        strangers = held_out(own, composed, args.folds, args.stride)
        forests.calibrate(strangers.kept(own), *examples(own))
        print_curves(own, [forests.calibrated(c.snapshots, o) for c, o in zip(own, strangers.odds, strict=True)])
    save(args.out, voice, forests)
    print(f"{args.out}: {args.out.stat().st_size} bytes, {len(own)} own and {len(composed)} composed calls")
    return 0


def kept_voice(path: Path) -> dict[str, np.ndarray]:
    """The voice meter's weights of a model file, whatever features its trees were grown for."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name.removeprefix("voice_"): arrays[name] for name in arrays.files if name.startswith("voice_")}


def train(own: list[Labelled], composed: list[Labelled], stride: int) -> TwoForests:
    """Learns from both kinds of calls."""
    parts = [examples(own, pause_weight=OWN_PAUSE_WEIGHT)] + ([examples(composed, stride)] if composed else [])
    return TwoForests().fit(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def save(path: Path, voice: dict[str, np.ndarray], forests: TwoForests) -> None:
    """Writes the model file."""
    arrays = {f"voice_{name}": value for name, value in voice.items()} | forests.arrays()
    np.savez_compressed(path, features=np.array(FEATURES), **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
