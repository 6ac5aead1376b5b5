"""Where the rows are played: dialers as processes of their own, the lab, SIPp, and the store that all is read from."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from dialer.callback.record import NewCallback
from dialer.callback.state import Actor
from dialer.lab import AGENTS, LabProcess
from dialer.lab.caller import Callers
from dialer.store import Store
from tests.system.dialer_process import RunningDialer, free_port
from tools.results.row import NOBODY, Row
from tools.results.seen import Seen

SPARE_AGENTS = 100  # Ready, and never called: who dials for them reaches nobody
ACCESS_NUMBERS = {"own": "+16505550191", "other": "+16505550192"}
"""Call-in groups with a number to itself for who calls it: their numbers."""
LOOK_EVERY_S = 0.15
ROW_LIMIT_S = 100.0  # bounds a row on a machine that is busy with other things; most need 2 to 15 s
LONG_TALKER, TALKER = "7040", "7001"
GROUPS = {
    **dict.fromkeys(("AgentFirst", "FirstBusy", "FirstRings", "Endless", "Accepts"), LONG_TALKER),
    **dict.fromkeys(("Sends", "Receives", "Invites", "Joins", "WrongParty", "DoNotCall", "Snoozes"), LONG_TALKER),
    **dict.fromkeys(("Previews", "Rejects"), TALKER),
}
"""Agents of their own for rows that need one to themselves: group, and the lab's telephone that it has."""


@dataclass(slots=True)
class Stage:
    """One dialer with its peers.

    Attributes:
        lab, ports: the far ends; a port by the name of its SIPp.
        sip_port: where the dialer takes calls.
        callers: people who dial in, where there are any.
        ids: callback of each row that has been booked, by the row's key.
    """

    folder: Path
    dialer: RunningDialer
    lab: LabProcess
    ports: Mapping[str, int]
    store: Store
    client: httpx.AsyncClient
    sip_port: int
    callers: Callers | None = None
    ids: dict[str, str] = field(default_factory=dict)

    async def play(self, row: Row) -> Seen:
        """Books a row's callback, does what is to be done with it, and gives what became of it."""
        await self.begin(row)
        return await self.finish(row)

    async def begin(self, row: Row) -> Seen:
        """Books a row's callback and does what is to be done with it."""
        if row.before:
            await row.before(self, "")
        callback_id = self.ids[row.key] = await self._make(row)
        if row.act:
            await row.act(self, callback_id)
        return await Seen.read(self.store, callback_id)

    async def finish(self, row: Row) -> Seen:
        """Waits until there is nothing more to come of a row that has begun."""
        seen = await self.until(self.ids[row.key], row.done or (lambda seen: seen.completed), row.key)
        return seen if row.legs is None else await self._with_legs(seen)

    async def _with_legs(self, seen: Seen) -> Seen:
        """What the interaction resource tells of its call legs, once the journal is written."""
        url = f"{self.dialer.admin}/interactions/{seen.callback.id}/children"
        async with asyncio.timeout(ROW_LIMIT_S):
            while True:
                legs = (await self.client.get(url)).json()["items"]
                if legs and all("end_time" in leg for leg in legs):
                    return replace(seen, legs=tuple((leg["sub_type"], leg["call_result"]) for leg in legs))
                await asyncio.sleep(LOOK_EVERY_S)

    async def _make(self, row: Row) -> str:
        if row.imported is None:
            return await self.book(row.key, "" if row.number == NOBODY else row.number, **row.fields)
        fields: dict[str, Any] = {"service": row.key, "target": row.target, "family": "v1", **row.imported}
        new = NewCallback(customer_number=row.number, number_e164=row.number, **fields)
        return (await self.store.create(new, event="T01", actor=Actor.API, now=datetime.now(UTC))).id

    async def book(self, service: str, number: str, **fields: str) -> str:
        """Asks for a callback over the first-generation API; gives its id."""
        url = self.dialer.url.replace("/test", f"/{service}")
        answer = await self.client.post(url, data=fields | ({"_customer_number": number} if number else {}))
        assert answer.status_code == 200, f"{service}: {answer.text}"
        return str(answer.json()["_id"])

    async def keep_interaction(self, call_result: int) -> int:
        """Adds an interaction of another system over the admin API; gives the call_result that it is shown with."""
        body = {"entity_type": 2, "type": "inbound", "start_time": "2026-03-02T16:00:00Z", "customer_number": "100"}
        url = f"{self.dialer.admin}/interactions"
        added = await self.client.post(url, json=body | ({"call_result": call_result} if call_result else {}))
        assert added.status_code == 201, added.text
        return int((await self.client.get(f"{url}/{added.json()['interaction_id']}")).json()["call_result"])

    async def until(self, callback_id: str, done: Callable[[Seen], bool], what: str = "") -> Seen:
        """Waits until a callback is as far as is asked for.

        Raises:
            AssertionError: when it does not come so far, or ends before; says where it stands.
        """
        seen = await Seen.read(self.store, callback_id)
        try:
            async with asyncio.timeout(ROW_LIMIT_S):
                while not done(seen):
                    assert not seen.completed, f"{what or callback_id} ended otherwise: {seen}"
                    await asyncio.sleep(LOOK_EVERY_S)
                    seen = await Seen.read(self.store, callback_id)
        except TimeoutError:
            raise AssertionError(f"{what or callback_id} stays where it is: {seen}") from None
        return seen


@asynccontextmanager
async def stage(
    folder: Path, lab: LabProcess, ports: Mapping[str, int], rows: Iterable[Row], tables: str = "",
    module: str = "dialer.cli.main",
) -> AsyncIterator[Stage]:  # fmt: skip
    """A dialer that has every row as a service; ended at the end.

    Args:
        folder: made here, for configuration, database and log.
        lab: runs already.
        ports: of the SIPp peers.
        rows: each becomes a service.
        tables: further lines of the configuration.
        module: what is started.
    """
    sip_port = free_port(socket.SOCK_DGRAM)
    dialer = RunningDialer(write_configuration(folder, lab, ports, rows, tables, sip_port))
    dialer.module = module
    await dialer.start()
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'dialer.db'}")
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            yield Stage(folder, dialer, lab, ports, store, client, sip_port)
    finally:
        await store.close()
        await dialer.end()


def write_configuration(
    folder: Path, lab: LabProcess, ports: Mapping[str, int], rows: Iterable[Row], tables: str, sip_port: int
) -> Path:
    """Writes dialer.toml; gives its path."""
    gateways = {"lab": f"{lab.host}:{lab.port}", **{name: f"127.0.0.1:{port}" for name, port in ports.items()}}
    parts = [
        f"""[server]
listen = "127.0.0.1:{free_port()}"
ops_listen = "127.0.0.1:{free_port()}"
[db]
url = "sqlite+aiosqlite:///{folder / "dialer.db"}"
[sip]
listen_host = "127.0.0.1"
udp_port = {sip_port}
tcp_port = 0
[node]
stop_deadline_s = 1
[api.v1]
auth = "none"
[api.admin]
auth = "none"
""",
        *(f'[gateway.{name}]\nuri = "sip:{address}"\noptions_ping_s = 0' for name, address in gateways.items()),
        f'[gateway.narrow]\nuri = "sip:{gateways["waits"]}"\noptions_ping_s = 0\nmax_channels = 1',
        f'[gateway.nobody]\nuri = "sip:127.0.0.1:{free_port()}"\ntransport = "tcp"\noptions_ping_s = 0',
        *(
            f'[route_point."{name}@Results"]\ngateway = "{name}"\ncaller_number = "8999"'
            for name in (*gateways, "narrow", "nobody")
        ),
        *(
            f'[agent.{agent.id}]\naddress = "sip:{agent.extension}"\ngroups = ["{agent.group}"]\n'
            'gateway = "lab"\nstate = "READY"'
            for agent in AGENTS
        ),
        *(
            f'[agent.{group}]\naddress = "sip:{extension}"\ngroups = ["{group}"]\ngateway = "lab"\nstate = "READY"'
            for group, extension in GROUPS.items()
        ),
        *(
            f'[agent.refuses-{extension}]\naddress = "sip:{extension}"\ngroups = ["FirstRefused"]\ngateway = "lab"\n'
            'state = "READY"'
            for extension in ("7031", "7032")
        ),
        '[call_in_group.front]\ndnis = ["+16505550190"]',
        *(
            f'[call_in_group.{name}]\ndnis = ["{number}"]\nunique_dnis = true'
            for name, number in ACCESS_NUMBERS.items()
        ),
        *(
            f'[agent.spare-{n:03d}]\naddress = "sip:7001"\ngroups = ["Spare"]\ngateway = "lab"\nstate = "READY"'
            for n in range(SPARE_AGENTS)
        ),
        *(service(row) for row in rows),
        tables,
    ]
    folder.mkdir()
    path = folder / "dialer.toml"
    path.write_text("\n".join(parts))
    return path


def service(row: Row) -> str:
    """A row as a service."""
    options = {
        "family": "v1",
        "route_point": f"{row.peer}@Results",
        "target": row.target,
        "dial_attempts": 2,
        "dial_retry_delay": 1,
        "ring_timeout": 30,
        "setup_timeout": 20,
        "throttle_limit": 0,
        **row.options,
    }
    return "\n".join([f'[service."{row.key}"]', *(f"{key} = {toml(value)}" for key, value in options.items())])


def toml(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)
