"""Calls a given number of times into chaos, and counts what is left afterwards."""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dialer.lab import LabProcess
from dialer.lab.sounds import SoundLibrary
from dialer.store import CallbackFilter
from tests.system.telephony.telephony_peers import free_port, listens, start_sipp
from tools.chaos.peer import scenario
from tools.results.peer import mulaw
from tools.results.row import Row, final
from tools.results.stage import Stage, stage

AGENTS = 150
PEOPLE = ("00", "01", "03", "05", "20", "22", "24", "31", "41", "50", "52", "58")  # of the lab
SETTLE_S = 120.0  # the longest that anything may still need when no new call is made: 30 s without RTP, retries
HELD = frozenset({"RESERVED", "PREVIEW", "RINGING", "TALKING", "WRAP_UP"})
IMPATIENT = {
    "ring_timeout": 3, "setup_timeout": 2, "media_timeout": 2, "max_wait_on_call": 8, "agent_reserve_timeout": 3,
    "max_transfer_attempts": 3, "max_queue_wait": 1, "queued_ttl": 60, "treatment_find_agent_fail": "{}",
    "reject_impossible_numbers": False, "in_queue_check": False, "service_limit_1": 0, "service_limit_2": 0,
}  # fmt: skip


def service(key: str, peer: str = "chaos", **options: object) -> Row:
    """A service that calls into chaos."""
    return Row(key=key, code=0, how="", peer=peer, target="Chaos@Lab.GA", expected=final(0, ""),
               options={**IMPATIENT, **options})  # fmt: skip


SERVICES = (
    service("blind", detect=False),
    service("listens"),
    service("agent-first", first_party="AGENT", max_queue_wait=0),
    service("people", peer="lab"),
)


@dataclass
class Left:
    """What was found when all was over.

    Attributes:
        reasons: how the callbacks ended.
        open_callbacks, open_attempts, calls, rtp_sockets, agents_held: must all be 0.
        traceback: errors in the log; must be empty.
    """

    made: int = 0
    cancelled: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    open_callbacks: int = 0
    open_attempts: int = 0
    calls: int = 0
    rtp_sockets: int = 0
    agents_held: int = 0
    traceback: str = ""

    @property
    def nothing(self) -> bool:
        """True when nothing is left."""
        left = self.open_callbacks, self.open_attempts, self.calls, self.rtp_sockets, self.agents_held
        return not any(left) and not self.traceback


async def chaos(calls: int, *, at_once: int, seed: int) -> Left:
    """Makes calls, as many at once as are allowed, and waits until all is over."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        hello = folder / "hello.ul"
        hello.write_bytes(mulaw(SoundLibrary(folder).samples("hello_slt")))
        sipp = start_sipp(folder / "sipp", scenario(hello), free_port(), ())
        dice = random.Random(seed)  # noqa: S311 - so that the same calls can be made again
        try:
            assert listens(sipp), (sipp.folder / "out").read_text()[-500:]
            async with LabProcess() as lab:
                ports = {"chaos": sipp.port, "waits": sipp.port}
                async with stage(folder / "dialer", lab, ports, SERVICES, agents()) as here:
                    left = await _Storm(here, dice, calls, at_once).blow()
            _, found, rest = here.dialer.log.read_text().partition("Traceback")
            left.traceback = (found + rest)[:3000]
        finally:
            sipp.process.kill()
            sipp.process.wait()
    return left


def agents() -> str:
    """Agents whose telephones are of the same kind."""
    return "\n".join(
        f'[agent.chaos-{n:02d}]\naddress = "sip:{8000 + n}"\ngroups = ["Chaos"]\ngateway = "chaos"\nstate = "READY"'
        for n in range(AGENTS)
    )


class _Storm:
    """One run."""

    def __init__(self, here: Stage, dice: random.Random, calls: int, at_once: int) -> None:
        self._here = here
        self._dice = dice
        self._calls = calls
        self._at_once = at_once
        self._left = Left()

    async def blow(self) -> Left:
        began = time.monotonic()
        sockets = self._rtp_sockets()
        keeper = asyncio.create_task(self._keep_agents_ready())
        try:
            while self._left.made < self._calls:
                room = min(self._at_once - await self._open(), self._calls - self._left.made)
                await asyncio.gather(*(self._one() for _ in range(room)))
                await asyncio.sleep(0.2)
            await self._settled(sockets)
        finally:
            keeper.cancel()
        await self._count(sockets)
        self._left.seconds = time.monotonic() - began
        return self._left

    async def _one(self) -> None:
        """Books a callback; a few are cancelled after a while."""
        row = self._dice.choice(SERVICES)
        number = f"+120255501{self._dice.choice(PEOPLE)}" if row.peer == "lab" else f"+1303555{self._left.made:04d}"
        self._left.made += 1
        made = await self._here.book(row.key, number)
        if self._dice.random() < 0.05:
            await asyncio.sleep(self._dice.random() * 3)
            url = self._here.dialer.url.replace("/test", f"/{row.key}")
            answer = await self._here.client.delete(f"{url}/{made}")
            assert answer.status_code in {200, 409}, answer.text
            self._left.cancelled += answer.status_code == 200

    async def _keep_agents_ready(self) -> None:
        """Agents whose telephones failed come back, as people do."""
        admin = f"{self._here.dialer.admin}/agents"
        while True:
            for agent in (await self._here.client.get(admin)).json()["items"]:
                if agent["state"] == "NOT_READY" and agent["id"].startswith("chaos-"):
                    await self._here.client.post(f"{admin}/{agent['id']}/state", json={"state": "READY"})
            await asyncio.sleep(1)

    async def _open(self) -> int:
        return await self._here.store.count(CallbackFilter(open_only=True))

    async def _settled(self, sockets: int) -> None:
        """Waits until nothing moves any more, or for as long as it may take at most."""
        ends = time.monotonic() + SETTLE_S
        while await self._moves(sockets) and time.monotonic() < ends:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.5)

    async def _moves(self, sockets: int) -> bool:
        """Whether anything is still up: RTP ports rest a while before they are given back."""
        store = self._here.store
        if await self._open() or await store.open_attempts() or await self._agents_held():
            return True
        return self._rtp_sockets() > sockets

    async def _count(self, sockets: int) -> None:
        here, left = self._here, self._left
        left.open_callbacks = await self._open()
        left.open_attempts = len(await here.store.open_attempts())
        metrics = (await here.client.get(f"{here.dialer.ops}/metrics")).text
        left.calls = int(float(re.findall(r"^sip_calls_active (\S+)", metrics, re.MULTILINE)[0]))
        left.agents_held = await self._agents_held()
        left.rtp_sockets = self._rtp_sockets() - sockets
        for callback in await here.store.find(CallbackFilter(limit=self._calls)):
            left.reasons[str(callback.reason)] += 1

    async def _agents_held(self) -> int:
        items = (await self._here.client.get(f"{self._here.dialer.admin}/agents")).json()["items"]
        return sum(agent["state"] in HELD for agent in items)

    def _rtp_sockets(self) -> int:
        """UDP sockets that the dialer's process has open: two for each call leg, and those of SIP."""
        pid = self._here.dialer.pid
        table = Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]
        inodes = {line.split()[9] for line in table}
        held = 0
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except FileNotFoundError:
                continue  # closed while we looked
            held += target.startswith("socket:[") and target[8:-1] in inodes
        return held
