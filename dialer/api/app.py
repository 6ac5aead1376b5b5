"""Makes the HTTP applications: the API for clients, and the operator's endpoints on a listener of their own."""

from __future__ import annotations

from http import HTTPStatus
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, disable_created_metrics
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dialer.api.admin import admin_router
from dialer.api.agents_events import agents_events_router, feed_of
from dialer.api.answer import failure, family_of, refusal
from dialer.api.auth import Gatekeeper, NotAuthorized
from dialer.api.call_in import call_in_router
from dialer.api.calls import calls_router
from dialer.api.correlation import Correlation
from dialer.api.customer import customer_router
from dialer.api.desk_preview import desk_router
from dialer.api.interaction import interaction_router
from dialer.api.metric import CallbackMetrics, HttpMetrics
from dialer.api.ops import ops_router
from dialer.api.part import Dialer
from dialer.api.service_pause import service_router
from dialer.api.v1 import v1_router
from dialer.api.waiting import position_router, queue_router
from dialer.booking import Refused
from dialer.events import AgentFeed, Bus


class _Metrics:
    """One registry for all doors of one dialer."""

    def __init__(self, dialer: Dialer) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter that nobody reads
        self.registry = CollectorRegistry()
        self.http = HttpMetrics(self.registry)
        self.callbacks = CallbackMetrics(self.registry, dialer.config)
        dialer.house.bus.subscribe(self.callbacks.hear)


_metrics_by_bus: WeakKeyDictionary[Bus, _Metrics] = WeakKeyDictionary()


def create_app(dialer: Dialer) -> FastAPI:
    """The API for clients: v1 under its base, the admin API under `/api/v1`."""
    app = FastAPI(
        title="Callback dialer",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
    )
    gate = Gatekeeper(dialer.config)
    if dialer.config.api.v1.enabled:
        app.include_router(call_in_router(dialer, gate))
        app.include_router(v1_router(dialer, gate))
        app.include_router(position_router(dialer, gate))
    app.include_router(admin_router(dialer, gate))
    app.include_router(queue_router(dialer, gate))
    app.include_router(interaction_router(dialer, gate))
    app.include_router(calls_router(dialer, gate))
    app.include_router(desk_router(dialer, gate))
    app.include_router(service_router(dialer, gate))
    app.include_router(customer_router(dialer))
    app.state.agent_feed = feed_of(dialer)
    app.include_router(agents_events_router(dialer, gate, app.state.agent_feed))
    return _finished(app, dialer)


def end_streams(app: FastAPI) -> None:
    """Ends the event streams of an application that is about to stop; else its server would wait for their readers."""
    if isinstance(getattr(app.state, "agent_feed", None), AgentFeed):
        app.state.agent_feed.close()


def create_ops_app(dialer: Dialer) -> FastAPI:
    """Life, readiness and metrics; without authentication, so it listens apart."""
    app = FastAPI(
        title="Callback dialer operations", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    metrics = _metrics_of(dialer)
    app.include_router(ops_router(dialer, metrics.registry, metrics.callbacks))
    return _finished(app, dialer)


def _finished(app: FastAPI, dialer: Dialer) -> FastAPI:
    """Adds what every door has: errors in the family's form, correlation id, limits, metrics."""
    base = dialer.config.api.v1.base

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        answer = refusal(family_of(request.url.path, base), error, request.state.correlation_id)
        if isinstance(error, NotAuthorized):
            answer.headers["WWW-Authenticate"] = error.challenge
        return answer

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        family = family_of(request.url.path, base)
        detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else _words(error, request)
        return failure(family, error.status_code, detail, request.state.correlation_id, error.headers)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, failed)
    app.add_middleware(Correlation, base=base, metrics=_metrics_of(dialer).http)
    return app


def _words(error: HTTPException, request: Request) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"there is nothing at {request.url.path}"
    return f"{request.method} {request.url.path}: {error.detail}"


def _metrics_of(dialer: Dialer) -> _Metrics:
    """The registry of a dialer, made once: both applications count into it."""
    bus = dialer.house.bus
    if bus not in _metrics_by_bus:
        _metrics_by_bus[bus] = _Metrics(dialer)
    return _metrics_by_bus[bus]
