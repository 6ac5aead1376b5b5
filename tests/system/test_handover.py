"""A talk handed over to a real PBX: REFER with Replaces, after which the dialer is out of the path of the voices."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dialer_process import RunningDialer, configuration
from talk_stage import TONES, Stage, write_tone

from dialer.telephony import UserAgent, UserAgentSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.pbx.asterisk import Asterisk, PbxSettings, free_port

pytestmark = pytest.mark.system

PASSWORD = "right-word"
SERVICE = """detect = false
agent_leg = "refer"
treatment_waiting_for_agent = "{}"
"""
NO_TRANSFER = "\n[8999](+type=endpoint)\nallow_transfer = no\n"


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The dialer, an Asterisk, and everybody behind it."""
    for name, freq in TONES.items():
        write_tone(tmp_path / "tones" / f"{name}.wav", freq)
    ua = UserAgent(UserAgentSettings(udp_port=0, rtp_port_range=(41000, 41999), max_channels=40))
    await ua.start()
    settings = PbxSettings(
        sip_port=free_port(), manager_port=free_port(socket.SOCK_STREAM), lab_port=ua.udp_port, password=PASSWORD,
        rtp_first=33000, rtp_last=33999, **getattr(request, "param", {}),
    )  # fmt: skip
    tells = "dialog_events = true" if settings.extra_modules else ""
    try:
        with Asterisk(settings, tmp_path / "pbx") as pbx:
            gateway = f'sip:127.0.0.1:{settings.sip_port}\nuser = "8999"\npassword = "{PASSWORD}"\n{tells}'
            path = configuration(tmp_path, gateway, service=SERVICE)
            path.write_text(path.read_text().replace('target = "Desk@Lab.GA"', 'target = "Slow@Lab.GA"'))
            dialer = RunningDialer(path)
            await dialer.start()
            made = Stage(ua, dialer, tmp_path)
            made.pbx = pbx
            yield made
            assert await dialer.end() == 0
            assert "Traceback" not in dialer.log.read_text(), dialer.log.read_text()[-3000:]
    finally:
        await ua.stop()


HINTS = {
    "extra_dialplan": "exten => _7XXX,hint,PJSIP/${EXTEN}\n",
    "extra_modules": (
        "res_pjsip_outbound_publish.so",
        "res_pjsip_exten_state.so",
        "res_pjsip_dialog_info_body_generator.so",
    ),
}


async def becomes(stage: Stage, agent: str, state: str, reason: str = "") -> None:
    """Waits until an agent is in a state for a reason."""
    async with asyncio.timeout(8):
        while (found := await stage.agent(agent)) != (state, reason):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert found == (state, reason)


async def book(stage: Stage) -> None:
    stage.callback_id = str((await stage.dialer.book("+12025550100")).json()["_id"])


async def test_the_pbx_joins_the_two_who_talk_on_when_the_dialer_is_gone(stage: Stage) -> None:
    await book(stage)
    record = await stage.dialer.completed(stage.callback_id)
    assert record["_callback_reason"] == "AGENT_CONNECTED"
    assert stage.rows("select call_result, sip_status, ended_at is null from attempt") == [(33, 200, 0)]
    events = [row[0] for row in stage.rows("select event from history order by rowid")]
    assert events[-2:] == ["T35", "T73"]
    assert (await stage.agent_states())["slow"] == "NOT_READY", "the agent talks on where the dialer does not see it"
    assert (await stage.post("hold")).status_code == 409
    assert await stage.dialer.end() == 0
    assert await stage.hears("customer") == {"7039"}
    assert await stage.hears("7039") == {"customer"}
    await stage.leg("7039").hangup()
    await asyncio.wait_for(stage.leg("customer").ended, 5)


@pytest.mark.parametrize("stage", [{"extra_files": {"pjsip.conf": NO_TRANSFER}}], indirect=True)
async def test_a_pbx_that_will_not_leaves_the_talk_in_the_dialer(stage: Stage) -> None:
    await book(stage)
    async with asyncio.timeout(15):
        while (await stage.dialer.state(stage.callback_id))["_callback_state"] != "PROCESSING":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await stage.hears("customer") == {"7039"}
    assert await stage.hears("7039") == {"customer"}
    await stage.say("hold")
    assert await stage.hears("7039") == set()
    await stage.say("retrieve")
    assert await stage.hears("7039") == {"customer"}
    await stage.leg("customer").hangup()
    assert (await stage.ended())["_callback_reason"] == "AGENT_CONNECTED"
    assert "did not take the call over" in str(stage.rows("select * from journal"))
    assert (await stage.agent_states())["slow"] == "READY"


async def test_who_hangs_up_while_it_is_handed_over_leaves_no_leg(stage: Stage) -> None:
    for wait_s, who in ((0.0, "customer"), (0.01, "7039"), (0.03, "customer"), (0.06, "7039")):
        await book(stage)
        async with asyncio.timeout(15):
            while "7039" not in stage.legs or not stage.leg("7039").is_answered:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        await asyncio.sleep(wait_s)
        await stage.leg(who).hangup()
        record = await stage.ended()
        assert record["_callback_reason"] in {"AGENT_CONNECTED", "FAIL_INTERACTION_DELETED"}
        stage.legs.clear()
        await stage.set_ready("slow")


@pytest.mark.parametrize("stage", [HINTS], indirect=True)
async def test_the_agent_of_a_handed_over_talk_is_ready_again_when_the_telephone_is_idle(stage: Stage) -> None:
    await book(stage)
    await stage.dialer.completed(stage.callback_id)
    await becomes(stage, "slow", "NOT_READY", "talks in the PBX")
    assert await stage.hears("customer") == {"7039"}
    assert await stage.agent("slow") == ("NOT_READY", "talks in the PBX")
    await stage.leg("customer").hangup()
    await becomes(stage, "slow", "READY")


@pytest.mark.parametrize("stage", [HINTS], indirect=True)
async def test_who_is_on_the_phone_for_another_reason_is_not_rung(stage: Stage) -> None:
    with stage.pbx.manager() as manager:
        manager.act("Originate", Channel="PJSIP/7039", Application="Wait", Data="60", Async="true")
        await becomes(stage, "slow", "NOT_READY", "phone busy")
        await book(stage)
        await asyncio.sleep(1.5)
        assert "customer" not in stage.legs
        await stage.leg("7039").hangup()
        await becomes_talking(stage)
    await stage.leg("7039").hangup()


async def becomes_talking(stage: Stage) -> None:
    """The callback that waited is made."""
    assert (await stage.dialer.completed(stage.callback_id))["_callback_reason"] == "AGENT_CONNECTED"
