"""Labelled calls are judged by what a live call would have acted on; figures follow from that alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.detection import CALL_RESULT, DetectionSettings, Evidence, Verdict
from dialer.replay.compare import changes
from dialer.replay.curve import calibration, roc
from dialer.replay.errors import ManifestError, RecordingError
from dialer.replay.interval import rate, spread
from dialer.replay.judge import Judged, judge
from dialer.replay.manifest import LabelledCall, load_manifest
from dialer.replay.result import LegResult
from dialer.replay.score import summary
from dialer.replay.tune import halves, neighbours

HEAD = "path\texpected\tphase\tanswer_s\tgreeting_end_s\tbeep_start_s\tbeep_end_s\tonset_s\tspeaker\tnote"


def verdict(name: str, at_s: float, p_machine: float | None = None) -> Verdict:
    chances = {} if p_machine is None else {"machine": p_machine, "human": 1 - p_machine}
    return Verdict(0, at_s, name, CALL_RESULT[name], 0.9, "answered", 0.0, chances, (), "h")


def beep(onset_s: float, end_s: float, at_s: float) -> Evidence:
    return Evidence(0, at_s, "beep_end", "beep", {"onset_s": onset_s, "end_s": end_s})


def heard(*verdicts: Verdict, evidence: tuple[Evidence, ...] = ()) -> list[LegResult]:
    return [LegResult("f.wav", "mono", "pcm", 10.0, 0.0, verdicts, evidence)]


def labelled(expected: str, path: str = "f.wav", **numbers: float) -> LabelledCall:
    return LabelledCall(path, Path(path), expected, "answered", numbers, {"note": "kind; more"})


def test_a_machine_is_decided_when_it_was_first_called_one_even_if_a_beep_follows() -> None:
    judged = judge(labelled("machine_beep", onset_s=0.5), heard(verdict("machine", 2.0), verdict("machine_beep", 7.0)))
    assert judged.right
    assert judged.got == "machine_beep"
    assert judged.decided_s == 2.0
    assert judged.after("onset_s") == 1.5


def test_what_a_live_call_acts_on_is_the_first_verdict() -> None:
    judged = judge(labelled("machine_beep"), heard(verdict("human", 1.0), verdict("machine_beep", 7.0)))
    assert (judged.acted, judged.got) == ("human", "machine_beep")
    figures = summary([judged])["answer"]
    assert figures["false_human"]["k"] == 1
    assert figures["false_human_after_beep"]["k"] == 0


def test_both_halves_of_a_double_beep_are_the_labelled_one_and_a_beep_elsewhere_is_false() -> None:
    call = labelled("machine_beep", beep_start_s=7.0, beep_end_s=7.6)
    said = (beep(7.0, 7.2, 7.25), beep(7.0, 7.6, 7.65), beep(3.0, 3.2, 3.25))
    judged = judge(call, heard(verdict("machine_beep", 7.25), evidence=said))
    assert judged.true_beep() == {"onset_s": 7.0, "end_s": 7.6, "reported_s": 7.65}
    assert summary([judged])["false_events"]["beep"]["count"] == 1


def test_ringback_counts_as_decided_when_it_was_first_heard() -> None:
    ring = Evidence(0, 2.5, "ringback", "US ringback")
    judged = judge(labelled("ringback"), heard(verdict("ringback", 9.0), evidence=(ring,)))
    assert judged.decided_s == 2.5


@pytest.mark.parametrize(("expected", "given_", "right"), [("fax", "modem", True), ("machine", "machine_beep", False)])
def test_fax_and_modem_count_as_each_other_and_a_false_beep_is_wrong(expected: str, given_: str, right: bool) -> None:
    judged = judge(labelled(expected), heard(verdict(given_, 1.0)))
    assert judged.right is right
    assert judged.right_result


def test_a_beep_is_matched_by_time_and_others_are_false() -> None:
    found = heard(verdict("machine_beep", 6.1), evidence=(beep(2.0, 2.3, 2.4), beep(5.52, 6.03, 6.1)))
    figures = summary([judge(labelled("machine_beep", beep_start_s=5.5, beep_end_s=6.0), found)])
    assert figures["beep"]["found"]["k"] == 1
    assert figures["beep"]["onset_error"]["p50"] == pytest.approx(0.02)
    assert figures["beep"]["end_error"]["p50"] == pytest.approx(0.03)
    assert figures["beep"]["reported_after_end"]["p50"] == pytest.approx(0.1)
    assert figures["false_events"]["beep"]["count"] == 1


def test_an_unreadable_call_is_wrong_and_says_why() -> None:
    judged = judge(labelled("human"), RecordingError("f.wav", "is empty"))
    assert (judged.got, judged.right, judged.fault) == ("unreadable", False, "is empty")
    assert judged.as_json()["fault"] == "is empty"
    assert summary([judged])["right"]["k"] == 0


def test_the_confusion_matrix_holds_every_call_once() -> None:
    calls = [
        judge(labelled("human", str(n)), heard(verdict(name, 1.0)))
        for n, name in enumerate(["human", "machine", "human"])
    ]
    found = summary(calls)
    assert found["confusion"] == {"human": {"human": 2, "machine": 1}}
    assert found["classes"]["human"]["recall"]["share"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["subsets"]["kind"]["human: kind"]["false_machine"]["k"] == 1


def test_wilson_intervals_are_those_of_the_formula() -> None:
    found = rate(115, 236)
    assert (found["share"], found["low"], found["high"]) == pytest.approx((0.487288, 0.424242, 0.550746), abs=2e-4)
    assert rate(0, 0)["share"] is None


@given(k=st.integers(0, 500), extra=st.integers(0, 500))
def test_an_interval_holds_its_share(k: int, extra: int) -> None:
    found = rate(k, k + extra)
    assert 0 <= found["low"] <= (found["share"] or 0) <= found["high"] <= 1


def test_percentiles_of_nothing_are_nothing() -> None:
    assert spread([])["p95"] is None
    assert spread([1.0, 2.0, 3.0])["p50"] == 2.0


def test_the_area_under_the_curve_is_the_share_of_ordered_pairs() -> None:
    scores, truth = [0.9, 0.8, 0.4, 0.4, 0.1], [True, False, True, False, False]
    pairs = [
        (p, n) for p, t in zip(scores, truth, strict=True) if t for n, u in zip(scores, truth, strict=True) if not u
    ]
    expected = sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs)
    assert roc(scores, truth)["auc"] == pytest.approx(expected)


def test_without_both_classes_there_is_no_curve() -> None:
    assert roc([0.5, 0.6], [True, True]) == {"auc": None, "points": []}
    assert calibration([], [])["brier"] is None


def test_a_calibrated_probability_has_no_calibration_error() -> None:
    found = calibration([0.25] * 4 + [0.75] * 4, [True, False, False, False, True, True, True, False])
    assert found["ece"] == pytest.approx(0)
    assert found["brier"] == pytest.approx(0.1875)


def test_changes_between_runs_say_what_was_mended_and_what_broken() -> None:
    def run(*verdicts: str) -> dict[str, list[dict[str, object]]]:
        rows = [
            {"path": str(n), "expected": "human", "verdict": name, "right": name == "human"}
            for n, name in enumerate(verdicts)
        ]
        return {"calls": rows}

    found = changes(run("human", "machine", "human"), run("machine", "human", "human"))
    assert [(each["path"], each["effect"]) for each in found] == [("0", "broken"), ("1", "mended")]


def test_a_manifest_is_read_with_its_optional_columns(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    path = tmp_path / "m.tsv"
    path.write_text(f"{HEAD}\na.wav\tmachine_beep\tanswered\t1.5\t\t4.0\t4.5\t2.0\tanna\tshort; loud\n")
    [call] = load_manifest(path)
    assert (call.answer_s, call.kind, call.words["speaker"]) == (1.5, "short", "anna")
    assert call.numbers == {"answer_s": 1.5, "beep_start_s": 4.0, "beep_end_s": 4.5, "onset_s": 2.0}
    assert call.task().answer == 1.5


def test_an_early_call_is_never_answered(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    path = tmp_path / "m.tsv"
    path.write_text("path\texpected\tphase\na.wav\tbusy\tearly\n")
    assert load_manifest(path)[0].task().answer == "never"


def test_all_that_is_wrong_with_a_manifest_is_told_together(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(f"{HEAD}\nnone.wav\thumming\tlate\tsoon\n")
    with pytest.raises(ManifestError) as refused:
        load_manifest(path)
    text = str(refused.value)
    for part in ("none.wav does not exist", "'humming' is no verdict", "'late'", "answer_s: 'soon'"):
        assert part in text
    assert text.count(f"{path}:2:") == 4


@pytest.mark.parametrize("content", ["", "path\texpected\n", "file,verdict\na.wav,human\n"])
def test_a_manifest_without_calls_or_columns_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(content)
    with pytest.raises(ManifestError):
        load_manifest(path)


@given(
    voices=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=2, unique=True), min_size=1, max_size=30)
)
def test_no_voice_is_in_both_halves(voices: list[list[str]]) -> None:
    calls = [
        LabelledCall(str(n), Path(str(n)), "human", "answered", {}, {"speaker": ",".join(each)})
        for n, each in enumerate(voices)
    ]
    first, second = halves(calls)
    assert sorted(call.path for call in [*first, *second]) == sorted(call.path for call in calls)
    apart = [{voice for call in half for voice in call.words["speaker"].split(",")} for half in (first, second)]
    assert not apart[0] & apart[1]


def flat(settings: DetectionSettings) -> dict[str, object]:
    return {**asdict(settings), "profiles": None, **asdict(settings.profiles["balanced"])}


def test_every_neighbour_of_the_settings_differs_in_one() -> None:
    here = flat(DetectionSettings())
    around = list(neighbours(DetectionSettings()))
    assert len(around) >= 8
    for _, other in around:
        assert sum(here[name] != value for name, value in flat(other).items()) == 1


def test_judged_calls_are_values() -> None:
    call = labelled("human")
    assert Judged(call, None, "gone") == Judged(call, None, "gone")
