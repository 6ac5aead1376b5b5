"""What an agent is asked, and the answers: previews, and what came of a talk (api.md §5.5).

`{id}` is the callback's. `?agent=ID` says who answers: then only that agent's own questions can be answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.auth import Gatekeeper, callback_for
from dialer.api.body import model_of
from dialer.api.part import Dialer
from dialer.booking import InvalidState, Refused
from dialer.clock import stamp
from dialer.scenario import Disposition, NotAsked, PreviewAnswer, Question, RejectNotAllowed

LONGEST_SNOOZE_S = 30 * 86400.0


class Gone(Refused):
    """Nobody asks this any more."""

    http_status: ClassVar[int] = 410


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcceptBody(_Body):
    """The agent takes the callback."""


class RejectBody(_Body):
    """Why the agent does not take it."""

    reason: str = Field(default="", max_length=200)


class DispositionBody(_Body):
    """What came of the talk. Codes OK, WRONG_PARTY, WRONG_NUMBER, DO_NOT_CALL, SNOOZE, or the operator's own."""

    code: str = Field(default="OK", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    category: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=2000)
    snooze_s: float | None = Field(default=None, ge=0, le=LONGEST_SNOOZE_S)

    @model_validator(mode="after")
    def _only_snoozed(self) -> DispositionBody:
        if self.snooze_s is not None and self.code != "SNOOZE":
            raise ValueError("snooze_s goes with code SNOOZE alone")
        return self


def desk_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/api/v1/agent`."""
    router = APIRouter(prefix="/api/v1/agent")
    _route_previews(router, dialer, gate)

    @router.post("/calls/{callback_id}/disposition")
    async def disposition(callback_id: str, request: Request, agent: str | None = None) -> Response:
        await callback_for(gate, request, dialer.booking, callback_id)
        said = await model_of(DispositionBody, request)
        with _refusals(callback_id):
            dialer.house.desk.dispose(callback_id, Disposition(**said.model_dump()), agent)
        return JSONResponse({"id": callback_id, "code": said.code})

    return router


def _route_previews(router: APIRouter, dialer: Dialer, gate: Gatekeeper) -> None:
    desk, clock = dialer.house.desk, dialer.house.clock

    async def allow(request: Request, callback_id: str) -> None:
        await callback_for(gate, request, dialer.booking, callback_id)

    @router.get("/previews")
    async def previews(request: Request, agent: str | None = None) -> Response:
        gate.admin(request)
        asked = [q for q in desk.previews() if agent in {None, q.agent_id}]
        return JSONResponse({"items": [shown(q, clock.now()) for q in asked], "next_cursor": None})

    @router.get("/previews/{callback_id}")
    async def preview(callback_id: str, request: Request, agent: str | None = None) -> Response:
        await allow(request, callback_id)
        with _refusals(callback_id):
            return JSONResponse(shown(desk.preview(callback_id, agent), clock.now()))

    @router.post("/previews/{callback_id}/accept")
    async def accept(callback_id: str, request: Request, agent: str | None = None) -> Response:
        await allow(request, callback_id)
        await model_of(AcceptBody, request)
        with _refusals(callback_id):
            desk.accept(callback_id, agent)
        return JSONResponse({"id": callback_id, "accepted": True})

    @router.post("/previews/{callback_id}/reject")
    async def reject(callback_id: str, request: Request, agent: str | None = None) -> Response:
        await allow(request, callback_id)
        said = await model_of(RejectBody, request)
        with _refusals(callback_id):
            desk.reject(callback_id, agent, said.reason)
        return JSONResponse({"id": callback_id, "accepted": False})


def shown(question: Question[PreviewAnswer], now: datetime) -> dict[str, Any]:
    """A preview as an agent's desk shows it."""
    assert question.until is not None
    return {
        "id": question.callback.id,
        "agent": question.agent_id,
        **question.data,
        "until": stamp(question.until),
        "seconds_left": round(max(0.0, (question.until - now).total_seconds()), 1),
        "may_reject": question.may_reject,
    }


@contextmanager
def _refusals(callback_id: str) -> Iterator[None]:
    try:
        yield
    except NotAsked as error:
        message = f"nobody asks about callback {callback_id} (any more): it was answered, timed out or was cancelled"
        raise Gone(message) from error
    except RejectNotAllowed as error:
        raise InvalidState("previews of this service cannot be rejected (preview_max_rejects = 0)") from error
