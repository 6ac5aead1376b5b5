"""The readiness question on a real store, in virtual time: yes, no, later, silence, and a device that cannot be had."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.booking import CustomerAnswers, InvalidState, NotFound, PauseBook, Pausing
from dialer.callback.options import ServiceOptions
from dialer.callback.push import Answer, PushTarget
from dialer.callback.record import NewCallback
from dialer.callback.state import Actor, Phase, State
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.push import Courier, Delivery, Links
from dialer.scenario import Story
from dialer.scenario.confirm import Confirmation
from dialer.scenario.ledger import Ledger, Overtaken
from dialer.store import MemoryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class LoopClock:
    """Wall time that follows the loop's own, which the fixture makes up."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Device:
    """The customer's device: takes the question, or not, and keeps the token."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.delivery = Delivery(True, "200")

    async def send(self, target: PushTarget, message: Any, *, debug: bool = False) -> Delivery:
        self.tokens.append(re.search(r"token=(.+)", message["answerUrl"])[1])
        return self.delivery


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A store and a question; timers of the loop run out at once, one after the other."""
    loop = asyncio.get_running_loop()
    skipped = 0.0
    real, select = loop.time, loop._selector.select

    def jump(timeout: float | None) -> Any:
        nonlocal skipped
        events = select(0)
        if not events and timeout:
            skipped += timeout
        return events

    monkeypatch.setattr(loop, "time", lambda: real() + skipped)
    monkeypatch.setattr(loop._selector, "select", jump)
    store = await MemoryStore.fresh()
    yield SimpleNamespace(store=store, tmp_path=tmp_path)
    await store.close()


async def asking(place: Any, **options: Any) -> Any:
    """A callback at the front of the queue of a service that asks."""
    service = ServiceOptions(
        family="v1", target="Desk@S.GA", route_point="1@P", wait_for_agent=True, wait_for_user_confirm=True,
        user_confirm_timeout=30, user_confirm_attempts=3, push_attempts=2, snooze_delay=120, **options,
    )  # fmt: skip
    config = DialerConfig(file=place.tmp_path / "dialer.toml", services={"sales": service})
    clock, bus, device = LoopClock(), Bus(), Device()
    stories = SimpleNamespace(add=lambda *_: None)
    pushes = Courier({"app": device}, place.store, clock, Links("https://call.example"))
    house: Any = SimpleNamespace(
        store=place.store, config=config, bus=bus, clock=clock, pushes=pushes, node="n", lease_s=3600.0
    )
    new = NewCallback(
        service="sales", customer_number="+16505550100", number_e164="+16505550100", family="v1", target="Desk@S.GA",
        push_targets=({"channel": "HTTP", "name": "app", "target": "hers"},),
    )  # fmt: skip
    made = await place.store.create(new, event="T01", actor="api", now=clock.now())
    (callback,) = await place.store.claim("n", now=clock.now(), limit=1, lease_s=3600)
    ledger = Ledger(house, callback, Story(made.id, clock, bus, stories))  # type: ignore[arg-type]
    return SimpleNamespace(
        id=made.id, house=house, ledger=ledger, device=device, store=place.store,
        confirmation=Confirmation(house, service, ledger), answers=CustomerAnswers(place.store, config, bus, clock),
        pausing=Pausing(place.store, config, bus, clock, PauseBook()),
    )  # fmt: skip


async def asked(asking: Any) -> str:
    """Waits until the question is out; gives its token."""
    before = len(asking.device.tokens)
    while len(asking.device.tokens) == before:  # noqa: ASYNC110 - time is made up
        await asyncio.sleep(0)
    while (await asking.store.pushes(asking.id))[-1].accepted is None:  # noqa: ASYNC110 - time is made up
        await asyncio.sleep(0)
    return str(asking.device.tokens[-1])


async def test_who_says_yes_is_called_at_once(place: Any) -> None:
    it = await asking(place)
    starting = asyncio.create_task(it.confirmation.start("T30"))
    token = await asked(it)
    before = it.house.clock.now()
    await it.answers.answer(it.id, token, Answer.YES)
    start = await starting
    assert (start.event, start.actor) == ("T61", Actor.CUSTOMER)
    assert it.house.clock.now() - before < timedelta(seconds=0.5)
    attempt = await it.ledger.begin_attempt(start.event, actor=start.actor, note=start.note)
    kept = await it.store.get(it.id)
    assert (kept.state, kept.phase, attempt.n) == (State.QUEUED, Phase.DIALING, 1)


async def test_an_answer_that_came_to_another_node_is_found_within_a_second(place: Any) -> None:
    it = await asking(place)
    starting = asyncio.create_task(it.confirmation.start("T30"))
    token = await asked(it)
    elsewhere = CustomerAnswers(it.store, it.house.config, Bus(), it.house.clock)
    before = it.house.clock.now()
    await elsewhere.answer(it.id, token, Answer.YES)
    assert (await starting).event == "T61"
    assert it.house.clock.now() - before < timedelta(seconds=1.5)


async def test_who_says_no_is_not_called(place: Any) -> None:
    it = await asking(place)
    starting = asyncio.create_task(it.confirmation.start("T30"))
    await it.answers.answer(it.id, await asked(it), Answer.NO)
    kept = await it.store.get(it.id)
    assert (kept.state, kept.reason, kept.reason_detail, kept.last_event) == (
        State.COMPLETED, "CANCELLED", "customer", "T63",
    )  # fmt: skip
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)


async def test_who_says_later_is_snoozed_and_keeps_the_place_in_the_line(place: Any) -> None:
    it = await asking(place)
    starting = asyncio.create_task(it.confirmation.start("T30"))
    token = await asked(it)
    queued_at = it.ledger.callback.queued_at
    await it.answers.answer(it.id, token, Answer.LATER)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    snoozed = await it.store.get(it.id)
    assert (snoozed.phase, snoozed.snoozed, snoozed.node) == (Phase.SNOOZED, True, None)
    wait = (snoozed.next_dial_at - it.house.clock.now()).total_seconds()
    assert 119 < wait <= 120
    assert await it.store.claim("n", now=snoozed.next_dial_at - timedelta(seconds=1), limit=1, lease_s=60) == []
    (back,) = await it.store.claim("n", now=snoozed.next_dial_at, limit=1, lease_s=60)
    assert (back.phase, back.queued_at, back.snoozed, back.last_event) == (Phase.WAITING, queued_at, False, "T33")


async def test_silence_connects_anyway_where_the_service_says_so(place: Any) -> None:
    it = await asking(place, on_user_confirm_timeout="CONNECT-ANYWAY")
    began = it.house.clock.monotonic()
    start = await it.confirmation.start("T30")
    assert (start.event, start.actor) == ("T61", Actor.ENGINE)
    assert 30 <= it.house.clock.monotonic() - began < 31


async def test_silence_ends_the_callback_after_the_last_question_otherwise(place: Any) -> None:
    it = await asking(place, on_user_confirm_timeout="FAIL")
    for _ in range(2):
        assert await it.confirmation.start("T30") is None
        assert (it.ledger.callback.phase, it.ledger.callback.last_event) == (Phase.WAITING, "T62")
    assert await it.confirmation.start("T30") is None
    kept = await it.store.get(it.id)
    assert (kept.state, kept.reason, kept.reason_detail) == (State.COMPLETED, "FAIL_USER_NO_CONFIRM", "attempts:3")
    assert len(it.device.tokens) == 3


async def test_silences_are_counted_anew_once_the_customer_has_shown_up(place: Any) -> None:
    it = await asking(place, on_user_confirm_timeout="FAIL")
    assert await it.confirmation.start("T30") is None
    assert await it.confirmation.start("T30") is None
    starting = asyncio.create_task(it.confirmation.start("T30"))
    await it.answers.answer(it.id, await asked(it), Answer.LATER)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    due = (await it.store.get(it.id)).next_dial_at
    (it.ledger.callback,) = await it.store.claim("n", now=due, limit=1, lease_s=3600)
    assert await it.confirmation.start("T30") is None
    assert it.ledger.callback.phase is Phase.WAITING


async def test_a_question_that_reaches_no_device_is_like_silence_or_ends_the_callback(place: Any) -> None:
    it = await asking(place, on_user_confirm_timeout="CONNECT-ANYWAY")
    it.device.delivery = Delivery(False, "answered 404")
    start = await it.confirmation.start("T30")
    assert (start.event, start.note) == ("T61", "push not deliverable: answered 404")
    other = await asking(place, on_user_confirm_timeout="FAIL")
    other.device.delivery = Delivery(False, "answered 503", again=True)
    assert await other.confirmation.start("T30") is None
    kept = await other.store.get(other.id)
    assert (kept.reason, kept.reason_detail, kept.last_event) == ("FAIL_CALL_TO_CUSTOMER", "push", "T51")
    assert [record.tries for record in await other.store.pushes(other.id)] == [2]


async def test_a_service_that_asks_nobody_begins_as_ever(place: Any) -> None:
    it = await asking(place)
    unasked = it.house.config.services["sales"].model_copy(update={"wait_for_user_confirm": False})
    assert (await Confirmation(it.house, unasked, it.ledger).start("T40")).event == "T40"
    assert it.device.tokens == []


async def test_a_token_answers_once_and_only_where_the_answer_means_something(place: Any) -> None:
    it = await asking(place)
    starting = asyncio.create_task(it.confirmation.start("T30"))
    token = await asked(it)
    with pytest.raises(NotFound):
        await it.answers.answer(it.id, "guess", Answer.YES)
    await it.answers.answer(it.id, token, Answer.YES)
    with pytest.raises(InvalidState, match="answered already"):
        await it.answers.answer(it.id, token, Answer.NO)
    start = await starting
    await it.ledger.begin_attempt(start.event, actor=start.actor)
    with pytest.raises(InvalidState, match="nothing is asked"):
        await it.answers.answer(it.id, token, Answer.NO)


async def test_a_pause_takes_the_callback_out_of_the_question(place: Any) -> None:
    it = await asking(place)
    starting = asyncio.create_task(it.confirmation.start("T30"))
    token = await asked(it)
    assert await it.pausing.pause("sales") == 1
    paused = await it.store.get(it.id)
    assert (paused.state, paused.resume_state) == (State.PAUSED, State.QUEUED)
    with pytest.raises(InvalidState):
        await it.answers.answer(it.id, token, Answer.YES)
    with pytest.raises(Overtaken):
        await it.ledger.begin_attempt((await starting).event)
