"""The operator's endpoints: life, readiness, metrics (api.md §5.7). No authentication: they listen apart."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dialer.api.metric import CallbackMetrics
from dialer.api.part import Dialer
from dialer.callback.state import State
from dialer.store import StoreError

_log = logging.getLogger(__name__)

LAG_LIMIT_S: Final = 5.0  # limits are checked once per second (records.md §3); five missed are a fault
DB_LIMIT_S: Final = 2.0


def ops_router(dialer: Dialer, registry: CollectorRegistry, metrics: CallbackMetrics) -> APIRouter:
    """Routes `/healthz`, `/readyz`, `/metrics`."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    @router.get("/readyz")
    async def readyz(_: Request) -> Response:
        status = dialer.status
        checks = {
            "db": await _counts(dialer) is not None and status.store_fault is None,
            "sip": status.sip_up,
            "media": status.media_up,
            "scheduler": status.scheduler_lag_s < LAG_LIMIT_S,
        }
        return JSONResponse(checks, 200 if all(checks.values()) else 503)

    @router.get("/metrics")
    async def scrape(_: Request) -> Response:
        status = dialer.status
        metrics.read(await _counts(dialer) or {}, dialer.house.pool, status.calls_active, status.scheduler_lag_s)
        metrics.read_losses(dialer.house.bus.dropped)
        metrics.read_waits(dialer.house.waits, dialer.house.clock.now())
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def _counts(dialer: Dialer) -> dict[tuple[str, State], int] | None:
    """Callbacks by service and state; None when the store does not answer in time."""
    try:
        async with asyncio.timeout(DB_LIMIT_S):
            return await dialer.house.store.counts()
    except (StoreError, TimeoutError) as error:
        _log.warning("the callback store does not answer: %s", error or f"not within {DB_LIMIT_S} s")
        return None
