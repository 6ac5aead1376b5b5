"""The stage of the demo: the lab's people, a PBX if wanted, and the configuration of a dialer that calls them."""

from __future__ import annotations

import asyncio
import importlib
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from dialer.callback.errors import DialerError
from dialer.config import DialerConfig, load
from dialer.lab import AGENTS, PERSONAS, LabProcess, Persona, pbx_numbers

ROOT = Path(__file__).resolve().parents[2]
ROUTE_POINT = "8999"


class Pbx(StrEnum):
    """What stands between the dialer and the lab's people."""

    EMBEDDED = "embedded"
    ASTERISK = "asterisk"


class StageFailed(DialerError):  # noqa: N818 - named as the other refusals
    """The demo's surroundings could not be set up."""


@asynccontextmanager
async def stage(pbx: Pbx, folder: Path) -> AsyncIterator[DialerConfig]:
    """Starts the lab (and the PBX), writes the dialer's configuration, and takes all down at the end.

    Args:
        pbx: what stands between.
        folder: for configuration, database and logs; emptied of an earlier demo's database.

    Raises:
        StageFailed: when the PBX cannot be had here.
    """
    clear(folder)
    async with LabProcess(log=folder / "lab.log") as lab:
        if pbx is Pbx.EMBEDDED:
            yield configuration(folder, f"sip:{lab.host}:{lab.port}", "")
            return
        async with asterisk(lab.port, folder / "pbx") as (uri, password):
            yield configuration(folder, uri, password)


def clear(folder: Path) -> None:
    """Makes the folder, without an earlier demo's database."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("demo.db*"):
        old.unlink()


@asynccontextmanager
async def asterisk(lab_port: int, run: Path) -> AsyncIterator[tuple[str, str]]:
    """A real Asterisk around the lab; gives its SIP URI and the route point's password."""
    tool = pbx_tool()
    settings = tool.PbxSettings(
        sip_port=tool.free_port(), lab_port=lab_port, manager_port=tool.free_port(socket.SOCK_STREAM),
        password=secrets.token_urlsafe(12), own_numbers=pbx_numbers(),
        agents=tuple(agent.extension for agent in AGENTS),
    )  # fmt: skip
    server = tool.Asterisk(settings, run)
    try:
        await asyncio.to_thread(server.start)
    except tool.PbxError as fault:
        raise StageFailed(f"the Asterisk of the demo did not start: {fault}") from fault
    try:
        yield f"sip:127.0.0.1:{settings.sip_port}", settings.password
    finally:
        await asyncio.to_thread(server.stop)


def pbx_tool() -> Any:
    """The project's own tool that makes and runs an Asterisk.

    Raises:
        StageFailed: when the dialer was installed without its tools.
    """
    if not (ROOT / "tools" / "pbx" / "asterisk.py").is_file():
        raise StageFailed("--pbx asterisk needs the project's tools/pbx; run it from a checkout of the project")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("tools.pbx.asterisk")


def configuration(folder: Path, gateway: str, password: str) -> DialerConfig:
    """Writes the demo's dialer.toml and reads it as any other."""
    path = folder / "dialer.toml"
    path.write_text("\n".join(toml_lines(folder, gateway, password)) + "\n")
    path.chmod(0o600)
    return load(path)


def toml_lines(folder: Path, gateway: str, password: str) -> Iterable[str]:
    """The demo's configuration; a service for each persona, for each asks for its own agents and options."""
    own = f"[gateway.lab]\nuri = {text(gateway)}\noptions_ping_s = 5"
    yield "# Written by `dialer demo`; `dialer callbacks list -c` this file shows what the database beside it holds."
    yield "[db]\nurl = " + text(f"sqlite+aiosqlite:///{folder / 'demo.db'}")
    yield '[sip]\nlisten_host = "127.0.0.1"\nudp_port = 0'
    yield '[media]\nrtp_ports = "24000-27999"'
    yield "[dial]\nmax_channels = 200\ncalls_per_second = 20"
    yield own + (f"\nuser = {text(ROUTE_POINT)}\npassword = {text(password)}" if password else "")
    yield f'[route_point."{ROUTE_POINT}@Lab"]\ngateway = "lab"\ncaller_number = "{ROUTE_POINT}"'
    for agent in AGENTS:
        yield (
            f"[agent.{agent.id}]\naddress = {text('sip:' + agent.extension)}\ngroups = [{text(agent.group)}]\n"
            f'state = "READY"'
        )
    for persona in PERSONAS:
        yield from service_lines(persona)


def service_lines(persona: Persona) -> Iterable[str]:
    """A service like any operator's, with waits short enough to watch."""
    options: dict[str, object] = {
        "family": "v1", "route_point": f"{ROUTE_POINT}@Lab", "dial_prefix": "91", "target": persona.target,
        "dial_attempts": 2, "dial_retry_delay": 1, "ring_timeout": 6, "setup_timeout": 4, "media_timeout": 3,
        "max_wait_on_call": 30, "agent_reserve_timeout": 15,
        "treatment_customer_connect": "GMSApplications/customer_connect.wav",
        "throttle_limit": 0, **persona.options,
    }  # fmt: skip
    yield f"[service.{text(persona.name)}]"
    for key, value in options.items():
        yield f"{key} = {text(value)}"


def text(value: object) -> str:
    """A TOML value; strings, numbers and booleans are written as in JSON."""
    return json.dumps(value)
