"""The customers' devices: receives the pushed questions, and answers each as the device's name says."""

from __future__ import annotations

import asyncio
import json
from typing import Self
from urllib.parse import urlsplit

import httpx

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SILENT, UNKNOWN = "silent", "unknown"


class Devices:
    """An HTTP server on loopback that the dialer pushes to.

    A device named `yes`, `no` or `later` answers so, `silent` takes the message and says nothing, `unknown` is not
    there any more.
    """

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._receive, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._answers, return_exceptions=True)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        message = json.loads(await reader.readexactly(length))
        device = message.get("target", "")
        writer.write(GONE if device == UNKNOWN else OK)
        await writer.drain()
        writer.close()
        if device not in {SILENT, UNKNOWN} and "answerUrl" in message:
            task = asyncio.create_task(self._answer(message["answerUrl"], device))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _answer(self, url: str, words: str) -> None:
        assert urlsplit(url).hostname == "127.0.0.1"
        async with httpx.AsyncClient(timeout=30) as client:
            (await client.post(url, json={"answer": words})).raise_for_status()
