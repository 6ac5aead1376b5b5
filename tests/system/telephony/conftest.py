"""A user agent that calls itself over loopback, and SIPp as a far end that does what a scenario says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from telephony_peers import Arrivals, SippProcess, Starter, free_port, listens, start_sipp

from dialer.telephony import Gateway, UserAgent, UserAgentSettings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "telephony" in str(item.path):
            item.add_marker(pytest.mark.system)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def settings(port: int) -> UserAgentSettings:
    gateway = Gateway("self", f"sip:127.0.0.1:{port}", options_ping_s=0)
    return UserAgentSettings(
        udp_port=port, gateways={"self": gateway}, max_channels=64, tap_rows=80, follow_refer="always"
    )


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    """Starts user agents and stops them at the end of the test, legs or not."""
    started: list[UserAgent] = []

    async def starter(settings: UserAgentSettings) -> UserAgent:
        agent = UserAgent(settings)
        await agent.start()
        started.append(agent)
        return agent

    yield starter
    for agent in started:
        await agent.stop(deadline_s=5)


@pytest.fixture
async def ua(start: Starter, settings: UserAgentSettings) -> UserAgent:
    return await start(settings)


@pytest.fixture
def arrivals(ua: UserAgent) -> Arrivals:
    return Arrivals(ua)


@pytest.fixture
def sipp(tmp_path: Path) -> Iterator[Callable[..., SippProcess]]:
    """Gives a function that starts SIPp as a UAS with a scenario's XML body, at a port."""
    if shutil.which("sipp") is None:
        pytest.fail("sipp is not installed: apt-get install sip-tester")
    running: list[subprocess.Popen[bytes]] = []

    def run(body: str, port: int | None = None, *options: str) -> SippProcess:
        for _ in range(5):  # another program may take a port between our look and SIPp's
            folder = tmp_path / f"sipp{len(running)}"
            started = start_sipp(folder, body, port or free_port(), options)
            running.append(started.process)
            if listens(started):
                return started
        pytest.fail(f"sipp does not start: {(folder / 'out').read_text()[-500:]}")

    yield run
    for process in running:
        process.kill()
        process.wait()
