"""The lab as a process of its own, started and stopped by whoever needs people at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

READY_DEADLINE_S = 20.0
STOP_DEADLINE_S = 5.0


class LabStartError(RuntimeError):
    """The lab's process did not come up."""


@dataclass(slots=True)
class LabProcess:
    """`async with LabProcess() as lab: ...` gives `lab.host` and `lab.port`; the process ends with the block.

    Attributes:
        host, port: where to listen; port 0 = any free one, replaced by the real one.
        record: folder for recordings, or None.
        log: file for what the lab prints as errors, or None for our own standard error.
    """

    host: str = "127.0.0.1"
    port: int = 0
    record: Path | None = None
    log: Path | None = None
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    async def start(self) -> Self:
        """Starts the process and waits until calls can come.

        Raises:
            LabStartError: when it ends at once or is not ready in time.
        """
        command = [sys.executable, "-m", "dialer.lab", "--listen", f"{self.host}:{self.port}"]
        if self.record is not None:
            command += ["--record", str(self.record)]
        with contextlib.ExitStack() as stack:
            errors = stack.enter_context(self.log.open("ab")) if self.log else None
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_DEADLINE_S):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            await self.stop()
            raise LabStartError(f"the lab was not ready after {READY_DEADLINE_S:.0f} s") from error
        if not line:
            status = await self._process.wait()
            raise LabStartError(f"the lab ended at once (exit {status}); its errors stand {self.log or 'above'}")
        self.port = int(json.loads(line)["port"])
        return self

    async def stop(self) -> None:
        """Ends the process: politely, then by force. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for harder in (process.terminate, process.kill):
            try:
                async with asyncio.timeout(STOP_DEADLINE_S):
                    await process.wait()
                    return
            except TimeoutError:
                harder()
        await process.wait()

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return None if self._process is None else self._process.pid

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
