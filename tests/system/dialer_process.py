"""`dialer run` as a process of its own, for tests that look at it from outside as an operator does."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import socket
import sys
from pathlib import Path

import httpx

from dialer.lab import AGENTS

START_LIMIT_S = 60


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that is free at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path, gateway: str, *, service: str = "", extra: str = "") -> Path:
    """Writes a dialer.toml that calls the lab's people.

    Args:
        folder: for the file and the database.
        gateway: SIP URI of the lab or of a PBX, further lines of [gateway.lab] after a newline.
        service: further lines of [service.test].
        extra: further tables.
    """
    agents = "\n".join(
        f'[agent.{agent.id}]\naddress = "sip:{agent.extension}"\ngroups = ["{agent.group}"]\nstate = "READY"'
        for agent in AGENTS
    )
    uri, _, rest = gateway.partition("\n")
    path = folder / "dialer.toml"
    path.write_text(
        f"""
[server]
listen = "127.0.0.1:{free_port()}"
ops_listen = "127.0.0.1:{free_port()}"
[db]
url = "sqlite+aiosqlite:///{folder / "dialer.db"}"
[sip]
listen_host = "127.0.0.1"
udp_port = 0
[node]
stop_deadline_s = 3
[api.v1]
auth = "none"
[api.admin]
auth = "none"
[gateway.lab]
uri = "{uri}"
options_ping_s = 0
{rest}
[route_point."8999@Lab"]
gateway = "lab"
caller_number = "8999"
[service.test]
family = "v1"
route_point = "8999@Lab"
dial_prefix = "91"
target = "Desk@Lab.GA"
dial_attempts = 2
dial_retry_delay = 1
ring_timeout = 5
setup_timeout = 4
throttle_limit = 0
in_queue_check = false
{service}
{agents}
{extra}
"""
    )
    return path


def die_with_the_tests() -> None:
    """In the new process: a test that fails, or is ended itself, leaves no dialer running (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class RunningDialer:
    """A dialer that may be started, asked, and killed."""

    def __init__(self, config: Path) -> None:
        lines = dict(
            line.split(" = ", 1) for line in config.read_text().splitlines() if line.startswith(("listen =", "ops_"))
        )
        self.config = config
        self.module = "dialer.cli.main"
        self.log = config.parent / "dialer.log"
        self.url = f"http://{lines['listen'].strip(chr(34))}/genesys/1/service/callback/test"
        self.admin = f"http://{lines['listen'].strip(chr(34))}/api/v1"
        self.ops = f"http://{lines['ops_listen'].strip(chr(34))}"
        self.process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Starts the process and waits until its API answers."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self.module, "run", "-c", str(self.config), stdout=log, stderr=log,
                preexec_fn=die_with_the_tests,
            )  # fmt: skip
        async with asyncio.timeout(START_LIMIT_S), httpx.AsyncClient() as client:
            while True:
                assert self.process.returncode is None, self.log.read_text()[-3000:]
                try:
                    await client.get(self.url)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; gives its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def book(self, number: str) -> httpx.Response:
        """Asks for a callback."""
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(self.url, data={"_customer_number": number})

    async def state(self, callback_id: str) -> dict[str, object]:
        """The callback as v1 shows it."""
        async with httpx.AsyncClient(timeout=30) as client:
            found = (await client.get(self.url, params={"_id": callback_id})).json()
        return dict(found[0])

    async def completed(self, callback_id: str, limit_s: float = 40) -> dict[str, object]:
        """Waits until a callback is completed."""
        async with asyncio.timeout(limit_s):
            while (record := await self.state(callback_id))["_callback_state"] != "COMPLETED":  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        return record

    async def ready(self) -> tuple[int, dict[str, object]]:
        """What /readyz says."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"{self.ops}/readyz")
        return answer.status_code, answer.json()
