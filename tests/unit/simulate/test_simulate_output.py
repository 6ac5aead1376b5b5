"""What the operator reads, on the screen and as JSON."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from dialer.callback.errors import DialerError
from dialer.cli.simulate import simulate
from dialer.cli.simulate_tables import duration
from dialer.routing import Estimate, EwtMode
from dialer.simulate.summary import score_of

app = typer.Typer()
app.command()(simulate)


def called(*arguments):
    return CliRunner().invoke(app, [*arguments])


def test_the_report_says_how_callbacks_fared():
    result = called("--days", "0.2", "--agents", "6", "--arrivals", "70")
    assert result.exit_code == 0
    for part in ("Waiting times", "How callbacks ended", "AGENT_CONNECTED", "P99", "Hour by hour", "told when queued"):
        assert part in result.output


def test_json_holds_the_same_figures_every_time():
    first = called("--days", "0.2", "--agents", "6", "--arrivals", "70", "--json")
    figures = json.loads(first.output)
    assert called("--days", "0.2", "--agents", "6", "--arrivals", "70", "--json").output == first.output
    assert figures["accepted"] == sum(end["count"] for end in figures["ends"]) + figures["still_open"]
    assert figures["dials"] >= sum(figures["results"].values())
    assert len(figures["hours"]) == 24
    assert 0 < figures["utilisation"] < 1


def test_nobody_comes_and_nothing_breaks():
    result = called("--days", "0.2", "--agents", "1", "--arrivals", "0")
    assert result.exit_code == 0
    assert "0 requests; 0 callbacks" in result.output


def test_the_printed_world_can_be_given_back(tmp_path):
    printed = called("--print-world").output
    (tmp_path / "w.toml").write_text(printed)
    assert called("--days", "0.1", "--world", str(tmp_path / "w.toml")).exit_code == 0


def test_the_ewt_report_judges_three_loads():
    result = called("--ewt-report", "--days", "0.3", "--agents", "6", "--json")
    assert [each["shape"] for each in json.loads(result.output)] == ["light", "saturated", "peak"]
    assert "Estimated waiting times, by load shape" in called("--ewt-report", "--days", "0.1", "--agents", "3").output


@pytest.mark.parametrize(
    "arguments",
    [("--arrivals", "nowhere.csv"), ("--world", "nowhere.toml"), ("--config", "nowhere.toml"), ("--agents", "0")],
)
def test_bad_input_is_one_clear_refusal(arguments):
    result = called(*arguments)
    assert isinstance(result.exception, DialerError)
    assert arguments[1].removesuffix("0") in str(result.exception)


def test_a_load_shape_and_the_report_of_all_shapes_exclude_each_other():
    result = called("--ewt-report", "--shape", "peak")
    assert result.exit_code == 2
    assert "leave --arrivals and --shape out" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(("seconds", "text"), [(0, "0.0 s"), (99.94, "99.9 s"), (100, "1:40 min"), (7800, "2:10 h")])
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_estimates_are_held_against_what_came(simulated, requests, small_world):
    simulation = simulated(requests(0.0, 0.0, 0.0), agents=1, world=small_world())
    waits = [case.first_dial_s - case.queued_s for case in simulation.tally.cases]
    assert waits == [0.0, 60.0, 120.0]
    told = [(10.0, 5.0, 15.0), (60.0, 50.0, 70.0), (100.0, 90.0, 130.0)]
    for case, (seconds, low, high) in zip(simulation.tally.cases, told, strict=True):
        case.estimate, case.mean_before_s = Estimate(seconds, low, high, 1), 20.0
    score = score_of(simulation.tally.cases, EwtMode.MODE2)
    assert (score.count, score.wait_s) == (3, 60.0)
    assert score.error_s == pytest.approx(30 / 3)
    assert score.bias_s == pytest.approx(-10 / 3)
    assert score.coverage == pytest.approx(2 / 3)
    assert score.baseline_error_s == pytest.approx((20 + 40 + 100) / 3)
