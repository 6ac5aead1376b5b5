"""Commands on a call while customer and agent talk, for the agent's desk and for operators (api.md §5.5).

`{id}` is the callback's. An answer of 202 says that somebody is being called; how that goes is seen at `GET`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.admin import Unprocessable
from dialer.api.auth import Gatekeeper
from dialer.api.part import Dialer, TalkCommands
from dialer.booking import InvalidState
from dialer.scenario import TalkRefused


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


Body = TypeVar("Body", bound=_Body)


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
        caller = gate.admin(request)
        found = await dialer.booking.get(callback_id)
        caller.allow(found.service)
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
    await _read(request, Nothing)
    await talk.hold()


async def _retrieve(talk: TalkCommands, request: Request) -> None:
    await _read(request, Nothing)
    await talk.retrieve()


async def _transfer(talk: TalkCommands, request: Request) -> None:
    wish = await _read(request, TransferBody)
    await talk.transfer(wish.target, attended=wish.attended)


async def _conference(talk: TalkCommands, request: Request) -> None:
    await talk.conference((await _read(request, ConferenceBody)).target)


async def _hangup(talk: TalkCommands, request: Request) -> None:
    await talk.hangup((await _read(request, HangupBody)).party)


async def _record(talk: TalkCommands, request: Request) -> None:
    await talk.record((await _read(request, RecordBody)).state)


async def _dtmf(talk: TalkCommands, request: Request) -> None:
    await talk.dtmf((await _read(request, DigitsBody)).digits)


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


async def _read(request: Request, kind: type[Body]) -> Body:
    """The body as its model; an empty one has all defaults."""
    try:
        return kind.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "body"
        raise Unprocessable(f"{place}: {detail['msg']}") from error
