"""The HTTP servers of a running dialer, in its own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from dialer.api import create_app, create_ops_app, end_streams
from dialer.callback.errors import DialerError
from dialer.node import Dialer

START_LIMIT_S = 10.0


class ServerNotStarted(DialerError):  # noqa: N818 - named as the other refusals
    """A listening address cannot be used."""


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the dialer's stop is ordered."""

    def install_signal_handlers(self) -> None:
        """Leaves the signals alone."""


@asynccontextmanager
async def serve(dialer: Dialer) -> AsyncIterator[str]:
    """Serves the API and the operator's endpoints; gives their addresses in words.

    Raises:
        ServerNotStarted: when an address is in use or not ours.
    """
    app = create_app(dialer)
    wanted = {dialer.config.server.listen: app, dialer.config.server.ops_listen: create_ops_app(dialer)}
    servers = [(address, server_for(app, address)) for address, app in wanted.items()]
    tasks = [asyncio.create_task(server.serve(), name=f"http-{address}") for address, server in servers]
    try:
        for (address, server), task in zip(servers, tasks, strict=True):
            await started(address, server, task)
        yield ", ".join(f"http://{address}" for address in wanted)
    finally:
        end_streams(app)
        for _, server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)


def server_for(app: object, address: str) -> Server:
    """A server on "host:port"."""
    host, _, port = address.rpartition(":")
    return Server(uvicorn.Config(app, host=host, port=int(port), log_level="warning", access_log=False, lifespan="off"))  # type: ignore[arg-type]


async def started(address: str, server: Server, task: asyncio.Task[None]) -> None:
    """Waits until a server listens."""
    async with asyncio.timeout(START_LIMIT_S):
        while not server.started:
            if task.done():
                raise ServerNotStarted(
                    f"cannot listen on {address}: is it in use? Set server.listen or server.ops_listen"
                )
            await asyncio.sleep(0.01)
