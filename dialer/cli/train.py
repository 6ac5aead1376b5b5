"""`dialer train`: the human-or-machine model learned anew from one's own labelled recordings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.console import err
from dialer.detection.speech.model import MODEL_PATH

ROOT = Path(__file__).resolve().parents[2]
"""The source tree: training is a tool beside the program, not a part of it."""

ManifestsArgument = Annotated[
    list[Path], typer.Argument(metavar="MANIFEST.tsv...", help="Labelled calls, as for `dialer eval`.", exists=True)
]
CorpusOption = Annotated[
    list[Path] | None, typer.Option("--corpus", help="Calls composed by tools.corpus, learned from as well.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Write the model here; default: the one in use.")]
FoldsOption = Annotated[int, typer.Option("--folds", min=2, help="Parts of the voices, each held out once.")]


def train(
    manifests: ManifestsArgument, corpus: CorpusOption = None, out: OutOption = MODEL_PATH, folds: FoldsOption = 5
) -> None:
    """Learn from labelled calls who is a person and who a machine, and print what it is worth on voices held out.

    The model in use is kept beside the new one as model.previous.npz. Calls answered by people and by machines, of ten
    voices or more, are needed; some hundred of each make it better than the one shipped.
    """
    if not (ROOT / "tools" / "training").is_dir():
        raise typer.BadParameter(f"training needs the source tree; {ROOT} holds no tools/training")
    if find_spec("sklearn") is None:
        raise typer.BadParameter("training needs scikit-learn: pip install 'callback-dialer[training]'")
    command = [sys.executable, "-m", "tools.training", *(str(path.resolve()) for path in manifests)]
    command += ["--keep-voice", "--folds", str(folds), "--out", str(out.resolve())]
    for each in corpus or ():
        command += ["--corpus", str(each.resolve())]
    if out.exists():
        kept = out.with_name(f"{out.stem}.previous{out.suffix}")
        shutil.copyfile(out, kept)
        err.print(f"the model so far is kept as {kept}", markup=False, highlight=False, soft_wrap=True)
    status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own module, paths resolved
    if status:
        raise typer.Exit(status)
