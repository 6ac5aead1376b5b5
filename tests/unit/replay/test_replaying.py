"""A recording gets the verdict a live call would have got, whatever file it comes in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import replay_sounds as sounds
from typer import Typer
from typer.testing import CliRunner

from dialer.cli import evaluate, replay
from dialer.replay.batch import replay_group
from dialer.replay.errors import RecordingError
from dialer.replay.leg import Leg, whole_blocks, with_losses
from dialer.replay.listen import Task, listen, replay_attempt, replay_file
from dialer.replay.recording import open_recording


def commands() -> Typer:
    app = Typer()
    app.command("replay")(replay.replay)
    app.command("eval")(evaluate.evaluation)
    app.command("tune")(evaluate.tune)
    return app


def run(*words: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(commands(), [str(word) for word in words], env={"COLUMNS": "160"})
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


@pytest.fixture(name="busy")
def _busy(tmp_path: Path) -> Path:
    return sounds.write(tmp_path / "busy.wav", sounds.busy())


@pytest.fixture(name="fax")
def _fax(tmp_path: Path) -> Path:
    return sounds.write(tmp_path / "fax.wav", sounds.fax())


def test_busy_before_the_answer_is_busy(busy: Path) -> None:
    [result] = replay_file(Task(busy, "never", "US"))
    assert (result.name, result.answered_at_s) == ("busy", None)
    assert result.verdict is not None
    assert result.verdict.call_result == 6
    assert result.decided_at_s is not None
    assert result.decided_at_s < 2.5


def test_the_answer_mark_divides_ringing_from_what_answered(tmp_path: Path) -> None:
    ring = np.concatenate([sounds.tone(440, 2) + sounds.tone(480, 2), sounds.silence(2)])
    path = sounds.write(tmp_path / "a.wav", np.concatenate([ring, sounds.fax()]))
    [result] = replay_file(Task(path, 4.0, "US"))
    assert result.name == "fax"
    assert result.answered_at_s == 4.0
    assert result.decided_at_s is not None
    assert result.decided_at_s > 5.0


@pytest.mark.parametrize("block", [160, 800, 1600, 12_345])
def test_the_result_does_not_depend_on_how_much_is_pushed_at_once(busy: Path, block: int) -> None:
    task = Task(busy, 1.003)
    whole, cut = (listen([(task, open_recording(busy)[0])], block=size)[0] for size in (8000, block))
    assert whole == cut


def test_the_result_does_not_depend_on_the_company(busy: Path, fax: Path) -> None:
    tasks = [Task(busy, "never"), Task(fax)]
    together = [outcome[0] for outcome in replay_group(tasks) if isinstance(outcome, list)]
    alone = [replay_file(task)[0] for task in tasks]
    assert [each.as_json(all_evidence=True) for each in together] == [each.as_json(all_evidence=True) for each in alone]


def test_a_damaged_file_spoils_no_other(fax: Path, tmp_path: Path) -> None:
    nan = sounds.fax()
    nan[30_000] = np.nan
    bad = sounds.write(tmp_path / "nan.wav", nan, subtype="FLOAT")
    empty = tmp_path / "empty.wav"
    empty.touch()
    good, damaged, nothing = replay_group([Task(fax), Task(bad), Task(empty)])
    assert isinstance(good, list)
    assert good[0].name == "fax"
    assert isinstance(damaged, RecordingError)
    assert isinstance(nothing, RecordingError)


def test_the_recording_of_an_attempt_is_replayed_with_its_stored_mark(busy: Path, fax: Path) -> None:
    assert replay_attempt(busy, None, "US")[0].name == "busy"
    assert replay_attempt(fax, 0.0)[0].name == "fax"


@pytest.mark.parametrize(("rate", "subtype"), [(8000, "ULAW"), (8000, "ALAW"), (16000, "PCM_16"), (44100, "PCM_24")])
def test_the_same_sound_in_another_file_gets_the_same_verdict(tmp_path: Path, rate: int, subtype: str) -> None:
    sound = np.concatenate([sounds.silence(1, rate), sounds.tone(2100, 3, rate), sounds.silence(1, rate)])
    [result] = replay_file(Task(sounds.write(tmp_path / "a.wav", sound, rate, subtype)))
    assert result.name == "fax"


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_all_zero_and_clipped_audio_get_a_verdict(tmp_path: Path, level: float) -> None:
    clipped = np.sign(np.random.default_rng(2).normal(size=60_000)) * level
    [result] = replay_file(Task(sounds.write(tmp_path / "a.wav", clipped)))
    assert result.verdict is not None


def test_json_is_one_object_a_leg_with_what_is_promised(tmp_path: Path) -> None:
    both = np.stack([sounds.fax(), sounds.silence(5)], axis=1)
    path = sounds.write(tmp_path / "a.wav", both)
    status, printed, _ = run("replay", path, "--json")
    assert status == 0
    left, right = (json.loads(line) for line in printed.splitlines())
    promised = {"file", "verdict", "call_result", "confidence", "decided_at_s", "duration_s", "evidence"}
    assert promised <= set(left)
    assert (left["leg"], left["verdict"], left["call_result"]) == ("left", "fax", 17)
    assert (right["leg"], right["verdict"]) == ("right", "silence")
    assert left["duration_s"] == 5.0
    assert left["evidence"][-1]["kind"] == "fax"


def test_a_bad_file_is_one_clear_line_and_a_status(fax: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    status, printed, complaint = run("replay", bad, fax)
    assert status == 1
    assert "fax (call_result 17)" in printed
    assert complaint.startswith(f"dialer replay: {bad}: cannot be read as audio")
    assert complaint.count("\n") == 1


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    status, _, complaint = run("replay", tmp_path)
    assert status == 1
    assert "without recordings" in complaint


def test_contradicting_options_are_refused(fax: Path) -> None:
    status, _, complaint = run("replay", fax, "--early", "--answer-at", "1")
    assert status == 2
    assert "--early" in complaint
    status, _, complaint = run("replay", fax, "--profile", "bold")
    assert status == 2
    assert "bold" in complaint


def test_a_plot_is_drawn_for_both_legs(tmp_path: Path) -> None:
    both = np.stack([sounds.speech(3), sounds.fax()[:24_000]], axis=1)
    path = sounds.write(tmp_path / "a.wav", both)
    picture = tmp_path / "deep" / "a.png"
    status, _, _ = run("replay", path, "--plot", picture)
    assert status == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


@pytest.fixture(name="manifest")
def _manifest(tmp_path: Path, busy: Path, fax: Path) -> Path:
    path = tmp_path / "calls.tsv"
    rows = [
        "path\texpected\tphase\tcountry\tonset_s",
        f"{busy.name}\tbusy\tearly\tUS\t0.0",
        f"{fax.name}\tsilence\t\t\t1.0",
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_an_evaluation_prints_saves_and_compares(manifest: Path, tmp_path: Path) -> None:
    saved = tmp_path / "r.json"
    status, printed, _ = run("eval", manifest, "--json", saved, "--wrong")
    assert status == 0
    assert "2 calls" in printed
    assert "fax.wav" in printed
    found = json.loads(saved.read_text())
    assert [call["verdict"] for call in found["calls"]] == ["busy", "fax"]
    assert found["summary"]["right"]["k"] == 1
    status, printed, _ = run("eval", manifest, "--against", saved)
    assert status == 0
    assert "0 verdicts changed" in printed


def test_two_evaluations_are_equal_to_the_byte(manifest: Path, tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        assert run("eval", manifest, "--json", tmp_path / name)[0] == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_evaluation_draws_its_doubtful_calls(manifest: Path, tmp_path: Path) -> None:
    status, _, _ = run("eval", manifest, "--plot", tmp_path / "p")
    assert status == 0
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["curves.png", "silence-as-fax-fax.png"]


def test_results_of_another_kind_are_refused(manifest: Path, tmp_path: Path) -> None:
    other = tmp_path / "o.json"
    other.write_text("[]")
    status, _, complaint = run("eval", manifest, "--against", other)
    assert status == 2
    assert "no results saved" in complaint


def test_tuning_says_what_each_setting_is_worth_and_stops_in_time(tmp_path: Path) -> None:
    rows = ["path\texpected\tspeaker\tgreeting_end_s\tonset_s"]
    for number, (expected, length_s) in enumerate([("human", 0.8), ("machine", 6.0)] * 2):
        sound = np.concatenate([sounds.silence(0.5), sounds.speech(length_s), sounds.silence(3)])
        sounds.write(tmp_path / f"{number}.wav", sound)
        rows.append(f"{number}.wav\t{expected}\tvoice {number}\t{0.5 + length_s}\t0.5")
    manifest = tmp_path / "calls.tsv"
    manifest.write_text("\n".join(rows) + "\n")
    status, printed, _ = run("tune", manifest, "--minutes", "0", "--no-curve", "--jobs", "1")
    assert status == 0
    assert "as it is" in printed
    assert "nothing would be gained" in printed
    assert "0/4" in printed


def test_tuning_refuses_a_manifest_without_people_and_machines(manifest: Path) -> None:
    status, _, complaint = run("tune", manifest)
    assert status == 2
    assert "human or machine" in complaint


def test_frames_that_were_lost_live_are_lost_in_the_replay() -> None:
    leg = Leg("mono", "PCM", lambda: whole_blocks([np.zeros(20_000, np.int16)]))
    lost = np.concatenate([block.lost for block in with_losses(leg, [0, 480, 19_840]).blocks()])
    assert np.flatnonzero(lost).tolist() == [0, 3, 124]
    assert len(lost) == 125
