"""Where a call may be sent: numbers, agents, services, targets, and nothing else."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.callback.options import ServiceOptions
from dialer.routing import Agent, AgentPool
from dialer.scenario.destination import TalkRefused, parse_destination

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def house() -> Any:
    pool = AgentPool()
    pool.add(Agent("anna", "Anna", "sip:7001", {"Sales": 5}, groups=frozenset({"Desk"})), NOON)
    services = {"sales": SimpleNamespace(target="?:Sales>0"), "empty": SimpleNamespace(target="Nobody@S.GA")}
    return SimpleNamespace(pool=pool, config=SimpleNamespace(services=services))


@pytest.mark.parametrize("text", ["+12025550177", "7040", "*98", "sip:anna@10.0.0.1", "sips:a@b:5061"])
def test_numbers_and_sip_addresses_are_dialled_as_they_are(house: Any, text: str) -> None:
    found = parse_destination(f" {text} ", house)
    assert (found.number, found.target, found.is_queue) == (text, None, False)


@pytest.mark.parametrize(
    ("text", "is_queue"),
    [("anna", False), ("anna@dialer.A", False), ("sales", True), ("Desk@S.GA", True), ("?:Sales>=5", True)],
)
def test_agents_are_persons_and_services_groups_and_skills_are_queues(house: Any, text: str, is_queue: bool) -> None:
    found = parse_destination(text, house)
    assert found.target is not None
    assert found.target.matches(house.pool.get("anna"))
    assert found.is_queue is is_queue


@pytest.mark.parametrize(
    "text", ["bert", "empty", "Nobody@S.GA", "?:Sales>", "sip:no host", "tel:+1202", "a\r\nb: c", "["]
)
def test_what_leads_nowhere_is_refused_in_words(house: Any, text: str) -> None:
    with pytest.raises(TalkRefused) as refused:
        parse_destination(text, house)
    assert repr(text.strip()) in str(refused.value)


def test_a_talk_that_the_pbx_joins_cannot_be_recorded() -> None:
    with pytest.raises(ValueError, match="cannot be had with agent_leg"):
        ServiceOptions(target="?:Sales>0", agent_leg="refer", record="always")
    assert ServiceOptions(target="?:Sales>0", agent_leg="refer", record_detection=True).record == "off"
