"""The first-generation API: create, query, cancel (api.md §2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dialer.api.answer import V1_HEADERS, V1Json
from dialer.api.auth import Caller, Gatekeeper
from dialer.api.body import parameters_of
from dialer.api.part import Dialer
from dialer.booking import BadParameter, CreateRequest, operand_of, v1_record
from dialer.callback.call_in import CallInRequest
from dialer.callback.record import SCHEDULED, Callback
from dialer.callback.state import Actor
from dialer.clock import stamp

__all__ = ["created", "handed_out", "record", "v1_router"]

NOW_TEXT = "You will receive the call shortly"
CALL_TEXT = "Please call the number that is shown"
NEW_TIME, KEEP_TIME = "_new_desired_time", "_keep_time"
LATER_TEXT = "You will receive the call at the time you asked for"


def v1_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/{base}/1/service`."""
    base = f"/{dialer.config.api.v1.base}/1"
    router = APIRouter(prefix=f"{base}/service/callback", default_response_class=V1Json)
    _route_changes(router, dialer, gate)

    @router.post("/{service}")
    async def create(service: str, request: Request) -> Response:
        gate.v1(request).allow(service)
        wish = CreateRequest(service, await parameters_of(request), headers=dict(request.headers), origin="api_v1")
        options = dialer.config.services.get(service)
        if options is not None and options.type == "builtin":
            return V1Json(handed_out(await dialer.booking.hand_out(wish)))
        callback = await dialer.booking.create(wish)
        dialer.status.submit(callback)
        return V1Json(created(callback))

    @router.get("")
    async def query_all(request: Request) -> Response:
        caller = gate.v1(request)
        found = await _find(dialer, request, None)
        return V1Json([record(dialer, c) for c in found if _visible(caller, c)])

    @router.get("/{service}")
    async def query(service: str, request: Request) -> Response:
        gate.v1(request).allow(service)
        return V1Json([record(dialer, c) for c in await _find(dialer, request, service)])

    return router


def _route_changes(router: APIRouter, dialer: Dialer, gate: Gatekeeper) -> None:
    @router.put("/{service}/{callback_id}")
    async def reschedule(service: str, callback_id: str, request: Request) -> Response:
        gate.v1(request).allow(service)
        wish = await parameters_of(request)
        unknown = sorted(wish.keys() - {NEW_TIME, KEEP_TIME})
        if unknown:
            raise BadParameter(f"{', '.join(unknown)}: this version changes the time of a callback alone ({NEW_TIME})")
        if str(wish.get(KEEP_TIME, "false")).lower() == "true":
            return V1Json(record(dialer, await dialer.booking.get(callback_id, service)))
        time = wish.get(NEW_TIME)
        moved = await dialer.booking.rescheduling.move(
            callback_id, None if time is None else str(time), service=service
        )
        return V1Json(record(dialer, moved))

    @router.delete("/{service}/{callback_id}")
    async def cancel(service: str, callback_id: str, request: Request) -> Response:
        gate.v1(request).allow(service)
        _switch(request, "discard_ors_failure")
        await dialer.booking.cancel(callback_id, Actor.API, service=service)
        return Response(status_code=200, headers=V1_HEADERS, media_type=V1Json.media_type)


def created(callback: Callback) -> dict[str, str]:
    """The answer to a create (checklist D-31); with the number to call, where the customer dials in (D-07)."""
    text = LATER_TEXT if callback.type == SCHEDULED else NOW_TEXT
    if callback.access:
        access = callback.access
        expires = stamp(datetime.fromisoformat(access["expires_at"]))
        return _dialog(callback.id, CALL_TEXT) | access_of(access["number"], access.get("code"), expires)
    return _dialog(callback.id, text)


def handed_out(request: CallInRequest) -> dict[str, str]:
    """The answer of a service of type `builtin`: number and code, no callback."""
    expires = stamp(request.expires_at)
    return _dialog(request.id, CALL_TEXT) | access_of(request.to_number, request.access_code, expires)


def _dialog(identity: str, text: str) -> dict[str, str]:
    return {"_id": identity, "_dialog_id": "0", "_action": "ConfirmationDialog", "_text": text, "_ok_title": "Ok"}


def access_of(number: str, code: str | None, expires: str) -> dict[str, str]:
    """The keys that tell a customer which number to call, and with which code."""
    shown = {"_access_number": number, "_expiration_time": expires}
    return shown | ({"_access_code": code} if code else {})


def record(dialer: Dialer, callback: Callback) -> dict[str, Any]:
    """A callback as v1 shows it (api.md §2.5)."""
    return v1_record(dialer.config, callback)


async def _find(dialer: Dialer, request: Request, service: str | None) -> list[Callback]:
    keys = dict(request.query_params)
    operand = operand_of(keys.pop("operand", None))
    return await dialer.booking.query(keys, service, operand)


def _visible(caller: Caller, callback: Callback) -> bool:
    return not caller.services or callback.service in caller.services


def _switch(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false").lower()
    if value not in {"true", "false"}:
        raise BadParameter(f"{name} is true or false, not {value!r}")
    return value == "true"
