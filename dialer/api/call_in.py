"""Access numbers over the first-generation API: asked for, asked for a callback, and matched by a PBX (api.md §2.7)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dialer.api.answer import V1Json
from dialer.api.auth import Gatekeeper
from dialer.api.body import parameters_of
from dialer.api.part import Dialer
from dialer.api.v1 import access_of
from dialer.booking import BadParameter, MissingKey, NotFound, open_call_ins
from dialer.callback.call_in import CallInRequest
from dialer.callback.push import PushEvent
from dialer.clock import stamp

SHORTEST_S, LONGEST_S = 5, 1800


def call_in_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/{base}/1/service`."""
    router = APIRouter(prefix=f"/{dialer.config.api.v1.base}/1/service", default_response_class=V1Json)

    @router.post("/request-interaction")
    async def request_interaction(request: Request) -> Response:
        gate.v1(request)
        sent = await parameters_of(request)
        made = await dialer.booking.request_access(
            _text(sent, "_resource_group"),
            from_number=str(sent.get("_customer_number", "")),
            code=_switch(sent, "_provide_code"),
            expiry_s=_expiry(sent),
            user_data={key: value for key, value in sent.items() if not key.startswith("_")},
        )
        return V1Json({"_id": made.id} | _told(made))

    @router.post("/request-access")
    async def request_access(request: Request) -> Response:
        caller = gate.v1(request)
        sent = await parameters_of(request)
        callback = await dialer.booking.get(_text(sent, "_id"))
        caller.allow(callback.service)
        made = await dialer.booking.request_access(str(sent.get("_resource_group", "")), callback_id=callback.id)
        options = dialer.config.options_for(callback)
        dialer.house.pushes.tell(callback, options, PushEvent.CALL_IN_DETAILS, details_of(made))
        return V1Json({"_id": callback.id} | _told(made))

    @router.post("/match-interaction")
    async def match_interaction(request: Request) -> Response:
        gate.v1(request)
        sent = await parameters_of(request)
        found = await matching(dialer, str(sent.get("_access_number", "")), str(sent.get("_access_code", "")))
        return V1Json({**found.user_data, "_id": found.callback_id or found.id})

    return router


async def matching(dialer: Dialer, number: str, code: str) -> CallInRequest:
    """The one active request with this number and code; an empty one of the two is not compared.

    Raises MissingKey, NotFound: when both are empty; when there is none, or more than one.
    """
    if not number and not code:
        raise MissingKey("_access_number or _access_code is missing")
    house = dialer.house
    active = await open_call_ins(house.store, dialer.config, number or None, house.clock.now())
    found = [each for each in active if not code or each.access_code == code]
    if len(found) != 1:
        raise NotFound("no access number and code like these are valid now")
    return found[0]


def details_of(made: CallInRequest) -> dict[str, str]:
    """What the customer's device is told of a number that was handed out (api.md §4)."""
    details = {
        "callInRequestId": made.id,
        "toPhoneNumber": made.to_number,
        "expirationTime": str(int(made.expires_at.timestamp())),
    }
    return details | ({"accessCode": made.access_code} if made.access_code else {})


def _told(made: CallInRequest) -> dict[str, str]:
    return access_of(made.to_number, made.access_code, stamp(made.expires_at))


def _text(sent: dict[str, Any], key: str) -> str:
    value = str(sent.get(key, "")).strip()
    if not value:
        raise MissingKey(f"{key} is missing")
    return value


def _switch(sent: dict[str, Any], key: str) -> bool | None:
    value = str(sent.get(key, "")).lower()
    if value not in {"", "true", "false"}:
        raise BadParameter(f"{key} is true or false, not {value!r}")
    return None if not value else value == "true"


def _expiry(sent: dict[str, Any]) -> float | None:
    value = sent.get("_booking_expiration_timeout")
    if value in {None, ""}:
        return None
    try:
        seconds = float(str(value))
    except ValueError as error:
        raise BadParameter(f"_booking_expiration_timeout is seconds, not {value!r}") from error
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise BadParameter(f"_booking_expiration_timeout is {SHORTEST_S} to {LONGEST_S} s")
    return seconds
