"""Pauses, snoozes and readiness questions on a whole node in virtual time, customer first and agent first."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping
from typing import Any

import pytest
from virtual_house import CUSTOMER, RINGS, answers, person, refuses

from dialer.booking import Booking, InvalidState
from dialer.callback.push import Answer, PushTarget
from dialer.callback.state import Phase, State
from dialer.events import Bus
from dialer.push import Courier, Delivery, Links
from dialer.routing import AgentState

ASKS = """
wait_for_agent = true
wait_for_user_confirm = true
user_confirm_timeout = 20
user_confirm_attempts = 2
snooze_delay = 60
"""
FLOWS = {
    "customer first": "",
    "agent first": 'first_party = "AGENT"',
    "preview": 'first_party = "AGENT"\npreview = true\npreview_timeout = 25',
}


class Device:
    """Takes pushes, and answers questions at once where it is told to."""

    def __init__(self, house: Any, reply: Answer | None = None) -> None:
        self.house = house
        self.reply = reply
        self.tokens: dict[str, str] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        courier = Courier({"app": self}, house.house.store, house.house.clock, Links("https://call.example"))
        object.__setattr__(house.house, "pushes", courier)

    async def send(self, target: PushTarget, message: Mapping[str, str], *, debug: bool = False) -> Delivery:
        if "answerUrl" in message:
            self.tokens[message["callbackId"]] = re.search(r"token=(.+)", message["answerUrl"])[1]
            if self.reply is not None:
                task = asyncio.create_task(self.say(message["callbackId"], self.reply))
                self.tasks.add(task)
        return Delivery(True, "200")

    async def say(self, callback_id: str, answer: Answer) -> None:
        await self.house.booking.answers.answer(callback_id, self.tokens[callback_id], answer)


async def book(house: Any, number: str = CUSTOMER) -> str:
    return str(await house.book(number, _device_notification_id="hers"))


# --- pause ---


def test_a_dial_that_fails_during_a_pause_waits_paused_and_goes_on_after_it(stage: Any) -> None:
    async def scene(house: Any) -> None:
        made = await house.book()
        await house.until(made, Phase.DIALING)
        assert await house.booking.pausing.pause("sales") == 0
        paused = await house.until(made, State.PAUSED)
        assert (paused.resume_state, paused.next_dial_at is not None) == (State.QUEUED, True)
        await asyncio.sleep(20)
        assert (await house.record(made)).state is State.PAUSED
        await house.booking.pausing.resume("sales")
        await house.completed(made)
        assert await house.results(made) == [(7, True), (33, True)]
        assert (await house.events(made))[2:6] == ["T30", "T21", "T23", "T30"]
        await house.clean()

    stage(scene, customer=[RINGS, person(hangs_up_s=9)], anna=answers())


def test_a_pause_that_aborts_breaks_off_what_rings_and_nothing_that_was_answered(stage: Any) -> None:
    async def scene(house: Any) -> None:
        house.stage.parties["12025550101"] = [person(hangs_up_s=20)]
        rings, talks = await house.book(), await house.book("+12025550101")
        await house.until(talks, Phase.AGENT_WAIT, Phase.AGENT_RING, State.PROCESSING)
        await house.booking.pausing.pause("sales", abort_dials=True)
        await house.until(rings, State.PAUSED, within_s=3)
        assert await house.results(rings) == [(27, False)]
        assert (await house.completed(talks)).reason == "AGENT_CONNECTED"
        await house.booking.pausing.resume("sales")
        assert (await house.completed(rings)).reason == "AGENT_CONNECTED"
        await house.clean()

    stage(
        scene, agents=("anna", "bert"), customer=[RINGS, person(hangs_up_s=9)], anna=answers(), bert=answers(),
    )  # fmt: skip


def test_who_waited_goes_on_in_the_old_order_after_a_pause_and_who_came_meanwhile_after_them(stage: Any) -> None:
    async def scene(house: Any) -> None:
        house.house.pool.request_state("anna", AgentState.NOT_READY, house.house.clock.now())
        numbers = [f"+120255501{n:02}" for n in range(20, 26)]
        house.stage.parties |= {number.lstrip("+"): [person(hangs_up_s=6)] for number in numbers}
        before = [await house.book(number) for number in numbers[:3]]
        for made in before:
            await house.until(made, Phase.WAITING)
        assert await house.booking.pausing.pause("sales") == 3
        meanwhile = [await house.book(number) for number in numbers[3:]]
        await asyncio.sleep(5)
        house.house.pool.request_state("anna", AgentState.READY, house.house.clock.now())
        await asyncio.sleep(5)
        assert house.stage.legs == [], "nobody is dialled during the pause"
        assert await house.booking.pausing.resume("sales") == 6
        for made in [*before, *meanwhile]:
            await house.completed(made)
        dialled = [f"+{request.number}" for request in house.stage.requests if request.number != "7001"]
        assert dialled == numbers
        await house.clean()

    stage(scene, anna=answers())


# --- snooze ---


@pytest.mark.parametrize(("service", "place", "results"), [
    ("", Phase.AGENT_WAIT, [19, 33]),
    ("", Phase.AGENT_RING, [19, 33]),
    ("", Phase.TALKING, [19, 33]),
    ("disposition = true", Phase.DISPOSITION, [33, 33]),
    ('first_party = "AGENT"', Phase.AGENT_RING, [33]),
    ('first_party = "AGENT"', Phase.CUSTOMER_DIAL, [19, 33]),
    ('first_party = "AGENT"', Phase.TALKING, [19, 33]),
    ('first_party = "AGENT"\npreview = true\npreview_timeout = 25', Phase.AGENT_PREVIEW, [33]),
])  # fmt: skip
def test_the_customer_may_put_it_off_wherever_it_is(stage: Any, service: str, place: Phase, results: list[int]) -> None:
    async def scene(house: Any) -> None:
        device = Device(house)
        made = await book(house)
        if place is Phase.AGENT_WAIT:
            await house.until(made, Phase.DIALING)
            house.house.pool.request_state("anna", AgentState.NOT_READY, house.house.clock.now())
        here = await house.until(made, place)
        said_at = house.house.clock.now()
        await device.say(made, Answer.LATER)
        snoozed = await house.record(made)
        assert (snoozed.phase, snoozed.queued_at) == (Phase.SNOOZED, here.queued_at)
        assert (snoozed.next_dial_at - said_at).total_seconds() == 60
        await house.clean()
        house.house.pool.request_state("anna", AgentState.READY, house.house.clock.now())
        device.reply = Answer.YES
        accept = asyncio.create_task(accepts(house, made))
        done = await house.completed(made)
        accept.cancel()
        assert done.reason == "AGENT_CONNECTED"
        assert (done.queued_at, "T33" in await house.events(made)) == (here.queued_at, True)
        assert [result for result, _ in await house.results(made)] == results

    customer = [person(4.0, hangs_up_s=30), person(hangs_up_s=12)]
    if results == [33]:
        customer = [person(hangs_up_s=12)]
    stage(scene, service=ASKS + service, customer=customer, anna=answers(3.0))


async def accepts(house: Any, callback_id: str) -> None:
    """An agent who accepts every preview."""
    while True:
        await asyncio.sleep(1)
        for question in house.house.desk.previews():
            house.house.desk.accept(question.callback.id)


# --- the question ---


@pytest.mark.parametrize("flow", FLOWS)
def test_a_customer_who_is_ready_is_served_in_every_flow(stage: Any, flow: str) -> None:
    async def scene(house: Any) -> None:
        Device(house, Answer.YES)
        made = await book(house)
        accept = asyncio.create_task(accepts(house, made))
        assert (await house.completed(made)).reason == "AGENT_CONNECTED"
        accept.cancel()
        assert (await house.events(made))[2:4] == ["T60", "T61"]
        await house.clean()

    stage(scene, service=ASKS + FLOWS[flow], customer=person(hangs_up_s=12), anna=answers())


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(("reply", "strict", "reason", "detail"), [
    (Answer.NO, False, "CANCELLED", "customer"),
    (None, True, "FAIL_USER_NO_CONFIRM", "attempts:2"),
    (None, False, "AGENT_CONNECTED", None),
])  # fmt: skip
def test_a_customer_who_declines_or_is_silent_in_every_flow(
    stage: Any, flow: str, reply: Answer | None, strict: bool, reason: str, detail: str | None
) -> None:
    async def scene(house: Any) -> None:
        Device(house, reply)
        made = await book(house)
        accept = asyncio.create_task(accepts(house, made))
        done = await house.completed(made)
        accept.cancel()
        assert done.reason == reason
        assert detail is None or done.reason_detail == detail
        await house.clean()
        assert house.states() == {"anna": AgentState.READY}

    service = ASKS + FLOWS[flow] + ('\non_user_confirm_timeout = "FAIL"' if strict else "")
    stage(scene, service=service, customer=person(hangs_up_s=12), anna=answers())


def test_nobody_is_asked_who_is_on_the_telephone_with_us_already(stage: Any) -> None:
    async def scene(house: Any) -> None:
        device = Device(house, Answer.YES)
        first = await book(house)
        await house.until(first, Phase.TALKING)
        second = await book(house)
        await asyncio.sleep(5)
        assert second not in device.tokens
        assert (await house.completed(first)).reason == "AGENT_CONNECTED"
        assert (await house.completed(second)).reason == "AGENT_CONNECTED"
        await house.clean()

    stage(
        scene, service=ASKS, agents=("anna", "bert"), customer=person(hangs_up_s=30), anna=answers(), bert=answers(),
    )  # fmt: skip


# --- everything at once ---


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("seed", range(2))
def test_random_pauses_answers_and_cancels_leave_nothing_behind(stage: Any, flow: str, seed: int) -> None:
    async def scene(house: Any) -> None:
        chance = random.Random(f"{flow}-{seed}")
        device = Device(house)
        numbers = [f"120255501{n:02}" for n in range(8)]
        for number in numbers:
            house.stage.parties[number] = [
                chance.choice([RINGS, refuses(), person(chance.uniform(1, 6), hangs_up_s=chance.uniform(7, 40))])
                for _ in range(60)
            ]
        made = [await book(house, f"+{number}") for number in numbers]
        meddling = asyncio.create_task(meddle(house, device, made, chance))
        await asyncio.sleep(200)
        meddling.cancel()
        await asyncio.gather(meddling, return_exceptions=True)
        device.reply = Answer.YES
        await house.booking.pausing.resume("sales")
        accept = asyncio.create_task(accepts(house, ""))
        for callback_id in made:
            done = await house.completed(callback_id, within_s=20_000)
            assert done.reason != "FAIL_ERROR", await house.house.store.journal(callback_id)
        accept.cancel()
        await house.clean()

    stage(
        scene, service=ASKS + FLOWS[flow], agents=("anna", "bert", "carl"),
        anna=answers(), bert=answers(), carl=[refuses(), answers()],
    )  # fmt: skip


async def meddle(house: Any, device: Device, made: list[str], chance: random.Random) -> None:
    """Pauses, resumes, answers and cancels at random."""
    while True:
        await asyncio.sleep(chance.expovariate(1.0))
        chosen = chance.choice(made)
        match chance.randrange(7):
            case 0:
                await house.booking.pausing.pause("sales", abort_dials=chance.random() < 0.5)
                await asyncio.sleep(chance.uniform(0, 20))
                await house.booking.pausing.resume("sales")
            case 1 | 2 | 3 | 4 if chosen in device.tokens:
                try:
                    await device.say(chosen, chance.choice([Answer.YES, Answer.LATER, Answer.LATER, Answer.NO]))
                except InvalidState:
                    continue
            case 5 if chance.random() < 0.2:
                try:
                    await house.booking.cancel(chosen)
                except InvalidState:
                    continue
            case _:
                now = house.house.clock.now()
                for agent in house.states():
                    house.house.pool.request_state(agent, AgentState.READY, now)
                for question in house.house.desk.previews():
                    house.house.desk.accept(question.callback.id)


# --- another process, whose bus is not ours ---


@pytest.mark.parametrize(("place", "snoozed", "result"), [
    (Phase.DIALING, False, 52), (Phase.AGENT_RING, False, 52), (Phase.AGENT_RING, True, 19), (Phase.TALKING, True, 19),
])  # fmt: skip
def test_a_call_whose_callback_another_process_ends_or_puts_off_is_released_within_seconds(
    stage: Any, place: Phase, snoozed: bool, result: int
) -> None:
    async def scene(house: Any) -> None:
        device = Device(house)
        elsewhere = Booking(house.house.store, house.config, Bus(), house.house.clock)
        made = await book(house)
        await house.until(made, place)
        if snoozed:
            await elsewhere.answers.answer(made, device.tokens[made], Answer.LATER)
        else:
            await elsewhere.cancel(made)
        await asyncio.sleep(3)
        await house.clean()
        assert [code for code, _ in await house.results(made)] == [result]

    stage(scene, service=ASKS, customer=person(4.0, hangs_up_s=300), anna=answers(3.0))
