"""The last checks before a callback enters the queue, the tries to find a node, and flows that end without a reason."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback, NewCallback
from dialer.callback.state import Phase, State
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.node.admission import Admission, Submissions, strings_fault
from dialer.scenario import CallAttempt
from dialer.store import MemoryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Dial:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Any]:
    store, clock = await MemoryStore.fresh(), Dial()
    (tmp_path / "good.json").write_text('{"en": {"ok": "Ok"}}')
    (tmp_path / "bad.json").write_text('{"en": "Ok"}')
    services = {
        "sales": options(max_open=3),
        "closed": options(enabled=False),
        "chat": options(media_type="chat"),
        "texts": options(strings_file="good.json"),
        "wrong": options(strings_file="bad.json"),
        "none": options(strings_file="missing.json"),
    }
    config = DialerConfig(file=tmp_path / "dialer.toml", services=services)
    admission = Admission(config)
    admission.refresh()
    house = SimpleNamespace(
        store=store, config=config, bus=Bus(), clock=clock, node="here", lease_s=60.0,
        stories=SimpleNamespace(add=lambda *_: None),
    )  # fmt: skip
    yield SimpleNamespace(store=store, clock=clock, admission=admission, house=house)
    await store.close()


def options(**given: Any) -> ServiceOptions:
    return ServiceOptions(family="v1", target="Desk@S.GA", route_point="1@P", submit_retry_delay=10, **given)


async def booked(place: Any, service: str = "sales", number: str = "+16505550100", **given: Any) -> str:
    new = NewCallback(service=service, customer_number=number, family="v1", target="Desk@S.GA", **given)
    return str((await place.store.create(new, event="T01", actor="api", now=place.clock.now())).id)


async def claimed(place: Any) -> list[Callback]:
    return list(
        await place.store.claim("here", now=place.clock.now(), limit=50, lease_s=60, admit=place.admission.admit)
    )


@pytest.mark.parametrize(("service", "given", "event", "reason", "detail", "result"), [
    ("unheard-of", {}, "T07", "FAIL_QUEUEING", "unknown_queue", 28),
    ("closed", {}, "T07", "FAIL_QUEUEING", "disabled", 28),
    ("chat", {}, "T87", "FAIL_IXN_UNKNOWN_MEDIA_TYPE", "chat", 28),
    ("sales", {"props": {"media_type": "fax"}}, "T87", "FAIL_INCORRECT_CONFIG_MEDIA_TYPE", "fax", 28),
    ("sales", {"props": {"desired_response_type": "Email"}}, "T87", "FAIL_IXN_UNKNOWN_MEDIA_TYPE", "Email", 28),
    ("sales", {"number": ""}, "T87", "FAIL_NO_CUSTOMER_NUMBER", None, 28),
    ("wrong", {}, "T87", "FAIL_LOAD_MESSAGE_FILE", "bad.json", 28),
    ("none", {}, "T87", "FAIL_LOAD_MESSAGE_FILE", "missing.json", 28),
])  # fmt: skip
async def test_what_cannot_be_carried_out_ends_with_its_reason_before_it_is_queued(
    place: Any, service: str, given: Any, event: str, reason: str, detail: str | None, result: int
) -> None:
    made = await booked(place, service, **given)
    (ended,) = await claimed(place)
    assert (ended.id, ended.state, ended.last_event) == (made, State.COMPLETED, event)
    assert (ended.reason, ended.reason_detail, ended.call_result) == (reason, detail, result)
    assert (ended.node, ended.queued_at) == (None, None)
    assert [entry.event for entry in await place.store.history(made)] == ["T01", event]


async def test_a_full_queue_takes_nobody_and_one_that_has_room_again_does(place: Any) -> None:
    made = [await booked(place, number=f"+1650555010{n}") for n in range(5)]
    found = {callback.id: callback for callback in await claimed(place)}
    refused = [found[callback_id] for callback_id in made if not found[callback_id].open]
    assert len(refused) == 2
    assert {(one.reason, one.reason_detail, one.call_result) for one in refused} == {
        ("FAIL_QUEUEING", "full", CallResult.QUEUE_FULL)
    }
    left = next(one for one in found.values() if one.open)
    await place.store.transition(left.id, None, "T80", actor="api", now=place.clock.now())
    await booked(place, number="+16505550109")
    (last,) = await claimed(place)
    assert last.phase is Phase.WAITING


async def test_a_service_whose_texts_can_be_read_is_queued(place: Any) -> None:
    await booked(place, "texts")
    assert [one.phase for one in await claimed(place)] == [Phase.WAITING]


@pytest.mark.parametrize(("text", "fault"), [("{", "not JSON"), ("[]", "not an object"), ('{"en": {}}', None)])
def test_a_strings_file_is_an_object_of_languages(tmp_path: Path, text: str, fault: str | None) -> None:
    (tmp_path / "s.json").write_text(text)
    found = strings_fault(tmp_path / "s.json")
    assert (found is None) if fault is None else (found is not None and fault in found)


async def test_who_finds_no_node_in_all_tries_ends_and_nobody_who_finds_one_later(place: Any) -> None:
    made = await booked(place)
    submissions = Submissions(place.house)
    for _ in range(2):
        await submissions.refused("no detection")
        await submissions.refused("no detection")  # too early for the next try
        place.clock.at += timedelta(seconds=10)
    assert (await place.store.get(made)).open
    submissions.accepted()
    for _ in range(2):
        await submissions.refused("no detection")
        place.clock.at += timedelta(seconds=10)
    assert (await place.store.get(made)).open
    await submissions.refused("no detection")
    ended = await place.store.get(made)
    assert (ended.reason, ended.reason_detail, ended.last_event) == ("SUBMIT_ERROR", "no detection", "T06")


async def test_another_healthy_node_may_take_who_this_one_cannot(place: Any) -> None:
    made = await booked(place)
    submissions = Submissions(place.house)
    for _ in range(5):
        await place.store.heartbeat(now=place.clock.now(), node="there")
        await submissions.refused("no detection")
        place.clock.at += timedelta(seconds=10)
    assert (await place.store.get(made)).open
    for _ in range(3):
        await place.store.heartbeat(now=place.clock.now(), node="there", draining=True)
        await submissions.refused("no detection")
        place.clock.at += timedelta(seconds=10)
    assert not (await place.store.get(made)).open


class Forgetful(CallAttempt):
    """A flow that stops in the middle."""

    async def _attempt(self) -> None:
        if self.callback.service == "sales":
            await self.ledger.begin_attempt("T30")


@pytest.mark.parametrize(("service", "results"), [("sales", [28]), ("texts", [])])
async def test_a_flow_that_ends_without_a_reason_ends_its_callback(
    place: Any, service: str, results: list[int]
) -> None:
    made = await booked(place, service)
    (callback,) = await claimed(place)
    await Forgetful(place.house, callback).run()
    ended = await place.store.get(made)
    assert (ended.reason, ended.reason_detail, ended.last_event) == ("NOT_AVAILABLE", "WaitForTarget", "T86")
    attempts = await place.store.attempts(made)
    assert [int(attempt.call_result) for attempt in attempts if not attempt.open] == results
