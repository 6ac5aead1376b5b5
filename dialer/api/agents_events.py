"""Agents' events as server-sent events (api.md §5.5): `GET /api/v1/agents/events` and `GET /api/v1/agent/events`.

A reader that was cut off sends the number of its last message as `Last-Event-ID` and misses nothing that is still kept.
Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dialer.api.auth import Gatekeeper
from dialer.api.part import Dialer
from dialer.booking import BadParameter, NotFound, Unavailable
from dialer.events import AgentFeed, Message, Reader
from dialer.routing import UnknownAgent

MAX_READERS: Final = 200
KEEP_ALIVE_S: Final = 15.0  # a comment so often tells both sides, and what lies between, that the connection lives
HEADERS: Final = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}


def feed_of(dialer: Dialer) -> AgentFeed:
    """A feed of what happens to a dialer's agents from now on."""
    services = dialer.config.services
    return AgentFeed(dialer.house.bus, lambda name: services[name].preview_keys if name in services else ())


def agents_events_router(dialer: Dialer, gate: Gatekeeper, feed: AgentFeed) -> APIRouter:
    """The event streams under `/api/v1`."""
    router = APIRouter(prefix="/api/v1")

    def stream(request: Request, agent: str | None) -> Response:
        if agent is not None:
            try:
                dialer.house.pool.get(agent)
            except UnknownAgent as error:
                raise NotFound(str(error)) from error
        if feed.readers >= MAX_READERS:
            raise Unavailable(f"{MAX_READERS} readers of agent events already; close one and try again")
        after = last_event_id(request)
        return StreamingResponse(sent(feed.read(agent, after)), media_type="text/event-stream", headers=HEADERS)

    @router.get("/agents/events")
    async def all_agents(request: Request, agent: str | None = None) -> Response:
        gate.admin(request)
        return stream(request, agent)

    @router.get("/agent/events")
    async def one_agent(request: Request, agent: str) -> Response:
        gate.admin(request)
        return stream(request, agent)

    return router


def last_event_id(request: Request) -> int | None:
    """The number after which to go on; None when the reader begins.

    Raises BadParameter: when it is no number.
    """
    given = request.headers.get("last-event-id", "").strip()
    if not given:
        return None
    if not given.isdecimal() or len(given) > 18:  # beyond any number this feed gives
        raise BadParameter(f"Last-Event-ID {given[:20]!r} is not the id of an event; send the last one received")
    return int(given)


async def sent(reader: Reader, keep_alive_s: float = KEEP_ALIVE_S) -> AsyncIterator[str]:
    """A reader's messages as lines of an event stream; the reader is closed when the connection is."""
    told = 0
    try:
        yield ": agent events\n\n"
        while True:
            if reader.dropped > told:
                told = reader.dropped
                yield f"event: lost\ndata: {json.dumps({'messages': told})}\n\n"
            try:
                async with asyncio.timeout(keep_alive_s):
                    message = await anext(reader)
            except TimeoutError:
                yield ": still here\n\n"
            except StopAsyncIteration:
                return
            else:
                yield as_event(message)
    finally:
        reader.close()


def as_event(message: Message) -> str:
    """One message as an event of the stream."""
    return f"id: {message.n}\nevent: {message.name}\ndata: {json.dumps(message.data, default=str)}\n\n"
