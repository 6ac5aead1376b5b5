"""POSTs one body to one URL and says as a value what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

SUCCESS: Final = 200  # options.md §2.8: success is exactly 200
TOO_MANY: Final = 429  # RFC 6585 §4
CONNECTIONS: Final = 32
REFUSED_FOR_GOOD: Final = range(400, 500)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message.

    Attributes:
        accepted: the other side took it.
        detail: in words, for the history.
        again: another try may succeed.
        tries: how often it was tried.
    """

    accepted: bool
    detail: str
    again: bool = False
    tries: int = 1


class Poster:
    """Keeps connections open between messages. Belongs to one event loop; `close` it at the end."""

    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._client = httpx.AsyncClient(limits=limits, follow_redirects=False, trust_env=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Delivery:
        """One try, over after `timeout_s` whatever the other side does; its answer's body is not read.

        Args:
            url: http or https.
            body: JSON.
            headers: besides `Content-Type`.
            timeout_s: for all of it, seconds.
        """
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._client.stream(
                    "POST", url, content=body, headers={"Content-Type": "application/json", **headers}, timeout=None
                ) as answer,
            ):
                status = answer.status_code
        except TimeoutError:
            return Delivery(False, f"no answer within {timeout_s:g} s", again=True)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            return Delivery(False, str(fault) or type(fault).__name__, again=not isinstance(fault, httpx.InvalidURL))
        if status == SUCCESS:
            return Delivery(True, "200")
        return Delivery(False, f"answered {status}", again=status == TOO_MANY or status not in REFUSED_FOR_GOOD)

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()
