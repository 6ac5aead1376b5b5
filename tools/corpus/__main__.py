"""Writes labelled synthetic calls and their manifest, reproducibly from a seed.

``python -m tools.corpus OUT --scale 1 --seed 1 --cache DIR`` writes ``OUT/wav/*.wav`` and ``OUT/manifest.tsv`` with the
columns that ``dialer eval`` reads, and ``OUT/activity/*.npy`` (where the noiseless voice sounds, one bool per 10
ms). At scale 1: 500 answers by people, 500 by machines, 300 tone calls. Call n of a seed is the same call at any scale.
"""

from __future__ import annotations

import argparse
import csv
import sys
import wave
from pathlib import Path

import numpy as np

from tools.corpus.call import Call, Composer
from tools.corpus.cut import cut_pieces
from tools.corpus.source import RATE, Pool, missing_programs
from tools.corpus.tone import ToneCall
from tools.corpus.tone import compose as compose_tone

COLUMNS = (
    "path",
    "expected",
    "phase",
    "answer_s",
    "greeting_end_s",
    "beep_start_s",
    "beep_end_s",
    "country",
    "source",
    "speaker",
    "codec",
    "level_dbm0",
    "snr_db",
    "loss",
    "onset_s",
    "end_s",
    "note",
)
PER_SCALE = 500
TONES_PER_SCALE = 300


def row_of(call: Call, path: str) -> dict[str, str]:
    """One manifest row; times in s of the file."""
    line = call.line
    if line is None:
        raise ValueError("a call has a row only after it went over a line")
    onset, end = call.span()
    snr = line.background_snr_db if line.background_snr_db is not None else line.level_dbm0 - line.noise_dbm0
    notes = [call.kind, *call.notes, *(["silence suppressed to zeros"] if line.suppressed else [])]
    speakers = sorted({p.speaker for p in call.used if p.kind != "noise"})
    beep = call.beep or (None, None)
    return {
        "path": path,
        "expected": call.expected,
        "phase": "answered",
        "answer_s": f"{call.answer_s:.3f}",
        "greeting_end_s": f"{end:.3f}",
        "beep_start_s": "" if beep[0] is None else f"{beep[0]:.3f}",
        "beep_end_s": "" if beep[1] is None else f"{beep[1]:.3f}",
        "country": call.country,
        "source": "+".join(sorted({p.source for p in call.used})),
        "speaker": ",".join(speakers),
        "codec": line.codec,
        "level_dbm0": f"{line.level_dbm0:.0f}",
        "snr_db": f"{snr:.0f}",
        "loss": f"{line.loss_pct:.0f}:{line.loss_kind}" if line.loss_pct else "0",
        "onset_s": f"{onset:.3f}",
        "end_s": "",
        "note": "; ".join(notes),
    }


def tone_row(call: ToneCall, path: str) -> dict[str, str]:
    """One manifest row of a tone call."""
    kind, line = call.kind, call.line
    snr = call.snr_db if call.snr_db is not None else line.level_dbm0 - line.noise_dbm0
    return dict.fromkeys(COLUMNS, "") | {
        "path": path,
        "expected": kind.verdict,
        "phase": kind.phase,
        "answer_s": "0.000" if kind.phase == "answered" else "",
        "country": kind.country,
        "source": "own synthesis",
        "codec": line.codec,
        "level_dbm0": f"{line.level_dbm0:.0f}",
        "snr_db": f"{snr:.0f}",
        "loss": f"{line.loss_pct:.0f}:{line.loss_kind}" if line.loss_pct else "0",
        "onset_s": f"{call.onset_s:.3f}",
        "end_s": f"{call.end_s:.3f}",
        "note": call.note,
    }


def write_wave(path: Path, samples: np.ndarray) -> None:
    """int16 [n] as a mono WAV of 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.corpus", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="1 = 500 people and 500 machines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("var/corpus"))
    parser.add_argument(
        "--pieces", type=Path, action="append", default=[], help="labelled manifests to cut pieces from"
    )
    return parser.parse_args()


def main() -> int:
    """Generates; gives the exit code."""
    args = arguments()
    if missing := missing_programs():
        print(f"please install: {', '.join(missing)}", file=sys.stderr)
        return 2
    pool = Pool(args.cache)
    for manifest in args.pieces:
        pool.add(cut_pieces(manifest))
    composer = Composer(pool)
    for folder in ("wav", "activity"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(round(PER_SCALE * args.scale)):
        for which, compose in (("human", composer.human), ("machine", composer.machine)):
            call = compose(np.random.default_rng([args.seed, number, which == "machine"]))
            path = f"wav/{which}_{number:05d}.wav"
            if call.samples is None:
                raise RuntimeError(f"{path} was composed without sound")
            write_wave(args.out / path, call.samples)
            np.save(args.out / f"activity/{Path(path).stem}.npy", call.activity)
            rows.append(row_of(call, path))
    for number in range(round(TONES_PER_SCALE * args.scale)):
        tone = compose_tone(number, args.seed)
        path = f"wav/tone_{number:05d}.wav"
        write_wave(args.out / path, tone.samples)
        rows.append(tone_row(tone, path))
    with (args.out / "manifest.tsv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} calls in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
