"""One layer around every request: correlation id, body limit, metrics, and an answer when the dialer itself fails."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dialer.api.answer import body_too_large, family_of, internal_error
from dialer.api.metric import HttpMetrics

_log = logging.getLogger(__name__)

HEADER: Final = "x-correlation-id"
MAX_BODY_BYTES: Final = 64 * 1024  # api.md §1
CLIENT_GONE: Final = 499  # as the metrics of web servers count clients that hang up before the answer
_TAKEN_OVER: Final = re.compile(r"[A-Za-z0-9-]{8,64}")  # api.md §1


class BodyTooLarge(Exception):  # noqa: N818 - an answer, not a fault
    """The body has more than 64 KiB."""


class Correlation:
    """ASGI middleware; the outermost of the application.

    Args:
        app: what it surrounds.
        base: first path element of v1, by which families are told apart.
        metrics: counts every answer.
    """

    def __init__(self, app: ASGIApp, base: str, metrics: HttpMetrics) -> None:
        self._app = app
        self._base = base
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        family = family_of(scope["path"], self._base)
        began = time.perf_counter()
        try:
            if exchange.announced_bytes > MAX_BODY_BYTES:
                await body_too_large(family, exchange.id)(scope, receive, exchange.send)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.status = CLIENT_GONE  # nobody is left to answer
        except Exception as error:
            if exchange.status:
                raise  # half an answer is out; the connection has to be cut
            if not isinstance(error, BodyTooLarge):
                _log.exception("request %s failed", exchange.id)
            answer = body_too_large if isinstance(error, BodyTooLarge) else internal_error
            await answer(family, exchange.id)(scope, receive, exchange.send)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.count(family, route, scope["method"], exchange.status, time.perf_counter() - began)


class _Exchange:
    """One request and its answer: counts the body, puts the id on the answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get(HEADER, "")
        self.id = given if _TAKEN_OVER.fullmatch(given) else str(uuid.uuid4())
        announced = headers.get("content-length", "")
        self.announced_bytes = int(announced) if announced.isdigit() else 0
        self.status = 0
        self._received = 0
        self._receive, self._send = receive, send
        scope.setdefault("state", {})["correlation_id"] = self.id

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > MAX_BODY_BYTES:
            raise BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            MutableHeaders(scope=message)[HEADER] = self.id
        await self._send(message)
