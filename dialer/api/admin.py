"""The admin API, first part: agents' states and one callback with its attempts and history (api.md §5.3, §5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.auth import Gatekeeper
from dialer.api.part import Dialer
from dialer.api.v1 import stamp
from dialer.booking import InvalidState, NotFound, Refused
from dialer.callback.state import Actor
from dialer.routing import AgentState, AgentStatus, StateNotChosen, UnknownAgent

Model = TypeVar("Model", bound=BaseModel)


class Unprocessable(Refused):
    """The body cannot be used."""

    http_status: ClassVar[int] = 422


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
    pool, clock = dialer.house.pool, dialer.house.clock

    @router.get("/agents")
    async def agents(request: Request) -> Response:
        gate.admin(request)
        return JSONResponse({"items": [shown_agent(status) for status in pool.all()], "next_cursor": None})

    @router.post("/agents/{agent_id}/state")
    async def set_agent_state(agent_id: str, request: Request) -> Response:
        gate.admin(request)
        wanted = model_of(AgentStateBody, await request.body())
        try:
            done = pool.request_state(agent_id, wanted.state, clock.now(), wanted.reason)
        except UnknownAgent as error:
            raise NotFound(str(error)) from error
        except StateNotChosen as error:
            raise Unprocessable(str(error)) from error
        if not done:
            raise InvalidState(f"agent {agent_id} is on a call; {wanted.state} is set when it ends")
        return JSONResponse(shown_agent(pool.status(agent_id)))

    @router.get("/callbacks/{callback_id}")
    async def callback(callback_id: str, request: Request) -> Response:
        caller = gate.admin(request)
        found = await dialer.booking.get(callback_id)
        caller.allow(found.service)
        dials, history = await dialer.booking.story(callback_id)
        shown = plain(found) | {
            "dials": [plain(dial) for dial in dials],
            "history": [plain(entry) for entry in history],
        }
        return JSONResponse(shown)

    @router.patch("/callbacks/{callback_id}")
    async def reschedule(callback_id: str, request: Request) -> Response:
        caller = gate.admin(request)
        caller.allow((await dialer.booking.get(callback_id)).service)
        wish = model_of(TimeBody, await request.body())
        moved = await dialer.booking.rescheduling.move(callback_id, wish.desired_time, Actor.ADMIN, user=caller.name)
        return JSONResponse(plain(moved))

    @router.post("/callbacks/{callback_id}/cancel")
    async def cancel(callback_id: str, request: Request) -> Response:
        caller = gate.admin(request)
        caller.allow((await dialer.booking.get(callback_id)).service)
        cancelled = await dialer.booking.cancel(callback_id, Actor.ADMIN, user=caller.name)
        return JSONResponse(plain(cancelled))

    return router


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


def model_of(kind: type[Model], body: bytes) -> Model:
    """A JSON body as a model; an empty one as an empty object.

    Raises Unprocessable: naming the first member that cannot be used.
    """
    try:
        return kind.model_validate_json(body.strip() or b"{}")
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "body"
        raise Unprocessable(f"{place}: {detail['msg']}") from error
