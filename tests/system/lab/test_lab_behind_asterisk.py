"""The lab's people behind a real Asterisk: prefix stripped, early media and causes passed, agents as its endpoints."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from dialer.lab import PERSONAS, LabProcess, pbx_numbers
from dialer.telephony import DialRequest, Gateway, Progress, Ringing, UserAgent, UserAgentSettings
from tools.pbx.asterisk import Asterisk, PbxSettings, free_port

pytestmark = pytest.mark.system

NUMBERS = {persona.name: f"91{persona.number.removeprefix('+')}" for persona in PERSONAS}
ANSWERING = ("human", "redirected", "fax")
CALLED = (*ANSWERING, "busy", "declines", "incomplete", "overloaded", "sit-itu", "rings", "no-progress")
PASSWORD = "right-word"


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """A call to each, hung up after 4 s: (kinds of events, end) by name."""
    return asyncio.run(call_all(tmp_path_factory.mktemp("pbx-and-lab")))


async def call_all(folder):
    async with LabProcess(log=folder / "lab.log") as lab:
        settings = PbxSettings(
            sip_port=free_port(), manager_port=free_port(socket.SOCK_STREAM), lab_port=lab.port, password=PASSWORD,
            rtp_first=33000, rtp_last=33999, own_numbers=pbx_numbers(),
        )  # fmt: skip
        with Asterisk(settings, folder / "run"):
            gateways = {
                "pbx": Gateway("pbx", f"sip:127.0.0.1:{settings.sip_port}", "8999", PASSWORD, options_ping_s=0),
                "wrong": Gateway("wrong", f"sip:127.0.0.1:{settings.sip_port}", "8999", "wrong", options_ping_s=0),
            }
            agent = UserAgent(UserAgentSettings(gateways=gateways, max_channels=100, rtp_port_range=(30000, 30999)))
            await agent.start()
            try:
                return await asyncio.gather(*all_calls(agent))
            finally:
                await agent.stop()


def all_calls(agent):
    yield from (call(agent, "pbx", name, NUMBERS[name]) for name in CALLED)
    yield call(agent, "pbx", "agent", "7001")
    yield call(agent, "wrong", "wrong password", NUMBERS["human"])


async def call(agent, gateway, name, number):
    leg = await agent.dial(DialRequest(gateway, number, from_user="+12025550999"))
    await asyncio.wait({leg.ended}, timeout=4.0)
    await leg.hangup()
    return name, [type(event) async for event in leg.events()], await leg.ended


@pytest.fixture
def made(calls):
    return {name: (kinds, end) for name, kinds, end in calls}


@pytest.mark.parametrize("name", [*ANSWERING, "agent"])
def test_who_answers_is_reached_with_audio(made, name):
    _, end = made[name]
    assert end.times.answer is not None
    assert end.rtp.rx_packets > 50


@pytest.mark.parametrize(
    ("name", "q850"), [("busy", 17), ("declines", 21), ("incomplete", 28), ("overloaded", 34), ("sit-itu", 1)]
)
def test_a_refusal_keeps_its_cause(made, name, q850):
    _, end = made[name]
    assert (end.q850, end.ended_by) == (q850, "far")


def test_early_media_passes(made):
    kinds, end = made["sit-itu"]
    assert Progress in kinds
    assert end.rtp.rx_packets > 50


def test_ringing_passes_and_silence_stays_silent(made):
    assert Ringing in made["rings"][0]
    assert not {Ringing, Progress} & set(made["no-progress"][0])


def test_a_wrong_password_does_not_get_through(made):
    _, end = made["wrong password"]
    assert end.times.answer is None
    assert end.sip_status in {401, 403}
