"""Agent first on real calls: preview, disposition and survey, as a desk sees them and the records keep them."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from dialer_process import RunningDialer, configuration

from dialer.lab import LabProcess
from dialer.store import Store

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

FIRST = 'first_party = "AGENT"'
ASKED = f"{FIRST}\npreview = true\npreview_reject_delay = 0.2\npreview_timeout ="
SERVICES = {
    "good": ("First", FIRST),
    "unanswered": ("Patient", f"{FIRST}\ndial_attempts = 1\nring_timeout = 2"),
    "early": ("Leaves", f"{FIRST}\ndial_attempts = 1\nqueued_ttl = 6"),
    "refused": ("Refusing", f"{FIRST}\nmax_transfer_attempts = 2"),
    "machine": ("Patient", f"{FIRST}\ndial_attempts = 1"),
    "taken": ("First", f'{ASKED} 20\npreview_keys = ["first_name"]'),
    "rejected": ("Alone", f"{ASKED} 20"),
    "silent": ("RingsOut", f"{ASKED} 2\npreview_not_ready_reason = 'away'\nqueued_ttl = 8"),
    "disposed": ("First", f"{FIRST}\ndisposition = true\ndisposition_timeout = 20"),
    "forgotten": ("Desk", "disposition = true\ndisposition_timeout = 1"),
    "surveyed": ("Desk", 'survey_route_point = "7042@Lab"'),
}
"""Service: which agents, and its options."""


def tables() -> str:
    """The services as TOML, and where the survey is."""
    services = "\n".join(
        f'[service.{name}]\nfamily = "v1"\nroute_point = "8999@Lab"\ndial_prefix = "91"\ntarget = "{group}@Lab.GA"\n'
        f"throttle_limit = 0\nin_queue_check = false\n{text}"
        for name, (group, text) in SERVICES.items()
    )
    return f'[route_point."7042@Lab"]\ngateway = "lab"\n{services}'


class Desk:
    """An agent's desk and a customer's application, by HTTP alone."""

    def __init__(self, dialer: RunningDialer) -> None:
        self.dialer = dialer
        self.folder = dialer.config.parent

    async def book(self, service: str, last_two: str, **data: str) -> str:
        url = self.dialer.url.replace("/test", f"/{service}")
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(url, data={"_customer_number": f"+120255501{last_two}", **data})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["_id"])

    async def callback(self, callback_id: str) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=30) as client:
            return dict((await client.get(f"{self.dialer.admin}/callbacks/{callback_id}")).json())

    async def until(self, callback_id: str, *places: str, limit_s: float = 40) -> dict[str, Any]:
        """Waits until a callback is in one of these states or phases."""
        async with asyncio.timeout(limit_s):
            while not {(found := await self.callback(callback_id))["state"], found["phase"]} & set(places):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        return found

    async def done(self, service: str, last_two: str) -> dict[str, Any]:
        """Books a callback, and gives it when it is completed."""
        return await self.until(await self.book(service, last_two), "COMPLETED")

    async def post(self, path: str, **body: Any) -> httpx.Response:
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(f"{self.dialer.admin}/agent/{path}", json=body)

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient(timeout=30) as client:
            return (await client.get(f"{self.dialer.admin}/{path}")).json()

    async def agent(self, agent_id: str) -> tuple[str, str]:
        """State and reason of an agent."""
        found = next(item for item in (await self.get("agents"))["items"] if item["id"] == agent_id)
        return found["state"], found["reason"]

    async def story(self, callback_id: str) -> list[str]:
        """The callback's timeline in words."""
        store = await Store.open(f"sqlite+aiosqlite:///{self.folder / 'dialer.db'}")
        told = [entry.text for entry in await store.journal(callback_id)]
        await store.close()
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One dialer for all tests but those that kill theirs."""
    folder = tmp_path_factory.mktemp("agent_first")
    async with LabProcess() as lab:
        dialer = RunningDialer(configuration(folder, f"sip:{lab.host}:{lab.port}", extra=tables()))
        await dialer.start()
        yield Desk(dialer)
        assert await dialer.end() == 0
    assert "Traceback" not in dialer.log.read_text()
    with sqlite3.connect(folder / "dialer.db") as database:
        assert database.execute("select count(*) from attempt where ended_at is null").fetchone() == (0,)


def events(callback: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in callback["history"]]


def results(callback: dict[str, Any]) -> list[tuple[int, bool]]:
    return [(dial["call_result"], dial["counted"]) for dial in callback["dials"]]


async def test_agent_first_goes_every_way_on_real_calls(desk: Desk) -> None:
    ways = {"good": "00", "unanswered": "51", "early": "04", "refused": "01", "machine": "20"}
    good, unanswered, early, refused, machine = await asyncio.gather(*(desk.done(*way) for way in ways.items()))

    assert events(good) == ["T01", "T05", "T40", "T43", "T44", "T73"]
    assert (good["reason"], good["call_result"], results(good)) == ("AGENT_CONNECTED", 33, [(33, True)])
    assert good["dials"][0]["evidence"]["timings"]["verdict_to_joined_ms"] <= 60

    assert (unanswered["reason"], results(unanswered)) == ("FAIL_CALL_TO_CUSTOMER", [(7, True)])
    assert events(unanswered)[-2:] == ["T43", "T46"]

    # The agent hangs up while the customer's telephone rings; nobody else is there, so the wait ends (T85).
    assert results(early) == [(27, False)]
    assert events(early) == ["T01", "T05", "T40", "T43", "T45", "T33", "T85"]
    assert await desk.agent("leaves") == ("NOT_READY", "hung up before the customer answered")

    assert (refused["reason"], refused["call_result"]) == ("FAIL_AGENT_CONNECT", 45)
    assert events(refused) == ["T01", "T05", "T40", "T47", "T40", "T47"]
    assert results(refused) == []

    assert (machine["reason"], results(machine)) == ("FAIL_CALL_TO_CUSTOMER", [(9, True)])
    assert events(machine)[2:] == ["T40", "T43", "T46"]
    told = await desk.story(machine["id"])
    spoken = next(n for n, text in enumerate(told) if "call_fail_ans_machine.wav" in text)
    assert any("agent patient: ended" in text for text in told[:spoken]), "the agent need not hear it"
    assert await desk.agent("patient") == ("READY", "")


async def test_the_customer_is_called_when_an_agent_has_taken_the_preview(desk: Desk) -> None:
    made = await desk.book("taken", "12", first_name="Ada", account="4711")
    found = await desk.until(made, "agent_preview")
    agent = found["agent_id"]
    assert (await desk.agent(agent))[0] == "PREVIEW"
    shown = await desk.get(f"agent/previews/{made}?agent={agent}")
    assert shown["user_data"] == {"first_name": "Ada"}
    assert shown["number"] == "+12025550112"
    assert 15 < shown["seconds_left"] <= 20
    assert made in [item["id"] for item in (await desk.get("agent/previews"))["items"]]
    assert (await desk.post(f"previews/{made}/accept?agent=somebody")).status_code == 410
    assert (await desk.post(f"previews/{made}/accept?agent={agent}")).status_code == 200
    done = await desk.until(made, "COMPLETED")
    assert events(done) == ["T01", "T05", "T40", "T43a", "T43", "T44", "T73"]
    assert (await desk.post(f"previews/{made}/accept")).status_code == 410


async def test_a_callback_that_agents_reject_three_times_is_over(desk: Desk) -> None:
    made = await desk.book("rejected", "13")
    for n in range(3):
        async with asyncio.timeout(30):
            while len((await desk.until(made, "agent_preview"))["agents_rejected"]) < n:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        assert (await desk.post(f"previews/{made}/reject", reason="lunch")).status_code == 200
    done = await desk.until(made, "COMPLETED")
    assert done["reason"] == "AGENT_PREVIEW_CANCEL_AFTER_3REJECTS"
    assert done["agents_rejected"] == ["alone"] * 3
    assert events(done)[2:] == ["T40", "T41", "T40", "T41", "T40", "T42"]
    assert await desk.agent("alone") == ("READY", "")
    assert results(done) == []


async def test_who_lets_a_preview_pass_is_not_ready_until_further_notice(desk: Desk) -> None:
    made = await desk.book("silent", "14")
    done = await desk.until(made, "COMPLETED")
    assert (done["reason"], done["agents_rejected"]) == ("FAIL_TARGET_NOT_FOUND", [])
    assert events(done)[2:] == ["T40", "T41", "T40", "T41", "T85"]
    assert await desk.agent("rings-out") == ("NOT_READY", "away")
    assert await desk.agent("then-answers") == ("NOT_READY", "away")


async def test_who_asks_not_to_be_called_again_is_not(desk: Desk) -> None:
    made = await desk.book("disposed", "05")
    found = await desk.until(made, "disposition")
    agent = found["agent_id"]
    assert (await desk.agent(agent))[0] == "WRAP_UP"
    assert (await desk.post(f"calls/{made}/disposition", code="two words")).status_code == 422
    assert (await desk.post(f"calls/{made}/disposition", code="DO_NOT_CALL", note="asked us to")).status_code == 200
    done = await desk.until(made, "COMPLETED")
    assert (done["reason"], done["reason_detail"], done["call_result"]) == (
        "AGENT_CONNECTED",
        "disposition:DO_NOT_CALL",
        51,
    )
    assert results(done) == [(33, True)]
    again = await desk.done("good", "05")
    assert (again["reason"], results(again)) == ("FAIL_CALL_TO_CUSTOMER", [(51, False)])
    told = await desk.story(again["id"])
    assert not any("INVITE" in text for text in told)
    assert await desk.agent(agent) == ("READY", "")


async def test_an_agent_may_put_a_callback_off_after_the_talk(desk: Desk) -> None:
    made = await desk.book("disposed", "01")
    await desk.until(made, "disposition")
    assert (await desk.post(f"calls/{made}/disposition", code="SNOOZE", snooze_s=1)).status_code == 200
    async with asyncio.timeout(40):
        while "T70" not in events(await desk.until(made, "snoozed", "disposition")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await desk.until(made, "talking", "disposition")
    await desk.until(made, "disposition")
    assert (await desk.post(f"calls/{made}/disposition", code="WRONG_PARTY")).status_code == 200
    done = await desk.until(made, "COMPLETED")
    assert done["call_result"] == 40
    assert [event for event in events(done) if event in {"T70", "T33", "T73"}] == ["T70", "T33", "T73"]


async def test_a_disposition_that_nobody_gives_is_ok_in_the_end(desk: Desk) -> None:
    done = await desk.done("forgotten", "03")
    assert (done["reason_detail"], done["call_result"]) == ("disposition:OK", 33)
    assert events(done)[-2:] == ["T72", "T73"]


async def test_the_customer_is_handed_to_the_survey_after_the_talk(desk: Desk) -> None:
    made = await desk.book("surveyed", "12")
    done = await desk.until(made, "COMPLETED")
    assert done["reason"] == "AGENT_CONNECTED"
    async with asyncio.timeout(20):
        while not (done := await desk.callback(made))["dials"][0]["ended_at"]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert results(done) == [(33, True)]
    assert done["dials"][0]["ended_at"] > done["completed_at"]
    told = await desk.story(made)
    assert any("survey 7042@Lab: 200 OK, answered" in text for text in told), told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "group", "options", "customer", "event"),
    [
        ("agent_preview", "Desk", f"{ASKED} 60", "00", "T91"),
        ("agent_ring", "Slow", FIRST, "00", "T91"),
        ("customer_dial", "Patient", FIRST, "51", "T91"),
        ("disposition", "First", f"{FIRST}\ndisposition = true", "00", "T92"),
    ],
)
async def test_a_kill_in_each_phase_loses_nothing(
    tmp_path: Path, phase: str, group: str, options: str, customer: str, event: str
) -> None:
    async with LabProcess() as lab:
        path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}", service=options)
        text = path.read_text().replace('target = "Desk@Lab.GA"', f'target = "{group}@Lab.GA"')
        path.write_text(text.replace("ring_timeout = 5", "ring_timeout = 30"))
        dialer = RunningDialer(path)
        desk = Desk(dialer)
        await dialer.start()
        made = await desk.book("test", customer)
        await desk.until(made, phase)
        await dialer.end(signal.SIGKILL)
        path.write_text(path.read_text().replace("preview = true", "preview = false"))
        await dialer.start()
        if event == "T92":
            done = await desk.until(made, "COMPLETED")
            assert (done["reason"], done["reason_detail"], done["call_result"]) == ("AGENT_CONNECTED", "node_lost", 33)
        else:
            found = await desk.until(made, "agent_ring", "customer_dial", "COMPLETED")
            assert event in events(found)
            stale = [(46, False)] if phase == "customer_dial" else []
            assert results(found)[: len(stale)] == stale
        assert await dialer.end() == 0
