"""What operators, customers and faults do to a callback while a row is played."""

from __future__ import annotations

from collections.abc import Callable

from dialer.callback.state import Phase
from tools.results.row import Step
from tools.results.seen import Seen
from tools.results.stage import Stage


def dialing(seen: Seen) -> bool:
    """The customer's telephone has been called."""
    return seen.callback.phase is Phase.DIALING


def in_phase(*phases: Phase) -> Callable[[Seen], bool]:
    """A test whether the callback is in one of these phases."""
    return lambda seen: seen.callback.phase in phases


def cancel_when(done: Callable[[Seen], bool]) -> Step:
    """A client cancels over the first-generation API, as soon as the callback is so far."""

    async def cancel(stage: Stage, callback_id: str) -> None:
        seen = await stage.until(callback_id, done)
        url = stage.dialer.url.replace("/test", f"/{seen.callback.service}")
        answer = await stage.client.delete(f"{url}/{callback_id}")
        assert answer.status_code == 200, answer.text

    return cancel


def cancel_by_admin_when(done: Callable[[Seen], bool]) -> Step:
    """An administrator cancels over the admin API, as soon as the callback is so far."""

    async def cancel(stage: Stage, callback_id: str) -> None:
        await stage.until(callback_id, done)
        answer = await stage.client.post(f"{stage.dialer.admin}/callbacks/{callback_id}/cancel")
        assert answer.status_code == 200, answer.text

    return cancel


def wait_for(done: Callable[[Seen], bool]) -> Step:
    """Nothing is done before the callback is so far."""

    async def wait(stage: Stage, callback_id: str) -> None:
        await stage.until(callback_id, done)

    return wait


def take_only_channel(service: str) -> Step:
    """Another call takes the only channel of the gateway first."""

    async def take(stage: Stage, _: str) -> None:
        other = await stage.book(service, "+13035550199")
        await stage.until(other, dialing)

    return take


def second(phase: Phase) -> Callable[[Seen], bool]:
    """A test whether the second attempt has come so far."""
    return lambda seen: len(seen.attempts) > 1 and seen.callback.phase is phase


def happened(event: str) -> Callable[[Seen], bool]:
    """A test whether a transition was made."""
    return lambda seen: any(entry.event == event for entry in seen.history)


def pause_when(done: Callable[[Seen], bool], *, abort_dials: bool = False) -> Step:
    """An operator pauses the service over the admin API, as soon as the callback is so far."""

    async def pause(stage: Stage, callback_id: str) -> None:
        seen = await stage.until(callback_id, done)
        url = f"{stage.dialer.admin}/queues/{seen.callback.service}/pause"
        answer = await stage.client.post(url, json={"abort_dials": abort_dials})
        assert answer.status_code == 200, answer.text

    return pause
