import asyncio
import dataclasses
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import JournalEntry, NewCallback
from dialer.callback.state import Actor, Phase, State
from dialer.store import (
    CallbackFilter,
    DuplicateCallback,
    Limit,
    LimitReached,
    UnknownCallback,
    VersionConflict,
)

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)

FULL = {
    "family": "v1", "type": "scheduled", "desired_time": NOW + timedelta(hours=1),
    "accepted_at": NOW - timedelta(seconds=5),
    "expires_at": NOW + timedelta(days=1), "deadline_at": NOW + timedelta(hours=9), "target": "?:Sales>0@Stat.GA",
    "priority": 7, "channel": "MOBILE", "language": "de", "offer": {"type": "ASAP", "threshold_s": 12.5},
    "user_data": {"name": "Bob Märkel", "nested": {"list": [1, None, True, "ü"]}}, "props": {"dial_attempts": 2},
    "lookup": {"_customer_number": "+16504661232", "account": "A-1"},
    "push_targets": ({"channel": "fcm", "target": "t"},), "origin": "api_v3", "origination_interaction_id": "i-1",
    "survey_route_point": "9000@S", "created_by": "alice", "recreated_by": "bob", "parent_id": "1-p", "root_id": "1-r",
    "name_recording": "rec", "access": {"number": "1"}, "region": "west",
}  # fmt: skip


async def test_what_is_created_is_what_is_read(desk):
    new = NewCallback(service="Sales", customer_number="916504661232", number_e164="+16504661232", **FULL)
    created = await desk.store.create(new, event="T02", actor="admin", now=NOW, user="alice")
    read = await desk.fresh(created)
    assert read == created
    for name, value in FULL.items():
        assert getattr(read, name) == value, name
    assert (read.state, read.phase, read.version, read.call_result) == (State.SCHEDULED, None, 1, CallResult.UNKNOWN)
    [entry] = await desk.store.history(read.id)
    assert (entry.event, entry.from_state, entry.to_state, entry.actor, entry.user) == (
        "T02", None, State.SCHEDULED, Actor.ADMIN, "alice",
    )  # fmt: skip


async def test_an_immediate_callback_is_desired_at_once_and_has_a_session(desk):
    callback = await desk.book()
    assert callback.desired_time == callback.created_at == callback.accepted_at == NOW
    assert (callback.state, callback.phase) == (State.QUEUED, Phase.SUBMITTING)
    assert re.fullmatch("[A-Z2-7]{32}", callback.session_id)
    assert callback.root_id == callback.id


async def test_a_paused_service_books_paused_callbacks_that_know_where_to_go_on(desk):
    new = NewCallback(service="Sales", customer_number="1", resume_state=State.QUEUED)
    paused = await desk.store.create(new, event="T03", actor="api", now=NOW)
    assert (paused.state, paused.resume_state, paused.paused_at) == (State.PAUSED, State.QUEUED, NOW)
    for event, resume in (("T03", None), ("T01", State.QUEUED), ("T03", State.ROUTING)):
        with pytest.raises(InvalidTransition):
            await desk.store.create(dataclasses.replace(new, resume_state=resume), event=event, actor="api", now=NOW)


async def test_ids_carry_the_number_of_their_service(desk):
    first, again = await desk.book("+1"), await desk.book("+2")
    other = await desk.book("+3", service="Billing")
    assert [re.match(r"(\d+)-[0-9a-f-]{36}$", one.id)[1] for one in (first, again, other)] == ["1", "1", "2"]
    assert await desk.store.service_number("Billing") == 2
    assert sorted(await asyncio.gather(*(desk.store.service_number(f"S{n}") for n in range(5)))) == [3, 4, 5, 6, 7]


async def test_an_id_is_used_once(desk):
    first = await desk.book(id="9-abc")
    with pytest.raises(DuplicateCallback):
        await desk.book("+2", id="9-abc")
    doubles = await asyncio.gather(*(desk.book(f"+3{n}", id="9-def") for n in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in doubles) == ["Callback", "DuplicateCallback", "DuplicateCallback"]
    assert await desk.fresh(first) == first


async def test_times_are_kept_in_utc_to_the_millisecond(desk):
    moment = datetime(2026, 7, 1, 12, 0, 0, 123999, tzinfo=timezone(timedelta(hours=2)))
    callback = await desk.book(desired_time=moment)
    assert callback.desired_time == datetime(2026, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)
    assert (await desk.fresh(callback)).desired_time.utcoffset() == timedelta(0)


async def test_a_time_without_zone_is_refused(desk):
    with pytest.raises(ValueError, match="without zone"):
        await desk.book(desired_time=datetime(2026, 7, 1, 12, 0))  # noqa: DTZ001


async def test_of_many_bookings_for_the_last_place_exactly_one_gets_it(desk, other):
    open_ones = Limit(CallbackFilter(services=frozenset({"Sales"}), numbers=frozenset({"+1"}), open_only=True), 2)
    in_all = Limit(CallbackFilter(services=frozenset({"Sales"})), 100)

    async def book(store):
        new = NewCallback(service="Sales", customer_number="+1", number_e164="+1")
        return await store.create(new, event="T01", actor="api", now=NOW, limits=[in_all, open_ones])

    made = await asyncio.gather(*(book(store) for store in (desk.store, other) * 6), return_exceptions=True)
    refused = [one for one in made if isinstance(one, LimitReached)]
    assert len(made) - len(refused) == 2
    assert all((one.limit, one.count) == (open_ones, 2) for one in refused)
    callback = next(one for one in made if not isinstance(one, LimitReached))
    await desk.move(callback, "T80", "api")
    assert (await book(other)).state is State.QUEUED


async def test_an_unknown_callback_is_said_to_be_unknown(desk):
    assert await desk.store.get("1-nothing") is None
    assert await desk.store.history("1-nothing") == []
    with pytest.raises(UnknownCallback, match="1-nothing"):
        await desk.store.transition("1-nothing", 1, "T80", actor="api", now=NOW)
    with pytest.raises(UnknownCallback):
        await desk.store.begin_attempt("1-nothing", 1, now=NOW)


async def test_a_change_on_an_old_version_is_refused_and_writes_nothing(desk):
    callback = await desk.waiting()
    moved = await desk.move(callback, "T60")
    with pytest.raises(VersionConflict) as refused:
        await desk.move(callback, "T50")
    assert (refused.value.expected, refused.value.found) == (callback.version, moved.version)
    assert await desk.fresh(callback) == moved
    assert await desk.events(callback) == ["T01", "T05", "T60"]


async def test_of_many_changes_on_one_version_exactly_one_is_made(desk):
    callback = await desk.waiting()
    events = ["T60", "T50", "T85", "T51", "T60", "T50"]
    reasons = {"T51": {"reason": "FAIL_CALL_TO_CUSTOMER"}}
    made = await asyncio.gather(
        *(desk.move(callback, event, changes=reasons.get(event)) for event in events), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in made) == 1
    assert sum(isinstance(one, VersionConflict) for one in made) == 5
    assert len(await desk.events(callback)) == 3


async def test_fields_without_a_transition_can_be_updated_and_others_not(desk):
    callback = await desk.book(lookup={"account": "A-1"})
    updated = await desk.store.update(
        callback.id,
        callback.version,
        now=desk.later(1),
        changes={"user_data": {"a": 1}, "priority": 5, "agent_id": "x"},
    )
    assert (updated.user_data, updated.priority, updated.version) == ({"a": 1}, 5, 2)
    assert await desk.fresh(callback) == updated
    for name in ("state", "attempts", "number_e164", "version"):
        with pytest.raises(InvalidTransition, match=name):
            await desk.store.update(callback.id, None, now=NOW, changes={name: 1})


async def test_callbacks_are_found_by_what_they_are(desk):
    early = await desk.book("+1", desired_time=NOW + timedelta(hours=1), lookup={"account": "A", "city": "X"})
    late = await desk.book("+2", desired_time=NOW + timedelta(hours=3), lookup={"account": "B", "city": "X"})
    other = await desk.book("+1", service="Billing", type="scheduled", desired_time=NOW + timedelta(hours=2))
    cancelled = await desk.move(await desk.book("+4"), "T80", "api")

    async def ids(**wanted):
        return [found.id for found in await desk.store.find(CallbackFilter(**wanted))]

    assert await ids() == [late.id, other.id, early.id, cancelled.id]
    assert await ids(services=frozenset({"Billing"})) == [other.id]
    assert await ids(numbers=frozenset({"+1"})) == [other.id, early.id]
    assert await ids(states=frozenset({State.COMPLETED})) == [cancelled.id]
    assert await ids(reasons=frozenset({"CANCELLED"})) == [cancelled.id]
    assert await ids(open_only=True, limit=2) == [late.id, other.id]
    assert await ids(phases=frozenset({Phase.SUBMITTING}), types=frozenset({"scheduled"})) == [other.id]
    assert await ids(desired_from=NOW + timedelta(hours=1), desired_until=NOW + timedelta(hours=3)) == [
        other.id,
        early.id,
    ]
    assert await ids(lookup={"account": "A"}) == [early.id]
    assert await ids(lookup={"account": "A", "city": "X"}) == [early.id]
    assert await ids(lookup={"account": "A", "city": "Y"}) == []
    assert await ids(lookup={"account": "A", "city": "X"}, operand="OR") == [late.id, early.id]
    assert await ids(created_until=NOW) == []
    assert await ids(ids=frozenset({late.id, early.id}), order="created_at") == sorted([late.id, early.id])
    assert await desk.store.count(CallbackFilter(numbers=frozenset({"+1", "+2"}))) == 3
    assert await desk.store.counts() == {
        ("Sales", State.QUEUED): 2, ("Sales", State.COMPLETED): 1, ("Billing", State.QUEUED): 1,
    }  # fmt: skip


async def test_the_legacy_name_of_a_reason_finds_both(desk):
    for number, reason in (("+1", "FAIL_CALL_TO_CUSTOMER"), ("+2", "FAIL_USER_UNREACHABLE")):
        await desk.move(await desk.waiting(number), "T51", changes={"reason": reason, "reason_detail": "push"})
    for reason in ("FAIL_CALL_TO_CUSTOMER", "FAIL_USER_UNREACHABLE"):
        assert await desk.store.count(CallbackFilter(reasons=frozenset({reason}))) == 2


async def test_the_journal_keeps_steps_in_order_of_time(desk):
    callback = await desk.book()
    entries = [
        JournalEntry(at=NOW + n * MS, t_ms=float(n), kind="sip", text=f"step {n}", data={"n": [n]}, attempt=1)
        for n in range(5)
    ]  # fmt: skip
    await asyncio.gather(
        desk.store.add_journal(callback.id, entries[3:]), desk.store.add_journal(callback.id, entries[:3])
    )
    await desk.store.add_journal(callback.id, [])
    assert await desk.store.journal(callback.id) == entries


async def test_completed_callbacks_are_deleted_when_their_retention_is_over(desk):
    over = await desk.move(
        await desk.waiting("+1", expires_at=NOW + timedelta(hours=1), lookup={"a": "1"}), "T80", "api"
    )
    still = await desk.move(await desk.waiting("+2", expires_at=NOW + timedelta(hours=2)), "T80", "api")
    open_one = await desk.book("+3", expires_at=NOW)
    await desk.store.add_journal(over.id, [JournalEntry(at=NOW, t_ms=0.0, kind="state", text="x")])
    assert await desk.store.remove_expired(now=NOW + timedelta(hours=1)) == [over.id]
    assert await desk.store.get(over.id) is None
    assert await desk.store.history(over.id) == await desk.store.journal(over.id) == []
    assert {one.id for one in await desk.store.find(CallbackFilter())} == {still.id, open_one.id}


async def test_nodes_say_that_they_live(desk):
    await desk.store.heartbeat(now=NOW, region="west", url="http://n1", sessions=3)
    await desk.store.heartbeat(now=NOW, node="n2")
    await desk.store.heartbeat(now=desk.later(5), draining=True)
    nodes = {node.name: node for node in await desk.store.nodes()}
    assert set(nodes) == {"n1", "n2"}
    assert (nodes["n1"].heartbeat_at, nodes["n1"].draining, nodes["n1"].sessions) == (desk.now, True, 0)


@pytest.mark.parametrize(
    "text", ["", "'; DROP TABLE callback; --", "\u202e right to left \U0001f4de", "long " * 2000, '\\ % _ " \n \t']
)
async def test_any_text_is_kept_as_it_is(desk, text):
    callback = await desk.book(user_data={text or "empty": text}, target=text, lookup={"key": text})
    assert await desk.fresh(callback) == callback
    assert [one.id for one in await desk.store.find(CallbackFilter(lookup={"key": text}))] == [callback.id]
