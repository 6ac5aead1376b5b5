"""Commands on a call while customer and agent talk, for the agent's desk and for operators (api.md §5.5).

`{id}` is the callback's. An answer of 202 says that somebody is being called; how that goes is seen at `GET`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.auth import Gatekeeper, callback_for
from dialer.api.body import model_of
from dialer.api.part import Dialer, TalkCommands
from dialer.booking import InvalidState
from dialer.scenario import TalkRefused


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(_Body):
    """A command without parameters."""


class TransferBody(_Body):
    """Where to: an agent, a service, a target, a number; empty: who is being consulted."""

    target: str = Field(default="", max_length=200)
    attended: bool = False


class ConferenceBody(_Body):
    """Whom to bring in; empty: who is being consulted."""

    target: str = Field(default="", max_length=200)


class HangupBody(_Body):
    """Whose part to end; empty: the whole call."""

    party: str = Field(default="", max_length=200)


class RecordBody(_Body):
    """What the recording shall do."""

    state: Literal["on", "pause", "off"]


class DigitsBody(_Body):
    """What to send to the customer."""

    digits: str


def calls_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/api/v1/agent/calls`."""
    router = APIRouter(prefix="/api/v1/agent/calls/{callback_id}")

    async def talk_of(request: Request, callback_id: str) -> TalkCommands:
        _, found = await callback_for(gate, request, dialer.booking, callback_id)
        talk = dialer.status.talk(callback_id)
        if talk is None:
            raise InvalidState(f"callback {callback_id} is {found.state}: nobody talks in it on this node")
        return talk

    @router.get("")
    async def show(callback_id: str, request: Request) -> Response:
        return JSONResponse((await talk_of(request, callback_id)).snapshot())

    def command(name: str, status: int, act: Callable[[TalkCommands, Request], Awaitable[None]]) -> None:
        @router.post(f"/{name}", name=f"call_{name}")
        async def carry_out(callback_id: str, request: Request) -> Response:
            talk = await talk_of(request, callback_id)
            try:
                await act(talk, request)
            except TalkRefused as refusal:
                raise InvalidState(str(refusal)) from refusal
            return JSONResponse(talk.snapshot(), status_code=status)

    for name, (status, act) in COMMANDS.items():
        command(name, status, act)
    return router


async def _hold(talk: TalkCommands, request: Request) -> None:
    await model_of(Nothing, request)
    await talk.hold()


async def _retrieve(talk: TalkCommands, request: Request) -> None:
    await model_of(Nothing, request)
    await talk.retrieve()


async def _transfer(talk: TalkCommands, request: Request) -> None:
    wish = await model_of(TransferBody, request)
    await talk.transfer(wish.target, attended=wish.attended)


async def _conference(talk: TalkCommands, request: Request) -> None:
    await talk.conference((await model_of(ConferenceBody, request)).target)


async def _hangup(talk: TalkCommands, request: Request) -> None:
    await talk.hangup((await model_of(HangupBody, request)).party)


async def _record(talk: TalkCommands, request: Request) -> None:
    await talk.record((await model_of(RecordBody, request)).state)


async def _dtmf(talk: TalkCommands, request: Request) -> None:
    await talk.dtmf((await model_of(DigitsBody, request)).digits)


COMMANDS: dict[str, tuple[int, Callable[[TalkCommands, Request], Awaitable[None]]]] = {
    "hold": (200, _hold),
    "retrieve": (200, _retrieve),
    "transfer": (202, _transfer),
    "conference": (202, _conference),
    "hangup": (200, _hangup),
    "record": (200, _record),
    "dtmf": (200, _dtmf),
}
"""Commands by the last element of their path, with the status that answers one that was taken."""
