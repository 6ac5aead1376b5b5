"""What customers' devices call: acknowledging a push, answering a question (api.md §4).

Nobody is asked for a key here: who has the message has its id; an answer needs the one-time token that came with it.
"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.body import model_of
from dialer.api.part import Dialer
from dialer.callback.push import Answer


class AnswerBody(BaseModel):
    """The customer's answer; the token may stand in the address instead."""

    model_config = ConfigDict(extra="forbid")

    answer: Answer
    token: str = ""


def customer_router(dialer: Dialer) -> APIRouter:
    """Routes under `/api/v1/customer`."""
    router = APIRouter(prefix="/api/v1/customer")

    @router.post("/push/{push_id}/ack")
    async def ack(push_id: str) -> Response:
        await dialer.booking.answers.ack(push_id)
        return Response(status_code=204)

    @router.post("/callbacks/{callback_id}/answer")
    async def answer(callback_id: str, request: Request) -> Response:
        said = await model_of(AnswerBody, request)
        token = said.token or request.query_params.get("token", "")
        callback = await dialer.booking.answers.answer(callback_id, token, said.answer)
        return JSONResponse({"id": callback.id, "state": str(callback.state), "answer": str(said.answer)})

    return router
