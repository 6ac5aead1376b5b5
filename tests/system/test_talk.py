"""A talk under way: held, sent on, widened, recorded; every party is the test's own, and sounds a tone of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from dialer_process import RunningDialer, configuration
from talk_stage import HOLD_HZ, RATE, SERVICE, TONES, Stage, tones_in, write_tone

from dialer.telephony import Dtmf, IncomingLeg, Playlist, UserAgent, UserAgentSettings

pytestmark = pytest.mark.system


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    for name, freq in TONES.items():
        write_tone(tmp_path / "tones" / f"{name}.wav", freq)
    write_tone(tmp_path / "sounds" / "hold.wav", HOLD_HZ)
    ua = UserAgent(UserAgentSettings(udp_port=0, rtp_port_range=(41000, 41999), max_channels=40))
    await ua.start()
    try:
        path = configuration(tmp_path, f"sip:127.0.0.1:{ua.udp_port}", service=SERVICE)
        path.write_text(path.read_text().replace('target = "Desk@Lab.GA"', 'target = "Slow@Lab.GA"'))
        dialer = RunningDialer(path)
        await dialer.start()
        made = Stage(ua, dialer, tmp_path)
        yield made
        assert await dialer.end() == 0
        assert "Traceback" not in dialer.log.read_text(), dialer.log.read_text()[-3000:]
    finally:
        await ua.stop()


async def test_on_hold_the_customer_hears_the_treatment_and_nobody_hears_the_customer(stage: Stage) -> None:
    await stage.talk()
    assert await stage.hears("customer") == {"7039"}
    assert await stage.hears("7039") == {"customer"}
    assert (await stage.say("hold"))["held"] is True
    assert await stage.hears("customer") == {"hold"}
    assert await stage.hears("7039") == set()
    assert (await stage.post("hold")).status_code == 409
    await stage.say("retrieve")
    assert await stage.hears("customer") == {"7039"}
    assert await stage.hears("7039") == {"customer"}
    assert (await stage.post("retrieve")).status_code == 409
    await stage.leg("7039").hangup()
    assert (await stage.ended())["_callback_reason"] == "AGENT_CONNECTED"


async def test_a_call_sent_to_another_agent_is_hers(stage: Stage) -> None:
    await stage.talk()
    answer = await stage.post("transfer", target="patient")
    assert answer.status_code == 202
    assert answer.json()["under_way"] == "transfer to patient"
    assert (await stage.settled())["parties"] == ["patient"]
    assert await stage.hears("customer") == {"7040"}
    assert await stage.hears("7040") == {"customer"}
    assert stage.leg("7039").end is not None
    states = await stage.agent_states()
    assert (states["slow"], states["patient"]) == ("READY", "TALKING")
    assert stage.rows("select state, agent_id, transferred, last_event from callback") == [
        ("PROCESSING", "patient", 1, "T71")
    ]
    await stage.leg("customer").hangup()
    assert (await stage.ended())["_callback_reason"] == "AGENT_CONNECTED"
    assert (await stage.agent_states())["patient"] == "READY"


async def test_a_call_sent_to_a_queue_frees_the_agent_at_once_and_the_customer_waits(stage: Stage) -> None:
    stage.silent.add("7040")
    await stage.talk()
    await stage.say("transfer", target="second")  # the queue of another service
    async with asyncio.timeout(3):
        while "7040" not in stage.legs or not stage.leg("7039").ended.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (await stage.agent_states())["slow"] == "READY"
    assert await stage.hears("customer") == set()
    await stage.leg("7040").answer()
    await stage.leg("7040").play(Playlist([stage.folder / "tones" / "7040.wav"], loop=True))
    await stage.settled()
    assert await stage.hears("customer") == {"7040"}
    await stage.leg("7040").hangup()
    assert (await stage.ended())["_callback_reason"] == "AGENT_CONNECTED"
    assert stage.rows("select agent_id, transferred from callback") == [("patient", 1)]


async def test_who_does_not_answer_leaves_the_customer_with_the_agent(stage: Stage) -> None:
    stage.silent.add("7040")
    await stage.talk()
    await stage.say("transfer", target="patient")
    assert await stage.hears("7039") == set()
    found = await stage.settled()
    assert "within 4 s" in found["last_error"]
    assert found["parties"] == ["slow"]
    assert await stage.hears("customer") == {"7039"}
    assert stage.rows("select transferred from callback") == [(0,)]
    await stage.say("hangup")
    assert (await stage.ended())["_callback_reason"] == "AGENT_CONNECTED"


async def test_a_queue_without_anybody_ends_the_call_by_the_table(stage: Stage) -> None:
    stage.silent.add("7040")
    await stage.talk()
    await stage.say("transfer", target="second")
    record = await stage.ended()
    assert record["_callback_reason"] == "AGENT_CONNECTED"
    states = await stage.agent_states()
    assert states["slow"] == "READY"


async def test_a_transfer_under_way_is_taken_back(stage: Stage) -> None:
    stage.silent.add("7040")
    await stage.talk()
    await stage.say("transfer", target="patient")
    async with asyncio.timeout(3):
        while "7040" not in stage.legs:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (await stage.post("transfer", target="second")).status_code == 409
    await stage.say("retrieve")
    assert await stage.hears("customer") == {"7039"}
    assert stage.leg("7040").end is not None
    await stage.leg("customer").hangup()
    await stage.ended()


async def test_a_number_is_consulted_first_and_then_has_the_call(stage: Stage) -> None:
    await stage.talk()
    await stage.say("transfer", target="+12025550177", attended=True)
    assert (await stage.settled())["consulted"] == "+12025550177"
    assert await stage.hears("7039") == {"9112025550177"}
    assert await stage.hears("9112025550177") == {"7039"}
    assert await stage.hears("customer") == {"hold"}
    await stage.say("transfer")
    assert await stage.hears("customer") == {"9112025550177"}
    assert stage.leg("7039").end is not None
    assert (await stage.agent_states())["slow"] == "READY"
    await stage.leg("9112025550177").hangup()
    assert (await stage.ended())["_callback_reason"] == "AGENT_CONNECTED"
    assert stage.rows("select transferred from callback") == [(1,)]


async def test_who_hangs_up_while_consulting_sends_the_call_on(stage: Stage) -> None:
    await stage.talk()
    await stage.say("transfer", target="patient", attended=True)
    assert (await stage.settled())["consulted"] == "patient"
    await stage.leg("7039").hangup()
    assert await stage.hears("customer") == {"7040"}
    assert stage.rows("select agent_id, transferred from callback") == [("patient", 1)]
    await stage.leg("7040").hangup()
    await stage.ended()


async def test_who_was_consulted_and_hangs_up_gives_the_customer_back(stage: Stage) -> None:
    await stage.talk()
    await stage.say("transfer", target="patient", attended=True)
    await stage.settled()
    await stage.leg("7040").hangup()
    assert await stage.hears("customer") == {"7039"}
    await stage.leg("7039").hangup()
    await stage.ended()


async def test_three_in_a_conference_hear_each_other_and_the_last_agent_ends_it(stage: Stage) -> None:
    await stage.talk()
    await stage.say("conference", target="patient")
    assert (await stage.settled())["parties"] == ["slow", "patient"]
    assert await stage.hears("customer") == {"7039", "7040"}
    assert await stage.hears("7039") == {"customer", "7040"}
    assert await stage.hears("7040") == {"customer", "7039"}
    await stage.say("hold")
    assert await stage.hears("customer") == {"hold"}
    assert await stage.hears("7040") == {"7039"}
    await stage.say("retrieve")
    await stage.say("hangup", party="slow")
    assert await stage.hears("customer") == {"7040"}
    assert stage.rows("select agent_id from callback") == [("patient",)]
    await stage.leg("7040").hangup()
    await stage.ended()
    assert set((await stage.agent_states()).values()) == {"READY"}


async def test_digits_pass_both_ways_and_from_the_desk(stage: Stage) -> None:
    await stage.talk()
    await stage.leg("customer").send_dtmf("12")
    await stage.leg("7039").send_dtmf("#")
    await stage.say("dtmf", digits="9")
    async with asyncio.timeout(5):
        while digits(stage.leg("7039")) != "12" or sorted(digits(stage.leg("customer"))) != ["#", "9"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await stage.post("dtmf", digits="hello")).status_code == 409
    await stage.leg("customer").hangup()
    await stage.ended()


def digits(leg: IncomingLeg) -> str:
    return "".join(event.digit for event in leg._events if isinstance(event, Dtmf))


async def test_a_recording_follows_the_call_and_leaves_out_pause_and_hold(stage: Stage) -> None:
    await stage.talk()
    assert (await stage.say("record", state="on"))["recording"] == "on"
    began = time.monotonic()
    marks: list[tuple[str, float]] = []

    async def during(what: str) -> None:
        marks.append((what, time.monotonic() - began + 0.15))
        await asyncio.sleep(0.8)

    await during("talk")
    await stage.say("record", state="pause")
    await during("pause")
    await stage.say("record", state="on")
    await stage.say("hold")
    await during("hold")
    await stage.say("retrieve")
    await stage.say("transfer", target="patient")
    await stage.settled()
    await during("other")
    await stage.leg("customer").hangup()
    await stage.ended()
    [(evidence,)] = stage.rows("select evidence from attempt")
    [name] = json.loads(evidence)["recordings"]
    assert Path(name) == stage.folder / "recordings" / stage.callback_id / "1-call.wav"
    with wave.open(name, "rb") as file:
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    found = {
        what: tuple(tones_in(sides[int(at * RATE) : int((at + 0.5) * RATE), side]) for side in (0, 1))
        for what, at in marks
    }
    assert found == {
        "talk": ({"customer"}, {"7039"}),
        "pause": (set(), set()),
        "hold": (set(), set()),
        "other": ({"customer"}, {"7040"}),
    }


async def test_the_journal_of_a_commanded_talk_runs_again_with_the_same_decisions(stage: Stage) -> None:
    await stage.talk()
    await stage.say("record", state="on")
    await stage.say("hold")
    await stage.say("retrieve")
    await stage.say("transfer", target="patient")
    assert (await stage.settled())["parties"] == ["patient"]
    assert (await stage.post("transfer")).status_code == 409
    await stage.say("conference", target="+12025550177")
    assert len((await stage.settled())["parties"]) == 2
    await stage.leg("7040").hangup()
    await asyncio.sleep(0.3)
    await stage.leg("customer").hangup()
    await stage.ended()
    await asyncio.sleep(0.5)  # the story is written a moment after the record
    words = ["callbacks", "rerun", stage.callback_id, "-c", str(stage.dialer.config)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dialer.cli.main",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_what_cannot_be_done_is_refused_with_the_reason(stage: Stage) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"{stage.dialer.admin}/agent/calls/1-none/hold")).status_code == 404
    await stage.talk()
    for command, body, status, words in (
        ("transfer", {"target": "Nobody@Lab.GA"}, 409, "no agent matches"),
        ("transfer", {"target": "a b c"}, 409, "no number, agent, service or target"),
        ("transfer", {}, 409, "nobody is being consulted"),
        ("transfer", {"target": "second", "attended": True}, 409, ""),
        ("conference", {}, 409, "nobody is being consulted"),
        ("hangup", {"party": "bert"}, 409, "is not in this call; there is slow"),
        ("record", {"state": "loud"}, 422, "state"),
        ("hold", {"now": True}, 422, "now"),
    ):
        answer = await stage.post(command, **body)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
    await stage.leg("customer").hangup()
    await stage.ended()
    assert (await stage.post("hold")).status_code == 409


async def test_a_call_is_not_sent_round_in_circles(stage: Stage) -> None:
    await stage.talk()
    for turn in range(10):
        await stage.say("transfer", target=("patient", "slow")[turn % 2])
        assert (await stage.settled())["last_error"] == ""
    answer = await stage.post("transfer", target="patient")
    assert answer.status_code == 409
    assert "10 times" in answer.text
    await stage.leg("customer").hangup()
    await stage.ended()
