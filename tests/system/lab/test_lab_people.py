"""The lab's process takes calls over the wire, and each persona does what its row says."""

import asyncio
from dataclasses import dataclass

import numpy as np
import pytest

from dialer.lab import AGENTS, PERSONAS, LabProcess, LabStartError
from dialer.telephony import DialRequest, Ended, Gateway, Progress, Redirected, Ringing, UserAgent, UserAgentSettings

pytestmark = pytest.mark.system

LISTEN_S = 5.0


@dataclass
class Call:
    """What came of a call: its events by kind, its end, and what was heard (int16 [n])."""

    kinds: list[type]
    end: object
    heard: np.ndarray


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """A call to every persona and agent at once, each hung up after `LISTEN_S`: by name."""
    return asyncio.run(call_all(tmp_path_factory.mktemp("lab")))


async def call_all(folder):
    numbers = {p.name: p.number for p in PERSONAS} | {a.id: a.extension for a in AGENTS if a.group != "Desk"}
    async with LabProcess(log=folder / "lab.log") as lab:
        gateway = Gateway("lab", f"sip:{lab.host}:{lab.port}", options_ping_s=0)
        agent = UserAgent(UserAgentSettings(gateways={"lab": gateway}, max_channels=100, rtp_port_range=(30000, 30999)))
        await agent.start()
        try:
            made = await asyncio.gather(*(call(agent, number) for number in numbers.values()))
        finally:
            await agent.stop()
    return dict(zip(numbers, made, strict=True))


async def call(agent, number):
    leg = await agent.dial(DialRequest("lab", number))
    heard = []
    row, cursor = None, 0
    until = asyncio.get_running_loop().time() + LISTEN_S
    while not leg.ended.done() and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.1)
        if leg.tap_row is not None and row is None:
            row, cursor = leg.tap_row, leg.tap_start
        if row is not None:
            block = agent.taps.read(row, cursor)
            cursor += len(block)
            heard.append(block)
    await leg.hangup()
    kinds = [type(event) async for event in leg.events()]
    return Call(kinds, await leg.ended, np.concatenate(heard) if heard else np.zeros(0, np.int16))


@pytest.mark.parametrize(
    ("name", "status", "q850"),
    [
        ("busy", 486, 17), ("not-found", 404, 1), ("unavailable", 480, 20), ("incomplete", 484, 28),
        ("no-circuit", 503, 34), ("declines", 603, 21), ("refuser-1", 486, 17), ("refuser-2", 603, 21),
    ],
)  # fmt: skip
def test_a_refusal_has_its_status_and_cause(calls, name, status, q850):
    end = calls[name].end
    assert (end.sip_status, end.q850, end.ended_by) == (status, q850, "far")


def test_an_overloaded_network_says_when_to_try_again(calls):
    assert (calls["overloaded"].end.sip_status, calls["overloaded"].end.retry_after) == (503, 5)


def test_a_redirected_call_reaches_the_other_number(calls):
    kinds = calls["redirected"].kinds
    assert Redirected in kinds
    assert Ringing in kinds[kinds.index(Redirected) :]
    assert calls["redirected"].end.times.answer is not None


@pytest.mark.parametrize("name", ["rings", "rings-out"])
def test_who_rings_for_ever_is_never_answered(calls, name):
    assert Ringing in calls[name].kinds
    assert calls[name].end.times.answer is None


def test_who_does_not_respond_sends_neither_ringing_nor_progress(calls):
    assert not {Ringing, Progress} & set(calls["no-progress"].kinds)


def test_a_silent_one_sends_audio_without_sound(calls):
    silent = calls["silent"]
    assert silent.end.rtp.rx_packets > 100
    assert np.abs(silent.heard).max() < 16


def test_a_mute_one_sends_no_audio_at_all(calls):
    assert calls["one-way"].end.times.answer is not None
    assert calls["one-way"].end.rtp.rx_packets == 0


@pytest.mark.parametrize("name", ["sit-vacant-early", "busy-tone-early", "congestion-tone", "human-ringback"])
def test_a_tone_before_the_answer_is_heard(calls, name):
    assert Progress in calls[name].kinds
    assert np.abs(calls[name].heard).max() > 1000


def test_a_person_says_hello_and_then_waits_to_be_spoken_to(calls):
    heard = calls["human"].heard
    loud = np.flatnonzero(np.abs(heard) > 500) / 8000
    assert 0.2 < loud[0] < 0.8
    assert loud[-1] < 1.5


def test_an_agent_leaves_in_the_middle_of_the_talk(calls):
    assert calls["leaves"].end.ended_by == "far"
    assert 0.3 < len(calls["leaves"].heard) / 8000 < 1.2


def test_every_call_ends(calls):
    assert all(made.kinds[-1] is Ended for made in calls.values())


async def test_a_lab_that_cannot_listen_says_so(tmp_path):
    async with LabProcess(log=tmp_path / "first.log") as first:
        with pytest.raises(LabStartError):
            await LabProcess(port=first.port, log=tmp_path / "second.log").start()
    assert "Traceback" not in (tmp_path / "second.log").read_text()
