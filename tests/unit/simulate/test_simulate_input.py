"""What operators give: worlds, files of requests, wishes. Bad ones are refused with the place and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.config import ConfigRefused, load_text
from dialer.simulate import SHAPES, Simulation, Wish, World, default_text, parse_world, plan_of, summarise, work_of
from dialer.simulate.arrival_file import read_arrivals
from dialer.simulate.arriving import random_arrivals, rate_at
from dialer.simulate.crew import shares
from dialer.simulate.draw import Draw
from dialer.simulate.planning import DEFAULT_START
from dialer.simulate.world import Arrivals

CONFIG = """
[gateway.pbx]
uri = "sip:192.0.2.10"
[dial]
calls_per_second = 7
max_channels = 60
[agent.ann]
address = "sip:1@192.0.2.10"
skills = {Sales = 5}
[agent.bob]
address = "sip:2@192.0.2.10"
skills = {Help = 9}
[service.sales]
target = "?:Sales>0@StatServer.GA"
[service.help]
target = "?:Help>0@StatServer.GA"
"""


def refusal(action, *arguments, **named):
    with pytest.raises(ConfigRefused) as caught:
        action(*arguments, **named)
    return str(caught.value)


# --- worlds ---


def test_the_printed_world_is_the_default_world():
    assert parse_world(default_text(), "world.toml") == World()


def test_the_world_in_the_documentation_can_be_used():
    page = (Path(__file__).parents[3] / "docs" / "simulate.md").read_text()
    world = parse_world(page.partition("```toml\n")[2].partition("```")[0], "office.toml")
    assert [shift.share for shift in world.shifts] == [3, 2]


def test_what_is_commented_out_in_the_printed_world_can_be_switched_on():
    lines = [
        line[1:] if line[:1] == "#" and line[1:2] not in {"", " "} else line for line in default_text().splitlines()
    ]
    world = parse_world("\n".join(lines), "world.toml")
    assert world.hours is not None
    assert world.shifts[0].pauses[0].minutes == 30
    assert world.customer.cancels_after_s is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[talk]\nmean_s = -1\n", "w.toml:2: talk.mean_s: -1 cannot be used; must be greater than or equal to 0"),
        ("[talk]\nmean = 3\n", "w.toml:2: talk.mean: unknown key; did you mean mean_s?"),
        ("[[shift]]\nfrom = '08:00'\nto = '16:00'\n[[shift.pause]]\nat = '9'\nminuts = 3\n", "did you mean minutes?"),
        ("talk = 'long'\n", "w.toml:1: talk: 'long' cannot be used"),
        ("\n[tlak]\nmean_s = 3\n", "w.toml:2: tlak: unknown key; did you mean talk?"),
        ("[answers.humans]\nweight = 3\n", "w.toml:1: answers: 'humans' is nothing that answers a call; did you mean"),
        ("[answers.abandoned]\nweight = 3\n", "w.toml:1: answers: 'abandoned' is nothing that answers a call"),
        ("[answers.busy]\nweigth = 3\n", "w.toml:2: answers.busy.weigth: unknown key; did you mean weight?"),
        ("[answers.busy]\nweight = 0\n", "w.toml:1: answers: no answer has a weight"),
        ("[answers.fax]\nweight = 1\n[answers.sit_fax_detected]\nweight = 1\n", "are the same result; keep one"),
        ("[arrivals]\nby_hour = [1, 2]\n", "w.toml:2: arrivals.by_hour: holds 2 weights; write 24"),
        ('[[shift]]\nfrom = "8"\nto = "16:00"\n', "w.toml:2: shift.1.from: '8' is not a time of day"),
        ('[hours]\nfrom = "18:00"\nto = "08:00"\n', "w.toml:1: hours: opens after it closes; put from before to"),
        ("[talk\n", "w.toml:1:6: is not TOML"),
    ],
)  # fmt: skip
def test_a_world_that_makes_no_sense_is_refused_with_its_line(text, told):
    assert told in refusal(parse_world, text, "w.toml")


def test_a_bare_number_is_a_duration_that_never_varies():
    assert parse_world("talk = 90\n", "w").talk.sampler(Random(1))() == 90


@pytest.mark.parametrize("draw", [Draw(mean_s=200, cv=0.8), Draw(mean_s=50, shape="exponential")])
def test_durations_have_the_mean_and_variation_they_are_said_to_have(draw):
    sample = draw.sampler(Random(4))
    drawn = [sample() for _ in range(40_000)]
    mean = sum(drawn) / len(drawn)
    deviation = (sum((each - mean) ** 2 for each in drawn) / len(drawn)) ** 0.5
    assert mean == pytest.approx(draw.mean_s, rel=0.02)
    assert deviation / mean == pytest.approx(draw.cv if draw.shape == "lognormal" else 1.0, rel=0.05)
    assert min(drawn) >= 0


# --- requests ---


def test_requests_follow_the_weights_of_hours_and_days():
    arrivals = Arrivals(per_hour=100, by_hour=(0.0,) * 8 + (2.0,) * 16, by_day=(1, 1, 1, 1, 1, 0, 0))
    made = list(random_arrivals(arrivals, DEFAULT_START, 7, "s", Random(2)))
    assert [each.at_s for each in made] == sorted(each.at_s for each in made)
    assert len(made) == pytest.approx(100 * 24 * 7, rel=0.03)
    assert all(each.at_s % 86400 >= 8 * 3600 and each.at_s < 5 * 86400 for each in made)
    assert rate_at(arrivals, DEFAULT_START.replace(hour=20), 6) == 0  # two o'clock of the next day


def test_requests_of_a_file_come_at_their_times(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(
        "time,number,service,desired_time,priority\n"
        "2026-03-03T10:00:00,+4930123,sales,,\n"
        "2026-03-03T09:30:00+01:00,,,2026-03-03T12:00:00,7\n"
    )
    read = read_arrivals(file, "help", ["help", "sales"])
    assert read.start == datetime(2026, 3, 3, tzinfo=UTC)
    first, second = read.arrivals
    assert (first.at_s, first.service, first.desired_s, first.priority) == (8.5 * 3600, "help", 12 * 3600, 7)
    assert (second.at_s, second.number, second.service) == (10 * 3600, "+4930123", "sales")


def test_seconds_count_from_the_start_and_blank_lines_are_passed(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("time\n30\n\n90000.5\n")
    read = read_arrivals(file, "s", ["s"])
    assert ([each.at_s for each in read.arrivals], read.start, read.days) == ([30.0, 90000.5], None, 2)
    assert len({each.number for each in read.arrivals}) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time\nsoon\n", "a.csv:2: time: 'soon' is no time; write 2026-01-05T08:30:00, or seconds"),
        ("time\n5\n-1\n", "a.csv:3: time: '-1' is no time"),
        ("time\n5\n2026-01-05\n", "a.csv:3: time: '2026-01-05' is of another kind than the first time"),
        ("when,service\n5,s\n", "a.csv:1: when: unknown column; known here: time"),
        ("tine\n5\n", "a.csv:1: tine: unknown column; did you mean time?"),
        ("number\n5\n", "a.csv:1: has no column time"),
        ("time,time\n5,6\n", "a.csv:1: time: the column stands there twice; keep one"),
        ("time,service\n5,sale\n", "a.csv:2: service: 'sale' is not simulated; did you mean sales?"),
        ("time,priority\n5,high\n", "a.csv:2: priority: 'high' is no whole number"),
        ("time\n5,6\n", "a.csv:2: has 2 cells for 1 columns"),
        ("time\n", "a.csv:1: holds no requests"),
        ("", "a.csv:1: has no column time"),
    ],
)  # fmt: skip
def test_a_file_of_requests_that_cannot_be_read_is_refused_with_its_line(tmp_path, monkeypatch, text, told):
    (tmp_path / "a.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert refusal(read_arrivals, tmp_path / "a.csv", "sales", ["sales"]).replace(f"{tmp_path}/", "").startswith(told)


def test_all_that_is_wrong_with_a_file_is_told_at_once_but_not_without_end(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("time\n" + "x\n" * 50)
    told = refusal(read_arrivals, file, "s", ["s"]).splitlines()
    assert len(told) == 21
    assert told[-1].endswith("and 30 more like these")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    assert "name a file that holds requests" in refusal(read_arrivals, tmp_path / "no.csv", "s", ["s"])
    (tmp_path / "b.csv").write_bytes(b"time\n\xff\xfe\n")
    assert "save it as UTF-8" in refusal(read_arrivals, tmp_path / "b.csv", "s", ["s"])


# --- wishes ---


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"agents": 0}, "--agents: 0 agents serve nobody; give at least 1"),
        ({"days": 0.0}, "--days: 0 days cannot be simulated"),
        ({"arrivals": -1.0}, "--arrivals: -1 per hour cannot be simulated"),
        ({"shape": "heavy"}, "--shape: 'heavy' is no load shape; one of light, saturated, peak"),
        ({"shape": "peak", "arrivals": 3.0}, "--shape: sets the rate, and so does --arrivals; give one of the two"),
        ({"start": datetime(2026, 1, 5, 8, 30, tzinfo=UTC)}, "--start: does not stand on a full hour"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(wish, told):
    assert refusal(plan_of, Wish(world=World(), **wish)).startswith(told)


def configured(text=CONFIG, **wish):
    return Wish(world=World(), config=load_text(text, Path("dialer.toml")), **wish)


def test_services_agents_pace_and_channels_come_from_the_configuration():
    plan = plan_of(configured(service="sales", agents=5, arrivals=30.0))
    assert list(plan.services) == ["sales"]
    assert [agent.id for agent in plan.agents] == ["ann-1", "bob-2", "ann-3", "bob-4", "ann-5"]
    assert (plan.calls_per_second, plan.max_sessions) == (7, 30)
    assert [agent.id for agent in plan_of(configured(service="help")).agents] == ["ann", "bob"]


def test_each_service_of_a_file_is_served_by_its_own_agents(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("time,service\n0,sales\n1,help\n2,sales\n")
    plan = plan_of(configured(service="sales", arrivals=file))
    cases = Simulation(plan).run().cases
    served = {(case.callback.service, case.agent.id) for case in cases if case.agent is not None}
    assert served <= {("sales", "ann"), ("help", "bob")}
    assert served


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({}, "--service: is missing, and 2 services are configured; name one of them"),
        ({"service": "sale"}, "--service: 'sale' is not configured; did you mean sales?"),
        ({"service": "sales", "text": CONFIG.replace("Sales = 5", "Other = 5")}, "no agent matches its target"),
        ({"service": "sales", "text": CONFIG + "paused = true\n[service.x]\ntarget='A@S.A'\n"}, None),
        ({"service": "help", "text": CONFIG + "paused = true\n"}, "service 'help': paused services are not simulated"),
    ],
)
def test_a_service_that_cannot_be_simulated_is_refused(wish, told):
    if told is None:
        assert plan_of(configured(**wish)).services  # another service's trouble is not this one's
    else:
        assert told in refusal(plan_of, configured(**wish))


def test_a_file_outside_the_days_is_refused(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("time\n2026-03-03T10:00:00\n")
    wish = Wish(world=World(), arrivals=file, start=datetime(2026, 1, 5, tzinfo=UTC), days=2.0)
    assert "holds no requests between 2026-01-05 00:00 and 2026-01-07 00:00" in refusal(plan_of, wish)
    assert plan_of(Wish(world=World(), arrivals=file)).start == datetime(2026, 3, 3, tzinfo=UTC)


# --- loads and shifts ---


def test_the_shapes_load_the_agents_as_they_say():
    busy = {}
    for name in SHAPES:
        plan = plan_of(Wish(world=World(), days=1.0, agents=5, shape=name))
        busy[name] = summarise(plan, Simulation(plan).run())
    assert busy["light"].wait_to_dial.mean < 60
    assert busy["light"].utilisation < 0.6
    assert busy["saturated"].utilisation > 0.75
    assert busy["peak"].wait_to_dial.max > 3 * busy["saturated"].wait_to_dial.mean


def test_the_work_of_a_callback_is_that_of_its_calls():
    world = World.model_validate(
        {
            "answers": {"human": {"weight": 1, "rings_s": 10}, "busy": {"weight": 1, "rings_s": 4}},
            "talk": 100, "wrap_up": 20, "agent": {"answers_s": 5},
        }
    )  # fmt: skip
    work = work_of(world, ServiceOptions(target="x>0", dial_attempts=2))
    assert work.dials == pytest.approx(1.5, rel=0.02)
    assert work.reached == pytest.approx(0.75, rel=0.02)
    assert work.agent_s == pytest.approx(1.5 * (7 + 0.5 * 125), rel=0.02)


def test_agents_are_there_in_their_shifts_less_pauses_and_serve_only_then(small_world, simulated, requests):
    shift = {
        "from": "08:00",
        "to": "16:00",
        "days": ["Mon", "Tue"],
        "pause": [{"at": "12:00", "minutes": 30, "spread_min": 60}],
    }
    simulation = simulated(requests(20_000.0), agents=4, days=3, world=small_world(shift=[shift]))
    tally = simulation.tally
    assert tally.present_s[:8] == [0.0] * 8
    assert tally.present_s[8:16] == pytest.approx([4 * 3600.0] * 8)
    assert sum(tally.present_s) == pytest.approx(2 * 4 * 8 * 3600)  # nobody on Wednesday
    away_s = sum(seconds for state, seconds in tally.state_s.items() if state == "NOT_READY")
    assert away_s == pytest.approx(2 * 4 * 1800)
    assert sum(tally.at_work_s) == pytest.approx(2 * 4 * (8 * 3600 - 1800))
    (case,) = tally.cases
    assert case.first_dial_s == 8 * 3600
    assert case.result is CallResult.ANSWER


def test_a_night_shift_goes_over_midnight(small_world, simulated, requests):
    shift = {"from": "22:00", "to": "06:00", "days": ["Sun"]}
    tally = simulated(requests(0.0), agents=1, world=small_world(shift=[shift])).tally  # it begins on a Monday
    assert tally.present_s[:6] == pytest.approx([3600.0] * 6)
    assert sum(tally.present_s[6:]) == 0


def test_agents_are_shared_out_whole():
    assert shares([2, 1, 1], 10) == [5, 3, 2]
    assert sum(shares([1, 1, 1], 40)) == 40
