"""A customer's device as a real HTTP server: takes pushes, checks who signed them, and answers as its owner would."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Self

import httpx

SECRET = "between the dialer and the device"


class Device:
    """Listens on loopback; every push it takes is in `messages`.

    Attributes:
        reply: what its owner answers to a question: yes, no, later; None says nothing.
        status: with which HTTP status pushes are taken.
        acknowledges: whether it acknowledges.
        takes_states: it is no device, but a subscriber to state events.
    """

    def __init__(self, reply: str | None = None, *, status: int = 200, acknowledges: bool = True) -> None:
        self.reply = reply
        self.status = status
        self.acknowledges = acknowledges
        self.takes_states = False
        self.messages: list[dict[str, str]] = []
        self.answered: list[httpx.Response] = []
        self.badly_signed = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def table(self) -> str:
        """Its channel as TOML."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f'[push.http.app]\nurl = "http://127.0.0.1:{port}/push"\nsecret = "{SECRET}"\ntimeout_s = 2\n'

    def states(self, callback_id: str) -> list[dict[str, str]]:
        """The state events of one callback, in the order in which they came."""
        return [message for message in self.messages if message["_id"] == callback_id]

    def of_state(self, callback_id: str, state: str) -> bool:
        """Whether it was told of this state."""
        return any(message["_event"] == f"_cbe_on_callback_{state}" for message in self.states(callback_id))

    def of(self, event: str) -> list[dict[str, str]]:
        """The messages of one event, in the order in which they came."""
        return [message for message in self.messages if message["event"] == event]

    async def wait_for(self, event: str, fits: Callable[[dict[str, str]], bool] = lambda _: True) -> dict[str, str]:
        """The first message of this event, when it has come."""
        async with asyncio.timeout(20):
            while not (found := [message for message in self.of(event) if fits(message)]):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        return found[0]

    async def answer(self, message: dict[str, str], reply: str) -> httpx.Response:
        """The owner answers a question."""
        async with httpx.AsyncClient(timeout=10) as client:
            response = await client.post(message["answerUrl"], json={"answer": reply})
        self.answered.append(response)
        return response

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(_length(head))
                self._take(head, body)
                writer.write(f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _take(self, head: bytes, body: bytes) -> None:
        if self.takes_states:
            self.messages.append(json.loads(body))
            return
        wanted = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        self.badly_signed += _header(head, "x-signature") != wanted
        message: dict[str, Any] = json.loads(body)
        assert all(isinstance(value, str) for value in message.values())
        self.messages.append(message)
        task = asyncio.create_task(self._respond(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, message: dict[str, str]) -> None:
        if self.status != 200:
            return
        if self.acknowledges:
            async with httpx.AsyncClient(timeout=10) as client:
                assert (await client.post(message["ackUrl"])).status_code == 204
        if self.reply is not None and "answerUrl" in message:
            await self.answer(message, self.reply)


def _header(head: bytes, name: str) -> str:
    lines = [line.partition(":") for line in head.decode().split("\r\n")[1:]]
    return next((value.strip() for key, _, value in lines if key.lower() == name), "")


def _length(head: bytes) -> int:
    return int(_header(head, "content-length") or 0)
