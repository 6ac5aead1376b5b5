"""What was commanded during a talk, commanded again; and recordings of it, which are not made twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from dialer.rerun.tape import Given
from dialer.scenario import CallAttempt, TalkRefused
from dialer.telephony import Leg


class CommandTape:
    """Gives a talk's commands again.

    Args:
        attempt: whose talk it is.
    """

    def __init__(self, attempt: CallAttempt) -> None:
        self._attempt = attempt
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, given: Given) -> None:
        """Makes a command; one that was refused is refused again."""
        task = asyncio.create_task(self._carry_out(str(given.facts["command"]), dict(given.facts["arguments"])))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, name: str, arguments: dict[str, str | bool]) -> None:
        control = self._attempt.control
        if control is not None:
            with contextlib.suppress(TalkRefused):
                await getattr(control, name)(**arguments)


class NoRecording:
    """A recording that nobody makes: the one of the call itself lies where it was made."""

    fault: OSError | None = None

    def __init__(self) -> None:
        self.samples = 0
        self.lost: list[int] = []
        self.paused = False

    def pause(self) -> None:
        """Notes it."""
        self.paused = True

    def resume(self) -> None:
        """Notes it."""
        self.paused = False

    def follow(self, _others: Sequence[Leg]) -> None:
        """Nobody is heard."""

    def finish(self) -> None:
        """Nothing is open."""

    async def stop(self) -> None:
        """Nothing is open."""
