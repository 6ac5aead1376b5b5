"""What operators, customers and faults do to a callback while a row is played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.callback.state import Phase
from dialer.lab.caller import CallerStep
from tools.results.row import Step
from tools.results.seen import Seen
from tools.results.stage import LOOK_EVERY_S, ROW_LIMIT_S, Stage


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


def answer_preview(*answers: str) -> Step:
    """The agent answers previews as they come: `accept` or `reject`."""

    async def answer(stage: Stage, callback_id: str) -> None:
        url = f"{stage.dialer.admin}/agent/previews/{callback_id}"
        for said in answers:
            await stage.until(callback_id, in_phase(Phase.AGENT_PREVIEW))
            given = await stage.client.post(f"{url}/{said}")
            assert given.status_code == 200, given.text

    return answer


def say_in(phase: Phase, command: str, **body: object) -> Step:
    """The agent's desk gives a command over the admin API, as soon as the talk is so far."""

    async def say(stage: Stage, callback_id: str) -> None:
        await stage.until(callback_id, in_phase(phase))
        answer = await stage.client.post(f"{stage.dialer.admin}/agent/calls/{callback_id}/{command}", json=body)
        assert answer.status_code in {200, 202}, answer.text

    return say


def then(*steps: Step) -> Step:
    """One after the other."""

    async def run(stage: Stage, callback_id: str) -> None:
        for step in steps:
            await step(stage, callback_id)

    return run


def after_row(key: str) -> Step:
    """Another row of this table is over first."""

    async def wait(stage: Stage, _: str) -> None:
        async with asyncio.timeout(ROW_LIMIT_S):
            while key not in stage.ids:  # noqa: ASYNC110 - the other row is played beside this one
                await asyncio.sleep(LOOK_EVERY_S)
        await stage.until(stage.ids[key], lambda seen: seen.completed)

    return wait


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


def wait_for_parties(count: int) -> Step:
    """Nothing is done before so many talk with the customer."""

    async def wait(stage: Stage, callback_id: str) -> None:
        async with asyncio.timeout(ROW_LIMIT_S):
            while True:
                shown = (await stage.client.get(f"{stage.dialer.admin}/agent/calls/{callback_id}")).json()
                if len(shown.get("parties", ())) == count:
                    return
                await asyncio.sleep(LOOK_EVERY_S)

    return wait


def fill_queue(service: str) -> Step:
    """Another callback takes the service's only place first."""

    async def fill(stage: Stage, _: str) -> None:
        other = await stage.book(service, "+13035550197")
        await stage.until(other, in_phase(Phase.WAITING))

    return fill


def dial_in(called: str, *script: CallerStep) -> Step:
    """The customer dials the access number that was handed out."""

    async def call(stage: Stage, callback_id: str) -> None:
        seen = await stage.until(callback_id, in_phase(Phase.CALL_IN_WAIT))
        assert stage.callers is not None
        await stage.callers.call(seen.callback.customer_number, called, script)

    return call
