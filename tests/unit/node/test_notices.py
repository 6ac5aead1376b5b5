"""What devices and subscribers are told, and that it is told once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.callback.options import ServiceOptions
from dialer.callback.record import SCHEDULED, Callback, NewCallback
from dialer.callback.state import Phase, State
from dialer.config import DialerConfig
from dialer.events import Bus, CallbackChanged
from dialer.node.line import Line
from dialer.node.notices import Notices
from dialer.routing import Estimate
from dialer.store import MemoryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
URL = "https://subscriber.example/states"


class Told:
    """Stands for courier and herald: keeps what it is to bring."""

    def __init__(self) -> None:
        self.pushes: list[tuple[str, dict[str, str]]] = []
        self.states: list[tuple[str, str]] = []

    def tell(self, *given: Any) -> None:
        if len(given) == 2:
            key, announcement = given
            assert announcement.url == URL
            assert announcement.content["_id"] == key
            self.states.append((announcement.content["_event"], announcement.content["_callback_state"]))
        else:
            _, _, event, extra = given
            self.pushes.append((str(event), extra))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Any]:
    store, told, clock = await MemoryStore.fresh(), Told(), SimpleNamespace(at=NOON)
    clock.now = lambda: clock.at
    services = {
        "sales": options(status_notification="notify", status_notification_target=URL, reminder=True, reminder_lead=300,
                         push_threshold_min=2),
        "quiet": options(),
        "inbound": options(call_direction="USERORIGINATED", resource_group="g"),
    }  # fmt: skip
    waits = SimpleNamespace(seconds=600.0)
    waits.of_callback = lambda *_: Estimate(waits.seconds, 0.0, 0.0, 1)
    house: Any = SimpleNamespace(
        store=store, bus=Bus(), clock=clock, pushes=told, waits=waits,
        config=DialerConfig(file=tmp_path / "dialer.toml", services=services),
    )  # fmt: skip
    line = Line()
    yield SimpleNamespace(
        store=store,
        told=told,
        clock=clock,
        line=line,
        waits=waits,
        notices=Notices(house, line, told),  # type: ignore[arg-type]
    )
    await store.close()


def options(**given: Any) -> ServiceOptions:
    return ServiceOptions(family="v1", target="Desk@S.GA", route_point="1@P", **given)


def record(
    service: str = "sales", state: State = State.QUEUED, phase: Phase | None = Phase.WAITING, **more: Any
) -> Callback:
    return Callback(
        id="1-a", service=service, family="v1", state=state, phase=phase, customer_number="1", desired_time=NOON,
        created_at=NOON, accepted_at=NOON, updated_at=NOON, queued_at=NOON,
        push_targets=({"channel": "HTTP", "name": "app", "target": "hers"},), **more,
    )  # fmt: skip


def test_every_state_is_told_once_in_its_order(place: Any) -> None:
    steps = [
        ("T01", State.QUEUED, Phase.SUBMITTING), ("T05", State.QUEUED, Phase.WAITING),
        ("T30", State.QUEUED, Phase.DIALING),
        ("T31", State.ROUTING, Phase.AGENT_WAIT), ("T35a", State.ROUTING, Phase.AGENT_RING),
        ("T35", State.PROCESSING, Phase.TALKING), ("T73", State.COMPLETED, None),
    ]  # fmt: skip
    for version, (event, state, phase) in enumerate(steps, 1):
        changed = CallbackChanged(record(state=state, phase=phase, version=version), event)
        place.notices.hear(changed)
        place.notices.hear(changed)  # told again, as after a claim
    assert [event for event, _ in place.told.states] == [
        f"_cbe_on_callback_{state}" for state in ("queued", "routing", "processing", "completed")
    ]


@pytest.mark.parametrize(("event", "service", "told"), [
    ("T32", "quiet", [("CALLBACK_ATTEMPT_FAILED", {"attempt": "2", "nextDialAt": "2026-03-02T12:05:00.000Z"})]),
    ("T45", "quiet", [("CALLBACK_ATTEMPT_FAILED", {"attempt": "2", "nextDialAt": "2026-03-02T12:05:00.000Z"})]),
    ("T32", "inbound", []),
    ("T33", "quiet", []),
    ("T32", "gone", []),
])  # fmt: skip
def test_a_failed_attempt_is_told_with_the_time_of_the_next(place: Any, event: str, service: str, told: Any) -> None:
    failed = record(service, phase=Phase.RETRY_WAIT, dials=2, next_dial_at=NOON + timedelta(minutes=5), version=7)
    place.notices.hear(CallbackChanged(failed, event))
    assert place.told.pushes == told


@pytest.mark.parametrize(("event", "service", "told"), [
    ("T34", "quiet", [("CALLBACK_FINAL_ATTEMPT_FAILED", {"attempt": "2"})]),
    ("T46", "quiet", [("CALLBACK_FINAL_ATTEMPT_FAILED", {"attempt": "2"})]),
    ("T34", "inbound", []),
    ("T83", "quiet", [("CALLBACK_PURGED", {})]),
    ("T83", "inbound", [("CALLBACK_PURGED", {})]),
    ("T80", "quiet", []),
])  # fmt: skip
def test_the_end_is_told_where_the_customer_does_not_know_it(place: Any, event: str, service: str, told: Any) -> None:
    place.notices.hear(CallbackChanged(record(service, State.COMPLETED, None, dials=2, version=7), event))
    assert place.told.pushes == told


async def test_a_booking_is_reminded_of_once_whoever_looks(place: Any) -> None:
    new = NewCallback(
        service="sales", customer_number="+16505550100", type=SCHEDULED, desired_time=NOON + timedelta(minutes=10)
    )
    await place.store.create(new, event="T02", actor="api", now=NOON)
    await place.notices.look()
    assert place.told.states == []
    place.clock.at += timedelta(minutes=5, seconds=1)
    await place.notices.look()
    await place.notices.look()
    again = Notices(place.notices.house, place.line, place.told)  # type: ignore[arg-type]  # another node, or after a restart
    await again.look()
    assert place.told.states == [("_cbe_on_callback_reminder", "SCHEDULED")]


@pytest.mark.parametrize(("waits", "told"), [
    ((600.0, 119.0, 119.0, 600.0, 119.0), [("CALLBACK_UPCOMING", {"ewt": "119"})]),
    ((100.0, 600.0, 119.0), []),  # near from the start
])  # fmt: skip
async def test_whose_turn_comes_near_is_told_once_unless_it_was_near_from_the_start(
    place: Any, waits: tuple[float, ...], told: Any
) -> None:
    place.line.add(record())
    for place.waits.seconds in waits:
        await place.notices.look()
    assert place.told.pushes == told


async def test_nobody_is_told_of_a_turn_that_the_purge_will_be_before(place: Any) -> None:
    place.line.add(replace(record(), deadline_at=NOON + timedelta(seconds=60)))
    await place.notices.look()
    place.waits.seconds = 100.0
    await place.notices.look()
    assert place.told.pushes == []
