"""The admin API, first part: agents' states and one callback with its attempts and history (api.md §5.3, §5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.auth import Gatekeeper, callback_for
from dialer.api.body import Unprocessable, model_of
from dialer.api.part import Dialer
from dialer.booking import InvalidState, NotFound
from dialer.callback.state import Actor
from dialer.clock import stamp
from dialer.routing import AgentState, AgentStatus, StateNotChosen, UnknownAgent


class AgentStateBody(BaseModel):
    """What an agent is to do next."""

    model_config = ConfigDict(extra="forbid")

    state: AgentState
    reason: str = ""


class TimeBody(BaseModel):
    """Another time for a booked callback."""

    model_config = ConfigDict(extra="forbid")

    desired_time: str


def admin_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/api/v1`."""
    router = APIRouter(prefix="/api/v1")
    _route_agents(router, dialer, gate)
    _route_callbacks(router, dialer, gate)
    return router


def _route_agents(router: APIRouter, dialer: Dialer, gate: Gatekeeper) -> None:
    pool, clock = dialer.house.pool, dialer.house.clock

    @router.get("/agents")
    async def agents(request: Request) -> Response:
        gate.admin(request)
        return JSONResponse({"items": [shown_agent(status) for status in pool.all()], "next_cursor": None})

    @router.post("/agents/{agent_id}/state")
    async def set_agent_state(agent_id: str, request: Request) -> Response:
        gate.admin(request)
        wanted = await model_of(AgentStateBody, request)
        try:
            done = pool.request_state(agent_id, wanted.state, clock.now(), wanted.reason)
        except UnknownAgent as error:
            raise NotFound(str(error)) from error
        except StateNotChosen as error:
            raise Unprocessable(str(error)) from error
        if not done:
            raise InvalidState(f"agent {agent_id} is on a call; {wanted.state} is set when it ends")
        return JSONResponse(shown_agent(pool.status(agent_id)))


def _route_callbacks(router: APIRouter, dialer: Dialer, gate: Gatekeeper) -> None:
    booking = dialer.booking

    @router.get("/callbacks/{callback_id}")
    async def callback(callback_id: str, request: Request) -> Response:
        _, found = await callback_for(gate, request, booking, callback_id)
        dials, history = await booking.story(callback_id)
        shown = plain(found) | {
            "dials": [plain(dial) for dial in dials],
            "history": [plain(entry) for entry in history],
        }
        return JSONResponse(shown)

    @router.patch("/callbacks/{callback_id}")
    async def reschedule(callback_id: str, request: Request) -> Response:
        caller, _ = await callback_for(gate, request, booking, callback_id)
        wish = await model_of(TimeBody, request)
        moved = await booking.rescheduling.move(callback_id, wish.desired_time, Actor.ADMIN, user=caller.name)
        return JSONResponse(plain(moved))

    @router.post("/callbacks/{callback_id}/cancel")
    async def cancel(callback_id: str, request: Request) -> Response:
        caller, _ = await callback_for(gate, request, booking, callback_id)
        return JSONResponse(plain(await booking.cancel(callback_id, Actor.ADMIN, user=caller.name)))


def shown_agent(status: AgentStatus) -> dict[str, Any]:
    """An agent as the admin API shows it."""
    agent = status.agent
    return {
        "id": agent.id,
        "name": agent.name,
        "state": str(status.state),
        "since": stamp(status.since),
        "reason": status.reason,
        "skills": dict(agent.skills),
        "groups": sorted(agent.groups),
        "place": agent.place,
    }


def plain(value: Any) -> dict[str, Any]:
    """A record of the store as JSON carries it."""
    return {item.name: _plain_value(getattr(value, item.name)) for item in fields(value)}


def _plain_value(value: Any) -> Any:
    match value:
        case datetime():
            return stamp(value)
        case Enum():
            return value.value
        case Mapping():
            return {str(key): _plain_value(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain_value(item) for item in value]
        case _:
            return value
