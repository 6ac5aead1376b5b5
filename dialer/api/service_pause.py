"""Pausing and resuming queues over HTTP (api.md §5.4)."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.auth import Gatekeeper
from dialer.api.body import model_of
from dialer.api.part import Dialer


class PauseBody(BaseModel):
    """How a queue is paused."""

    model_config = ConfigDict(extra="forbid")

    abort_dials: bool = False


def service_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/api/v1/queues/{name}`."""
    router = APIRouter(prefix="/api/v1/queues/{name}")
    pausing = dialer.booking.pausing

    @router.post("/pause")
    async def pause(name: str, request: Request) -> Response:
        caller = gate.admin(request)
        caller.allow(name)
        wish = await model_of(PauseBody, request)
        moved = await pausing.pause(name, abort_dials=wish.abort_dials, user=caller.name)
        return JSONResponse({"name": name, "paused": True, "moved": moved})

    @router.post("/resume")
    async def resume(name: str, request: Request) -> Response:
        caller = gate.admin(request)
        caller.allow(name)
        await model_of(PauseBody, request)
        moved = await pausing.resume(name, user=caller.name)
        return JSONResponse({"name": name, "paused": False, "moved": moved})

    return router
