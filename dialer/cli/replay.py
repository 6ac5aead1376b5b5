"""`dialer replay`: the verdict a recording would have got as a live call, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from dialer.cli.config_option import ConfigOption
from dialer.cli.console import err, out
from dialer.cli.replay_attempt import NoSuchAttempt, hear_again
from dialer.detection import DetectionError, DetectionSettings
from dialer.replay.batch import FEW, replay_many
from dialer.replay.errors import RecordingError
from dialer.replay.listen import Mark, Task
from dialer.replay.recording import find_recordings
from dialer.replay.result import LegResult

Law = Literal["ulaw", "alaw"]

PathsArgument = Annotated[list[Path] | None, typer.Argument(help="Recordings, or folders of them.", show_default=False)]
AttemptOption = Annotated[
    str | None,
    typer.Option("--attempt", help="What was heard of a call: a callback's id, or ID/N for attempt N.", metavar="ID"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a leg, one a line.")]
AnswerOption = Annotated[float | None, typer.Option("--answer-at", min=0, help="Seconds from the start to the answer.")]
EarlyOption = Annotated[bool, typer.Option("--early", help="Early media only: the call was never answered.")]
CountryOption = Annotated[str | None, typer.Option("--country", help="Tone plan, two letters, such as DE.")]
ProfileOption = Annotated[str, typer.Option("--profile", help="Detection profile: safe, balanced, fast.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", help="Draw what was heard and why into this PNG.")]
RawOption = Annotated[Law | None, typer.Option("--raw", help="Law of files without a header.")]
EvidenceOption = Annotated[bool, typer.Option("--all-evidence", help="All that was heard, not only what decided.")]
JobsOption = Annotated[int | None, typer.Option("--jobs", min=1, help="Processes at most; default one a core.")]


def replay(
    paths: PathsArgument = None,
    attempt: AttemptOption = None,
    config: ConfigOption = Path("dialer.toml"),
    as_json: JsonOption = False,
    answer_at: AnswerOption = None,
    early: EarlyOption = False,
    country: CountryOption = None,
    profile: ProfileOption = "balanced",
    plot: PlotOption = None,
    raw: RawOption = None,
    all_evidence: EvidenceOption = False,
    jobs: JobsOption = None,
) -> None:
    """Play recordings to the detector and print what answered, with the evidence.

    WAV of any rate and width (each channel is a leg), bare G.711 (.ulaw, .alaw), PCAP and pcapng with RTP. Without
    --answer-at the whole file counts as answered, except in a capture that holds the SIP answer. Exit status 1 when a
    file could not be read. --attempt hears again what was kept of a call (option `record_detection`), with the settings
    of --config, and compares it with the verdict of the live call; exit status 1 when it is another one.
    """
    if attempt is not None:
        _replay_attempt(config, attempt, as_json=as_json, all_evidence=all_evidence)
        return
    if not paths:
        raise typer.BadParameter("name recordings, or a call with --attempt")
    if early and answer_at is not None:
        raise typer.BadParameter("--early means never answered; it cannot be combined with --answer-at")
    settings = settings_of(profile, country)
    mark: Mark = "never" if early else "recording" if answer_at is None else answer_at
    try:
        tasks = [Task(file, mark, settings.country, raw) for file in find_recordings(paths)]
    except RecordingError as fault:
        _complain(fault, as_json=as_json)
        raise typer.Exit(1) from fault
    failed = 0
    for task, outcome in with_progress(tasks, settings, jobs):
        if isinstance(outcome, RecordingError):
            _complain(outcome, as_json=as_json)
            failed += 1
            continue
        for result in outcome:
            _present(result, as_json=as_json, all_evidence=all_evidence)
        if plot is not None:
            target = plot if len(tasks) == 1 else plot.with_stem(f"{plot.stem}-{task.path.stem}")
            _draw(task, outcome, target, settings)
    if failed:
        raise typer.Exit(1)


def _replay_attempt(config: Path, name: str, *, as_json: bool, all_evidence: bool) -> None:
    """Replays what was heard of a call; exit status 1 when the verdict is another one now."""
    try:
        heard = hear_again(config, name)
    except NoSuchAttempt as fault:
        raise typer.BadParameter(str(fault)) from fault
    except RecordingError as fault:
        _complain(fault, as_json=as_json)
        raise typer.Exit(1) from fault
    _present(heard.result, as_json=as_json, all_evidence=all_evidence)
    if not as_json:
        out.print(f"  {heard.words}", markup=False, highlight=False, soft_wrap=True)
    if not heard.same:
        raise typer.Exit(1)


def settings_of(profile: str, country: str | None = None) -> DetectionSettings:
    """Settings of the detector for these options; a wrong one is refused as a wrong option."""
    try:
        return DetectionSettings(profile=profile, country=country.upper() if country else None)
    except DetectionError as fault:
        raise typer.BadParameter(str(fault)) from fault


def with_progress(
    tasks: list[Task], settings: DetectionSettings, jobs: int | None
) -> Iterator[tuple[Task, list[LegResult] | RecordingError]]:
    """Replay tasks, with a bar on standard error when there are many and a person watches."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = len(tasks) <= FEW or not err.is_terminal
    with Progress(*columns, console=err, transient=True, disable=hidden) as bar:
        row = bar.add_task("replaying", total=len(tasks))
        for task, outcome in replay_many(tasks, settings, jobs):
            yield task, outcome
            bar.advance(row)


def _complain(fault: RecordingError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"file": fault.path, "error": fault.cause}))
    err.print(f"dialer replay: {fault.path}: {fault.cause}", markup=False, highlight=False, soft_wrap=True)


def _present(result: LegResult, *, as_json: bool, all_evidence: bool) -> None:
    if as_json:
        print(json.dumps(result.as_json(all_evidence=all_evidence)))
        return
    verdict = result.verdict
    leg = "" if result.leg == "mono" else f" [{result.leg}]"
    out.print(f"{result.file}{leg}", style="bold", markup=False, highlight=False, soft_wrap=True)
    if verdict is None:
        out.print("  no verdict", markup=False)
    else:
        code = "no result" if verdict.call_result is None else f"call_result {verdict.call_result}"
        answer = "never answered" if result.answered_at_s is None else f"answered at {result.answered_at_s:.3f} s"
        out.print(
            f"  {result.name} ({code}), confidence {verdict.confidence:.3f}, decided at {result.decided_at_s:.3f} s of "
            f"{result.duration_s:.3f} s, {answer}, phase {verdict.phase}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    chosen = result.evidence if all_evidence or verdict is None else verdict.evidence
    for each in chosen:
        out.print(f"  {each.at_s:8.3f}  {each.kind:<16} {each.text}", markup=False, highlight=False, soft_wrap=True)
    for note in result.notes:
        out.print(f"  note: {note}", markup=False, highlight=False, soft_wrap=True)


def _draw(task: Task, results: list[LegResult], target: Path, settings: DetectionSettings) -> None:
    try:
        from dialer.replay.plot import draw  # noqa: PLC0415  (matplotlib is an extra and slow to import)
    except ModuleNotFoundError as fault:
        raise typer.BadParameter(
            "--plot needs matplotlib: install the extra `reports` (pip install 'callback-dialer[reports]')"
        ) from fault
    draw(task, results, target, settings)
    err.print(f"drawn: {target}", markup=False, highlight=False, soft_wrap=True)
