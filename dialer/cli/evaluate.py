"""`dialer eval` and `dialer tune`: how good the detector is on labelled calls, and what other settings would change."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from dialer.cli.console import err, out
from dialer.cli.replay import JobsOption, ProfileOption, settings_of
from dialer.detection import DetectionSettings
from dialer.replay.batch import pool_of
from dialer.replay.compare import changed_calls, comparison
from dialer.replay.evaluation import evaluate, results
from dialer.replay.judge import Judged
from dialer.replay.manifest import load_manifest
from dialer.replay.tables import report, wrong_calls
from dialer.replay.tune import Candidate, answered_by_voice, halves, search, trade_off, worth
from dialer.replay.tune_tables import candidate_table, change_rows, curve_table, setting_lines, time_table, worth_table

TABLE_WIDTH = 150
"""Columns of the widest table."""

ManifestArgument = Annotated[Path, typer.Argument(metavar="MANIFEST.tsv", help="Labelled calls.", show_default=False)]
ResultsOption = Annotated[Path | None, typer.Option("--json", help="Save the figures and every call here.")]
PlotsOption = Annotated[Path | None, typer.Option("--plot", help="Draw the curves and every doubtful call here.")]
AgainstOption = Annotated[Path | None, typer.Option("--against", help="Compare with results saved by --json.")]
RatioOption = Annotated[
    float, typer.Option("--ratio", min=0.1, help="Machines taken for people that weigh as much as one lost person.")
]
RoundsOption = Annotated[int, typer.Option("--rounds", min=0, help="Steps of the search at most.")]
MinutesOption = Annotated[float, typer.Option("--minutes", min=0, help="Time for the search at most.")]
CurveOption = Annotated[bool, typer.Option("--curve/--no-curve", help="Print the trade-off curve of every profile.")]
WrongOption = Annotated[bool, typer.Option("--wrong", help="List the calls with a wrong verdict.")]
PlanOption = Annotated[bool, typer.Option("--country-known/--country-unknown", help="Use the manifest's tone plans.")]


def wide() -> Console:
    """Standard output, wide enough for the tables; a narrower terminal wraps their lines."""
    return Console(width=max(out.width, TABLE_WIDTH))


def evaluation(
    manifest: ManifestArgument,
    save: ResultsOption = None,
    plot: PlotsOption = None,
    against: AgainstOption = None,
    profile: ProfileOption = "balanced",
    country_known: PlanOption = True,
    wrong: WrongOption = False,
    jobs: JobsOption = None,
) -> None:
    """Run labelled calls through the detector and print how good it is.

    The manifest is tab-separated with a line of names: path and expected; optionally phase, answer_s, onset_s, end_s,
    greeting_end_s, beep_start_s, beep_end_s, country, source, speaker, codec, level_dbm0, snr_db, loss, note.
    """
    calls, settings = load_manifest(manifest), settings_of(profile)
    earlier = _read_results(against) if against else None
    with _bar(len(calls)) as bar:
        row = bar.add_task("evaluating", total=len(calls))
        judged = evaluate(calls, settings, with_country=country_known, workers=jobs, progress=lambda: bar.advance(row))
    found = results(judged, settings)
    wide().print(report(found["summary"]), highlight=False)
    if wrong:
        wide().print(wrong_calls(found["calls"]), highlight=False)
    if earlier is not None:
        wide().print(comparison(earlier, found), highlight=False)
    if save is not None:
        save.write_text(json.dumps(found, indent=1) + "\n")
    if plot is not None:
        _draw(judged, found, plot, settings)
    if any(each.fault for each in judged):
        _complain(judged)
        raise typer.Exit(1)


def _bar(calls: int) -> Progress:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal or not calls)


def _read_results(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        raise typer.BadParameter(f"{path}: no results saved by --json: {fault}") from fault
    if not isinstance(found, dict) or not {"summary", "calls"} <= set(found):
        raise typer.BadParameter(f"{path}: no results saved by --json: summary or calls missing")
    return found


def _complain(judged: list[Judged]) -> None:
    for each in judged:
        if each.fault:
            err.print(f"dialer eval: {each.call.path}: {each.fault}", markup=False, highlight=False, soft_wrap=True)


def _draw(judged: list[Judged], found: dict[str, Any], folder: Path, settings: DetectionSettings) -> None:
    try:
        from dialer.replay.plot_run import draw_run  # noqa: PLC0415  (matplotlib is an extra and slow to import)
    except ModuleNotFoundError as fault:
        raise typer.BadParameter(
            "--plot needs matplotlib: install the extra `reports` (pip install 'callback-dialer[reports]')"
        ) from fault
    count = draw_run(judged, found, folder, settings)
    err.print(f"drawn: {count} pictures in {folder}", markup=False, highlight=False, soft_wrap=True)


def tune(
    manifest: ManifestArgument,
    profile: ProfileOption = "balanced",
    ratio: RatioOption = 10.0,
    rounds: RoundsOption = 3,
    minutes: MinutesOption = 30.0,
    curve: CurveOption = True,
    jobs: JobsOption = None,
) -> None:
    """Search the settings that decide between human and machine, and print what would change, call by call.

    Half of the voices choose, the other half shows what the choice is worth. Nothing is written: put what convinces you
    into the profile of your configuration.
    """
    calls, settings = answered_by_voice(load_manifest(manifest)), settings_of(profile)
    if not calls:
        raise typer.BadParameter(f"{manifest}: holds no calls expected to be human or machine")
    choosing, showing = halves(calls)
    tried: list[Candidate] = []
    with err.status("searching") as status, pool_of(jobs) as pool:

        def note(candidate: Candidate) -> None:
            tried.append(candidate)
            status.update(f"{len(tried)} tried: {candidate.change}, cost {candidate.worth.cost(ratio):.4f}")

        ends = monotonic() + 60 * minutes
        best = search(
            choosing, settings, ratio=ratio, rounds=rounds, workers=pool, tried=note, enough=lambda: monotonic() > ends
        )
        status.update("comparing")
        before = evaluate(calls, settings, workers=pool)
        after = evaluate(calls, best.settings, workers=pool)
        points = list(trade_off(calls, settings, workers=pool)) if curve else []
    wide().print(candidate_table(tried, ratio), highlight=False)
    wide().print("\n".join(["", *setting_lines(settings, best.settings)]), highlight=False)
    _print_change({call.path for call in showing}, before, after)
    if points:
        wide().print(curve_table(points), highlight=False)


def _print_change(held_out: set[str], before: list[Judged], after: list[Judged]) -> None:
    """Print what other settings change: in all, on the voices held out, call by call, and in time."""
    rows = [
        ("as it is, other voices", worth([each for each in before if each.call.path in held_out])),
        ("changed, other voices", worth([each for each in after if each.call.path in held_out])),
        ("as it is, all", worth(before)),
        ("changed, all", worth(after)),
    ]
    wide().print(worth_table("\nWhat the change is worth", rows), highlight=False)
    wide().print(changed_calls(change_rows(before, after)), highlight=False)
    wide().print(time_table(before, after), highlight=False)
