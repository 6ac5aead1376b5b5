"""Topics, and commands that come by them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.events.mqtt_topic import AgentCommand, BadCommand, agent_command, filter_of, name_in, topic_of

PATTERN = "dialer/agent/{agent}/set"


def test_names_are_filled_in_and_kept_on_one_level():
    assert (
        topic_of("d/callback/{service}/{callback}", service="Sales/EU+1", callback="1-a")
        == "d/callback/Sales%2FEU%2B1/1-a"
    )


def test_a_subscription_takes_every_agent():
    assert filter_of(PATTERN) == "dialer/agent/+/set"


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_a_name_comes_back_as_it_went_out_and_never_makes_a_level_or_a_wildcard(name):
    topic = topic_of(PATTERN, agent=name)
    assert name_in(PATTERN, topic) == name
    assert topic.count("/") == PATTERN.count("/")
    assert not set(topic) & set("+#\0")


def test_a_command_is_read():
    payload = json.dumps({"state": "NOT_READY", "reason": "lunch"}).encode()
    assert agent_command(PATTERN, "dialer/agent/ann/set", payload) == AgentCommand("ann", "NOT_READY", "lunch")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"READY", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "names no state"),
        (b"{}", "names no state"),
        (b'{"state": 1}', "names no state"),
        (b'{"state": "READY", "force": true}', "force is not understood"),
        (b'{"state": "READY", "reason": 1}', "reason is not understood"),
        (b'{"state": "' + b"x" * 5000 + b'"}', "at most 4096 bytes"),
        (b"[" * 4000, "not JSON"),
    ],
)
def test_a_command_that_cannot_be_understood_says_why(payload, words):
    with pytest.raises(BadCommand, match=words):
        agent_command(PATTERN, "dialer/agent/ann/set", payload)


def test_a_topic_of_something_else_is_no_command():
    with pytest.raises(BadCommand, match="no topic for commands"):
        agent_command(PATTERN, "dialer/agent/ann/more/set", b'{"state": "READY"}')
