"""config/asterisk/ in a real Asterisk: our user agent calls a customer and an agent through it."""

import asyncio
import re
import socket
import sys
from pathlib import Path

import pytest

from dialer.config import load_text
from dialer.telephony import DialRequest, UserAgent

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tools.pbx.asterisk import Asterisk, PbxSettings, free_port  # noqa: E402

pytestmark = pytest.mark.system
EXAMPLE = ROOT / "config" / "asterisk"


@pytest.fixture
def ports():
    """SIP ports of the PBX and of the dialer."""
    return free_port(), free_port()


@pytest.fixture
def pbx(ports, tmp_path):
    """An Asterisk with the example's files; its trunk and its agents' phones are the test's own user agent."""
    here = {"192.0.2.1:5070": f"127.0.0.1:{ports[1]}", "192.0.2.1": "127.0.0.1", "@trunk": "@lab"}

    def adapted(name):
        return re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], (EXAMPLE / name).read_text())

    settings = PbxSettings(
        sip_port=ports[0],
        lab_port=ports[1],
        manager_port=free_port(socket.SOCK_STREAM),
        rtp_first=32300,
        rtp_last=32399,
        extra_files={"pjsip.conf": adapted("pjsip_dialer.conf")},
        extra_dialplan=adapted("extensions_dialer.conf"),
    )
    with Asterisk(settings, tmp_path / "pbx") as running:
        yield running


@pytest.fixture
async def user_agent(pbx, ports, monkeypatch, tmp_path):
    monkeypatch.setenv("DIALER_PBX_PASSWORD", "change-me")
    text = (EXAMPLE / "dialer.toml").read_text().replace("192.0.2.10:5060", f"127.0.0.1:{ports[0]}")
    text += f'[sip]\nlisten_host = "127.0.0.1"\nudp_port = {ports[1]}\n[media]\nrtp_ports = "32400-32499"\n'
    config = load_text(text + "[dial]\nmax_channels = 20\n", tmp_path / "dialer.toml")
    agent = UserAgent(config.user_agent_settings())
    await agent.start()
    yield agent
    await agent.stop()


async def call_through(user_agent, number):
    """Calls a number through the PBX, which calls us back as the one called; gives how both legs went."""
    called = asyncio.get_running_loop().create_future()

    async def take(leg):
        await leg.answer()
        called.set_result(leg)

    user_agent.on_incoming = take
    async with asyncio.timeout(15):
        # not 8999: the lab's own endpoint has that name and would be taken for the caller
        leg = await user_agent.dial(DialRequest("pbx", number, from_user="4000", display_name="Sales"))
        answered = await leg.answered()
        if not answered:
            return leg.end, None
        other = await called
        await leg.hangup()
        await other.ended
        return await leg.ended, other


async def test_customers_are_reached_without_the_prefix_and_see_the_callers_number(user_agent):
    end, customer = await call_through(user_agent, "9116504661232")
    assert end.sip_status == 200
    assert customer.called_number == "16504661232"
    assert "4000" in customer.caller


async def test_agents_are_reached_by_their_extension(user_agent):
    end, agent = await call_through(user_agent, "7001")
    assert end.sip_status == 200
    assert agent.called_number == "7001"


async def test_any_other_number_is_unknown(user_agent):
    end, _ = await call_through(user_agent, "12345")
    assert (end.sip_status, end.q850) == (404, 1)


async def test_the_gateway_answers_options_with_itself_or_a_challenge(user_agent):
    health = await user_agent.probe_gateway("pbx")
    assert health.last_status in {200, 401}
