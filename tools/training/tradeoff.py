"""Prints what the shipped model and profiles make of labelled calls: profiles, trade-off curves, tables.

``python -m tools.training.tradeoff MANIFEST...``. On calls the model was trained from these are figures of the fit; the
figures that count are those of ``python -m tools.training`` (cross-validated by speaker) and of calls never trained
from.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from dialer.detection.speech.model import load
from tools.training.collect import collect
from tools.training.curve import print_curves


def main() -> int:
    """Evaluates; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.training.tradeoff", description=__doc__)
    parser.add_argument("manifest", type=Path, nargs="+")
    args = parser.parse_args()
    model = load()
    if model is None:
        print("there is no model file; train one with python -m tools.training", file=sys.stderr)
        return 2
    calls = [call for manifest in args.manifest for call in collect(manifest, model.voice)]
    print_curves(calls, [model.log_odds(np.ascontiguousarray(call.snapshots.T)) for call in calls])
    return 0


if __name__ == "__main__":
    sys.exit(main())
