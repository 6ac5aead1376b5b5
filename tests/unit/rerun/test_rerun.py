"""Stored journals run again in virtual time and take the same decisions; a changed decision is found and named.

The journals are of real calls: `dialer demo`, then `dialer callbacks show ID --json`. When a scenario is changed on
purpose, the calls that it changes are recorded anew in the same way.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.config import load_text
from dialer.rerun import NoStory, NotRerunnable, read_story, rerun

JOURNALS = Path(__file__).with_name("journals")
STORIES = sorted(JOURNALS.glob("*.json"))
TOML = (JOURNALS / "dialer.toml").read_text()


@pytest.fixture(scope="module")
def config():
    return load_text(TOML, JOURNALS / "dialer.toml")


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_recorded_call_takes_the_same_decisions_again(path, config):
    assert rerun(*read_story(path), config) == []


def test_there_are_journals_of_every_kind_of_call():
    names = {path.stem for path in STORIES}
    assert {"human", "voicemail-beep", "fax", "busy", "forwarded", "no-agent", "human-second-try"} <= names


def test_a_call_that_took_a_minute_is_rerun_in_a_moment(config):
    story = read_story(JOURNALS / "human-second-try.json")
    began = time.monotonic()
    rerun(*story, config)
    assert time.monotonic() - began < (story[0].completed_at - story[0].created_at).total_seconds()


@pytest.mark.parametrize(
    ("name", "before", "after", "kind", "recorded", "now"),
    [
        ("busy", "dial_attempts = 2", "dial_attempts = 1", "state", "T32: QUEUED/retry_wait", "T34: COMPLETED"),
        (
            "voicemail",
            'family = "v1"',
            'family = "v1"\non_machine = "connect"',
            "routing",
            "nothing more",
            "waits for an agent",
        ),
        ("no-agent", "max_wait_on_call", "max_queue_wait = 0\nmax_wait_on_call", None, "", ""),
    ],
)
def test_another_option_makes_another_decision_and_the_first_one_is_named(name, before, after, kind, recorded, now):
    heading = f'[service."{name}"]' if f'[service."{name}"]' in TOML else f"[service.{name}]"
    start = TOML.index(heading)
    end = TOML.find("\n[", start + 1)
    section = TOML[start : end if end > 0 else None]
    assert before in section
    changed = TOML.replace(section, section.replace(before, after, 1))
    differences = rerun(*read_story(JOURNALS / f"{name}.json"), load_text(changed, JOURNALS / "dialer.toml"))
    if kind is None:
        assert differences == []  # an option that changes nothing is no difference
    else:
        [difference] = differences
        assert difference.kind == kind
        assert re.search(f"recorded '{recorded}.*', now '{now}", str(difference))


def test_a_verdict_that_comes_out_otherwise_is_a_difference(config):
    callback, history, journal = read_story(JOURNALS / "human.json")
    swapped = [
        replace(entry, data={**entry.data, "name": "fax", "call_result": 17})
        if entry.data.get("name") == "human"
        else entry
        for entry in journal
    ]
    [difference] = rerun(callback, history, swapped, config)
    assert difference.run == 1
    assert difference.recorded != difference.rerun


def test_a_journal_without_what_was_given_is_refused(config):
    callback, history, _ = read_story(JOURNALS / "human.json")
    with pytest.raises(NotRerunnable, match="nothing to rerun"):
        rerun(callback, history, [], config)
    with pytest.raises(NotRerunnable, match="not in this configuration"):
        rerun(replace(callback, service="gone"), *read_story(JOURNALS / "human.json")[1:], config)


def test_a_callback_that_waits_for_its_customers_call_is_refused(config):
    callback, history, journal = read_story(JOURNALS / "human.json")
    calls_in = TOML.replace('[service."human"]\n', '[service."human"]\ncall_direction = "USERORIGINATED"\n', 1)
    calls_in += '\n[call_in_group.all]\ndnis = ["+12025550199"]\n'
    calls_in = calls_in.replace('[service."human"]\n', '[service."human"]\nresource_group = "all"\n', 1)
    with pytest.raises(NotRerunnable, match="customer's call"):
        rerun(callback, history, journal, load_text(calls_in, JOURNALS / "dialer.toml"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"callback": {}, "history": [], "journal": []}', "\x00"])
def test_a_file_that_holds_no_story_is_refused_with_its_name(text, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(NoStory, match=r"x\.json"):
        read_story(path)
