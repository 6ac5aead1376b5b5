"""The Callback Interaction resource over HTTP: callbacks and their calls read, foreign interactions kept (api.md §5.6).

What is imported here is only kept: no call is made of it, whatever its state or its call result says.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any, Final, Literal, Self

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.auth import Caller, Forbidden, Gatekeeper
from dialer.api.body import model_of
from dialer.api.part import Dialer
from dialer.booking import InvalidState, NotFound, Unavailable
from dialer.callback.call_leg import legs_of
from dialer.callback.interaction_view import WRITABLE, interaction_id, interaction_of, legs_shown
from dialer.callback.record import Callback
from dialer.clock import stamp
from dialer.store import DuplicateCallback, KeptInteraction, VersionConflict

TEXT: Final = 256
LONG_TEXT: Final = 64 * 1024
LARGEST_UDATA: Final = 64 * 1024

CHANGE_TRIES: Final = 5  # a running callback changes a few times a second at most

Short = Field(default=None, max_length=TEXT)


class Writable(BaseModel):
    """What clients may change of any interaction."""

    model_config = ConfigDict(extra="forbid")

    category_id: str | None = Short
    subject: str | None = Short
    text: str | None = Field(default=None, max_length=LONG_TEXT)
    structured_text: str | None = Field(default=None, max_length=2048)
    structured_text_mime: str | None = Short
    binary_content: str | None = Field(default=None, max_length=2048)
    binary_content_mime: str | None = Short
    binary_content_size: int | None = Field(default=None, ge=0)
    external_id: str | None = Short
    udata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.structured_text and not self.structured_text_mime:
            raise ValueError("structured_text needs structured_text_mime")
        if self.binary_content and (not self.binary_content_mime or self.binary_content_size is None):
            raise ValueError("binary_content needs binary_content_mime and binary_content_size")
        if len(json.dumps(self.udata)) > LARGEST_UDATA:
            raise ValueError(f"udata is longer than {LARGEST_UDATA} bytes")
        return self


class Imported(Writable):
    """An interaction of another system, with the fields of records.md §5; those left out get the first value named."""

    interaction_id: str = Field(default_factory=lambda: str(uuid.uuid4()), pattern=r"^[A-Za-z0-9@._:-]{1,128}$")
    entity_type: Literal[0, 1, 2, 3, 5, 6, 7]
    type: str = Field(max_length=TEXT)
    sub_type: str | None = Short
    media_type: str | None = Short
    desired_response_type: Literal["Voice", "VoIP", "Email"] = "Voice"
    start_time: AwareDatetime
    end_time: AwareDatetime | None = None
    customer_number: str = Field(min_length=1, max_length=TEXT)
    customer_id: str | None = Short
    attempts: int = Field(default=0, ge=0)
    dn: str | None = Short
    location: str | None = Short
    callback_server_id: str | None = Short
    callback_status: int = Field(default=0, ge=0, le=14)
    call_result: int = Field(default=0, ge=0, le=53)
    callback_type: Literal[0, 1, 2] = 0
    status: Literal[0, 1, 2, 3] = 3
    parent_id: str | None = Short
    thread_id: str | None = Short
    owner_id: int | None = None
    creator_app_id: int | None = Field(default=None, ge=0)
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    timeshift: int | None = None
    allow_children: bool = True
    stopped_reason: str | None = Short


def interaction_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/api/v1/interactions`."""
    router = APIRouter(prefix="/api/v1/interactions")
    desk = _Desk(dialer)

    @router.post("")
    async def add(request: Request) -> Response:
        caller = gate.admin(request)
        if caller.services:
            raise Forbidden(f"{caller.name} may use some services only; interactions belong to none")
        kept = await desk.add(await model_of(Imported, request))
        return JSONResponse(desk.shown_foreign(kept), status_code=201)

    @router.get("/{wanted}")
    async def show(wanted: str, request: Request) -> Response:
        return JSONResponse(await desk.show(gate.admin(request), wanted))

    @router.patch("/{wanted}")
    async def change(wanted: str, request: Request) -> Response:
        caller = gate.admin(request)
        return JSONResponse(await desk.change(caller, wanted, await model_of(Writable, request)))

    @router.get("/{wanted}/children")
    async def children(wanted: str, request: Request) -> Response:
        items = await desk.children(gate.admin(request), wanted)
        return JSONResponse({"items": items, "next_cursor": None})

    return router


class _Desk:
    """Interactions as the store has them."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._store = dialer.house.store

    async def add(self, body: Imported) -> KeptInteraction:
        """Keeps a foreign interaction.

        Raises InvalidState: when there is one with its id already, or a callback has it.
        """
        now = self._dialer.house.clock.now()
        data = plain(body.model_dump(exclude_none=True))
        defaults = {
            "customer_id": body.customer_number,
            "creator_app_id": self._dialer.config.server.app_id,
            "start_date": stamp(now),
        }
        kept = KeptInteraction(
            id=body.interaction_id, created_at=now, parent_id=body.parent_id, data={**defaults, **data}
        )
        if await self._callback(body.interaction_id) is not None:
            raise InvalidState(f"{body.interaction_id} is the interaction of a callback")
        try:
            await self._store.add_interaction(kept)
        except DuplicateCallback as taken:
            raise InvalidState(f"there is an interaction {body.interaction_id} already") from taken
        return kept

    async def show(self, caller: Caller, wanted: str) -> dict[str, Any]:
        """An interaction by its id; a callback also by its own."""
        callback = await self._callback(wanted)
        if callback is not None:
            caller.allow(callback.service)
            return await self._shown(callback)
        return self.shown_foreign(await self._foreign(wanted))

    async def change(self, caller: Caller, wanted: str, body: Writable) -> dict[str, Any]:
        """Writes what clients may write; user data are merged."""
        given = {name: getattr(body, name) for name in body.model_fields_set & WRITABLE}
        udata = given.pop("udata", None)
        callback = await self._callback(wanted)
        if callback is None:
            kept = await self._foreign(wanted)
            if udata is not None:
                given["udata"] = {**kept.data.get("udata", {}), **udata}
            return self.shown_foreign(await self._store.merge_interaction(_with(kept, given)))
        caller.allow(callback.service)
        now = self._dialer.house.clock.now()
        if udata:
            callback = await self._merge(callback, udata, now)
        if given:
            await self._store.merge_interaction(
                KeptInteraction(
                    id=interaction_id(callback.id), created_at=now, callback_id=callback.id, data=plain(given)
                )
            )
        return await self._shown(callback)

    async def _merge(self, callback: Callback, udata: dict[str, Any], now: datetime) -> Callback:
        """Lays user data over those of a callback, which may be running."""
        for _ in range(CHANGE_TRIES):
            data = {"user_data": {**callback.user_data, **udata}}
            try:
                return await self._store.update(callback.id, callback.version, now=now, changes=data)
            except VersionConflict:
                callback = await self._dialer.booking.get(callback.id)
        raise Unavailable(f"{callback.id} keeps changing; try again")

    async def children(self, caller: Caller, wanted: str) -> list[dict[str, Any]]:
        """The calls of a callback, and whatever else names it as predecessor."""
        callback = await self._callback(wanted)
        if callback is None:
            kept = await self._foreign(wanted)
            return [self.shown_foreign(child) for child in await self._store.interactions_of(kept.id)]
        caller.allow(callback.service)
        app_id = self._dialer.config.server.app_id
        told = legs_of(await self._store.journal(callback.id))
        legs = legs_shown(callback, await self._store.attempts(callback.id), told, app_id=app_id)
        foreign = await self._store.interactions_of(interaction_id(callback.id))
        return [*map(plain, legs), *map(self.shown_foreign, foreign)]

    def shown_foreign(self, kept: KeptInteraction) -> dict[str, Any]:
        """A foreign interaction as JSON carries it."""
        return plain(dict(kept.data))

    async def _shown(self, callback: Callback) -> dict[str, Any]:
        config = self._dialer.config
        added = await self._store.interaction(interaction_id(callback.id))
        options = config.services.get(callback.service)
        return plain(interaction_of(callback, options, added.data if added else {}, app_id=config.server.app_id))

    async def _callback(self, wanted: str) -> Callback | None:
        """The callback that is meant, by its own id or by its interaction's."""
        found = await self._store.get(wanted)
        if found is None:
            callback_id = await self._store.callback_by_uuid(wanted)
            found = await self._store.get(callback_id) if callback_id else None
        return found

    async def _foreign(self, wanted: str) -> KeptInteraction:
        kept = await self._store.interaction(wanted)
        if kept is None:
            raise NotFound(f"there is no interaction {wanted}")
        return kept


def _with(kept: KeptInteraction, data: dict[str, Any]) -> KeptInteraction:
    return KeptInteraction(id=kept.id, created_at=kept.created_at, parent_id=kept.parent_id, data=plain(data))


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Times as the APIs write them."""
    return {name: stamp(value) if isinstance(value, datetime) else value for name, value in fields.items()}
