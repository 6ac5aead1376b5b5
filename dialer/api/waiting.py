"""How long a queue is: waiting times, positions, and how full it is (api.md §2.7, §5.4)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.answer import V1Json
from dialer.api.auth import Gatekeeper
from dialer.api.part import Dialer
from dialer.booking import UnknownService
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import State
from dialer.routing import Watermark

NOT_IN_QUEUE = -1


def queue_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """Routes under `/api/v1/queues/{name}`."""
    router = APIRouter(prefix="/api/v1/queues/{name}")

    def service(name: str, request: Request) -> ServiceOptions:
        gate.admin(request).allow(name)
        options = dialer.config.services.get(name)
        if options is None:
            raise UnknownService(f"there is no queue {name}")
        return options

    @router.get("/watermark")
    async def watermark(name: str, request: Request) -> Response:
        limit = service(name, request).max_open
        counts = await dialer.house.store.counts()
        value = sum(count for (queue, state), count in counts.items() if queue == name and state is not State.COMPLETED)
        mark = Watermark(value, limit)
        return JSONResponse({"outcome": mark.outcome, "value": mark.value, "limit": mark.limit})

    @router.get("/live")
    async def live(name: str, request: Request) -> Response:
        service(name, request)
        waits, now = dialer.house.waits, dialer.house.clock.now()
        estimate = waits.of_queue(name, now)
        known = estimate is not None and estimate.seconds is not None
        agents = waits.agents_of(name)
        return JSONResponse(
            {
                "ewt_s": tenths(estimate.seconds) if estimate is not None and known else None,
                "ewt_low_s": tenths(estimate.low) if estimate is not None and known else None,
                "ewt_high_s": tenths(estimate.high) if estimate is not None and known else None,
                "in_queue": waits.waiting_in(name),
                "open_at": None,
                "close_at": None,
                "agents_logged_in": None if agents is None else agents[1],
                "available": estimate is not None,
            }
        )

    return router


def position_router(dialer: Dialer, gate: Gatekeeper) -> APIRouter:
    """`GET /{base}/1/service/{id}/check-queue-position`."""
    router = APIRouter(prefix=f"/{dialer.config.api.v1.base}/1/service", default_response_class=V1Json)

    @router.get("/{callback_id}/check-queue-position")
    async def check_queue_position(callback_id: str, request: Request) -> Response:
        caller = gate.v1(request)
        callback = await dialer.booking.get(callback_id)
        caller.allow(callback.service)
        return V1Json(shown_position(dialer, callback))

    return router


def shown_position(dialer: Dialer, callback: Callback) -> dict[str, Any]:
    """A callback's place as v1 tells it; -1 for position and time when it stands in no queue of this node."""
    waits, now = dialer.house.waits, dialer.house.clock.now()
    estimate = waits.of_callback(callback, now)
    known = estimate is not None and estimate.seconds is not None
    return {
        "_position": NOT_IN_QUEUE if estimate is None else estimate.position,
        "_eta": tenths(estimate.seconds) if estimate is not None and known else NOT_IN_QUEUE,
        "_total_waiting": waits.waiting_in(callback.service),
        "_agent_ready_threshold_passed": estimate is not None and waits.may_begin(callback, now),
    }


def tenths(seconds: float | None) -> float | None:
    """Seconds with one decimal (records.md §10)."""
    return None if seconds is None else round(seconds, 1)
