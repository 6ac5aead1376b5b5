"""The same labelled audio to Asterisk's `AMD()` and `ToneScan()`, to spandsp and to this detector, side by side.

python -m tools.bench_detection                         # audio made by tools/corpus
python -m tools.bench_detection --manifest calls.tsv    # any labelled calls
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from zlib import crc32

from rich.console import Console

from dialer.replay.errors import ReplayError
from dialer.replay.manifest import LabelledCall, load_manifest
from tools.bench_detection import asterisk_peer, ours, spandsp, table
from tools.bench_detection.heard import Run
from tools.pbx.asterisk import PbxError

PEERS = ("asterisk", "spandsp", "ours")
CORPUS = Path("var/bench-detection")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench_detection", description=__doc__)
    parser.add_argument("--manifest", type=Path, help="labelled calls; default: made by tools/corpus")
    parser.add_argument("--scale", type=float, default=0.1, help="size of the corpus made (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the corpus made (default %(default)s)")
    parser.add_argument("--only", choices=PEERS, action="append", help="only this detector; may be given again")
    parser.add_argument("--every", type=int, default=1, help="take one call of n, chosen by its name")
    parser.add_argument("--calls", type=int, default=40, help="calls up at once at the PBX (default %(default)s)")
    parser.add_argument("--profile", default="balanced", help="profile of this detector (default %(default)s)")
    parser.add_argument("--json", type=Path, help="save everything heard here")
    return parser.parse_args()


def _corpus(scale: float, seed: int) -> Path:
    """The manifest of a corpus of this size and seed, made when it is not there yet."""
    folder = CORPUS / f"scale-{scale:g}-seed-{seed}"
    if not (folder / "manifest.tsv").exists():
        command = [sys.executable, "-m", "tools.corpus", str(folder), "--scale", str(scale), "--seed", str(seed)]
        subprocess.run(command, check=True)
    return folder / "manifest.tsv"


def _runs(calls: list[LabelledCall], arguments: argparse.Namespace, console: Console) -> list[Run]:
    """What each detector heard; one that cannot run is named and left out."""
    chosen = arguments.only or PEERS
    runs: list[Run] = []
    if "spandsp" in chosen:
        with console.status("spandsp"):
            try:
                runs.append(spandsp.run(calls))
            except spandsp.SpandspMissingError as fault:
                console.print(f"spandsp is left out: {fault}", markup=False)
    if "ours" in chosen:
        with console.status("this detector"):
            runs.append(ours.run(calls, arguments.profile)[0])
    if "asterisk" in chosen:
        with console.status(f"Asterisk: {len(calls)} calls over SIP, {arguments.calls} at once"):
            try:
                runs[:0] = asterisk_peer.run(calls, arguments.calls)
            except (PbxError, asterisk_peer.PeerMissingError) as fault:
                console.print(f"Asterisk is left out: {fault}", markup=False)
    return runs


def main() -> int:
    """The command line."""
    arguments = _arguments()
    console = Console(stderr=True)
    try:
        manifest = arguments.manifest or _corpus(arguments.scale, arguments.seed)
        calls = [call for call in load_manifest(manifest) if crc32(call.path.encode()) % arguments.every == 0]
    except ReplayError as fault:
        console.print(str(fault), markup=False)
        return 1
    except subprocess.CalledProcessError as fault:
        console.print(
            f"the corpus could not be made (exit {fault.returncode}); --manifest takes other calls", markup=False
        )
        return 1
    runs = _runs(calls, arguments, console)
    if not runs:
        return 1
    out = Console()
    hours = sum(run.audio_s for run in runs[-1:]) / 3600
    out.print(f"{manifest}: {len(calls)} calls, {hours:.2f} h heard by {runs[-1].name}", highlight=False, markup=False)
    for each in (table.accuracy(calls, runs), table.errors(calls, runs), table.latencies(calls, runs)):
        out.print(each, highlight=False)
    out.print(table.processor(runs), highlight=False)
    for run in runs:
        if run.warning:
            out.print(f"{run.name}: {run.warning}", style="bold red", markup=False, highlight=False)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(table.as_json(calls, runs), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
