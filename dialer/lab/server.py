"""The lab at work: one SIP user agent that takes every call and gives it to a persona or an agent.

Never imported by the dialer itself: the lab is a process of its own, so that it cannot share a fault with what it
tests.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

from dialer.lab import notebook
from dialer.lab.actor import Actor
from dialer.lab.agents import BY_EXTENSION
from dialer.lab.personas import persona_of
from dialer.lab.script import Reject, Script
from dialer.lab.sounds import SoundLibrary
from dialer.telephony import IncomingLeg, UserAgent, UserAgentSettings

CHANNELS = 256
UNKNOWN: Script = (Reject(404, q850=1),)


@dataclass(frozen=True, slots=True)
class LabSettings:
    """Where the lab listens.

    Attributes:
        host, port: UDP and TCP; port 0 = any free one.
        rtp_ports: range of UDP ports of the audio.
        record: folder for what every call of the lab heard and said; None = nothing is recorded.
    """

    host: str = "127.0.0.1"
    port: int = 0
    rtp_ports: tuple[int, int] = (16000, 19999)  # apart from the dialer's own default
    record: Path | None = None


class Lab:
    """The people at the other end: `async with Lab(LabSettings()) as lab: ...`."""

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings
        self._agent = UserAgent(
            UserAgentSettings(
                listen_host=settings.host,
                udp_port=settings.port,
                tcp_port=None,
                rtp_port_range=settings.rtp_ports,
                max_channels=CHANNELS,
                user_agent_name="callback-lab",
            )
        )
        self._agent.on_incoming = self._take
        self._folder = tempfile.TemporaryDirectory(prefix="callback-lab-")
        self._sounds = SoundLibrary(Path(self._folder.name))
        self._calls: Counter[str] = Counter()
        self._serial = itertools.count(1)

    @property
    def port(self) -> int:
        """The UDP port that it listens on."""
        return self._agent.udp_port

    async def __aenter__(self) -> Self:
        if self.settings.record is not None:
            self.settings.record.mkdir(parents=True, exist_ok=True)
        await self._agent.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._agent.stop(deadline_s=3)
        self._folder.cleanup()

    async def _take(self, leg: IncomingLeg) -> None:
        """Performs one incoming call from its first to its last moment."""
        who, script = self._cast(leg.called_number)
        taps = self._agent.taps
        actor = Actor(leg, who, self._sounds, taps, f"{self.settings.host}:{self.port}")
        if self.settings.record is None:
            await actor.perform(script)
            return
        name = f"{next(self._serial):03d}-{who}"
        listening = asyncio.create_task(notebook.listen(taps, leg), name=f"lab-notebook-{name}")
        await actor.perform(script)
        notebook.write(self.settings.record, name, leg, actor, await listening)

    def _cast(self, called: str) -> tuple[str, Script]:
        """Who is at this number, and what it does with this call."""
        if agent := BY_EXTENSION.get(called):
            return agent.extension, agent.script
        if persona := persona_of(called):
            call = self._calls[persona.name]
            self._calls[persona.name] += 1
            return persona.name, persona.script(call)
        return called, UNKNOWN


def run_lab(settings: LabSettings, *, until_input_closes: bool = False) -> int:
    """Runs the lab until SIGTERM or SIGINT comes, or its standard input closes if asked to; returns the exit status.

    Prints one line of JSON when calls can come: `{"event": "ready", "host": ..., "port": ...}`. Nothing else goes to
    the standard output: what the libraries print there is sent to the standard error.
    """
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        return asyncio.run(_run(settings, output, until_input_closes=until_input_closes))


async def _run(settings: LabSettings, output: TextIO, *, until_input_closes: bool) -> int:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    watching = asyncio.create_task(_watch_input(over), name="lab-input") if until_input_closes else None
    async with Lab(settings) as lab:
        print(json.dumps({"event": "ready", "host": settings.host, "port": lab.port}), file=output, flush=True)
        await over.wait()
    if watching is not None:
        watching.cancel()
    return 0


async def _watch_input(over: asyncio.Event) -> None:
    """Sets `over` when standard input closes: the lab never outlives who started it."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    over.set()
