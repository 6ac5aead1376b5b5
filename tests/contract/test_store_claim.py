import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.record import AttemptResult
from dialer.callback.state import Phase, State
from dialer.store import AttemptClosed, AttemptConflict, VersionConflict

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
BUSY = AttemptResult(call_result=CallResult.BUSY)
ANSWER = AttemptResult(call_result=CallResult.ANSWER, verdict="human", answered_at=NOW)


async def test_a_submitted_callback_is_taken_under_a_lease(desk):
    booked = await desk.book()
    [taken] = await desk.store.claim("n1", now=desk.later(2), limit=10, lease_s=15)
    assert taken.id == booked.id
    assert (taken.state, taken.phase, taken.in_queue) == (State.QUEUED, Phase.WAITING, True)
    assert (taken.node, taken.lease_until, taken.queued_at) == ("n1", desk.now + timedelta(seconds=15), desk.now)
    assert await desk.store.claim("n1", now=desk.now) == []
    assert await desk.fresh(booked) == taken


async def test_the_best_are_taken_first(desk):
    for number, priority, seconds in (("+1", 0, 0), ("+2", 5, 1), ("+3", 5, 2), ("+4", -1, 3)):
        desk.now = NOW + timedelta(seconds=seconds)
        await desk.book(number, priority=priority)
    order = []
    for _ in range(4):
        order += [one.number for one in await desk.store.claim("n1", now=desk.later(1), limit=1)]
    assert order == ["+2", "+3", "+1", "+4"]


async def test_a_retry_is_taken_when_it_is_due_and_not_before(desk):
    _, attempt = await desk.dial(await desk.waiting())
    due = desk.now + timedelta(seconds=300)
    ended = await desk.store.end_attempt(
        attempt, event="T32", actor="engine", now=desk.now, result=BUSY, changes={"next_dial_at": due}
    )
    assert await desk.store.claim("n1", now=due - timedelta(milliseconds=1)) == []
    [taken] = await desk.store.claim("n2", now=due)
    assert (taken.phase, taken.node, taken.next_dial_at, taken.queued_at) == (
        Phase.WAITING, "n2", None, ended.queued_at,
    )  # fmt: skip
    assert (await desk.events(taken))[-1] == "T33"


async def test_a_resumed_callback_waits_for_any_node(desk):
    paused = await desk.move(await desk.waiting(), "T20", "admin")
    assert (paused.state, paused.resume_state, paused.node) == (State.PAUSED, State.QUEUED, None)
    assert await desk.store.claim("n2", now=desk.later(1)) == []
    resumed = await desk.move(paused, "T23", "admin", to=(State.QUEUED, Phase.WAITING))
    [taken] = await desk.store.claim("n2", now=desk.later(1))
    assert (taken.node, taken.queued_at, taken.version) == ("n2", paused.queued_at, resumed.version + 1)
    assert (await desk.events(taken))[-1] == "T23"


async def test_two_nodes_claiming_at_once_never_get_the_same_callback(desk, other):
    booked = [await desk.book(f"+{n}") for n in range(120)]

    async def work(store, node):
        mine = []
        while taken := await store.claim(node, now=NOW, limit=7):
            mine += [one.id for one in taken]
        return mine

    shares = await asyncio.gather(*(work(store, f"n{n}") for n, store in enumerate((desk.store, other) * 3)))
    taken = [one for share in shares for one in share]
    # A claim that found all due rows locked by another node ends empty-handed though work is left; nobody loses any.
    taken += [one.id for one in await desk.store.claim("n9", now=NOW, limit=1000)]
    assert sorted(taken) == sorted(one.id for one in booked)
    assert sum(bool(share) for share in shares) >= 2


async def test_leases_are_prolonged_and_lost_ones_are_told(desk):
    mine, gone = await desk.waiting("+1"), await desk.waiting("+2")
    assert await desk.store.renew([mine.id, gone.id, "1-none"], now=desk.later(20), node="n1") == {mine.id, gone.id}
    assert (await desk.fresh(mine)).lease_until == desk.now + timedelta(seconds=30)
    assert (await desk.fresh(mine)).version == mine.version  # whoever holds it goes on with what it has
    recovered = await desk.store.recover(now=desk.later(31))
    assert {one.id for one in recovered} == {mine.id, gone.id}
    await desk.store.claim("n2", now=desk.now)
    assert await desk.store.renew([mine.id, gone.id], now=desk.later(1), node="n1") == set()


async def test_waiting_callbacks_that_are_released_are_free_at_once(desk):
    waiting, (dialing, _) = await desk.waiting("+1"), await desk.dial(await desk.waiting("+2"))
    released = await desk.store.release([waiting.id, dialing.id, "1-none"], now=desk.later(1), node="n1")
    assert len(released) == 2
    [taken] = await desk.store.claim("n2", now=desk.now)
    assert taken.id == waiting.id
    assert await desk.store.release([waiting.id], now=desk.now, node="n1") == []  # it is another's now
    [back] = await desk.store.recover(now=desk.now)
    assert back.id == dialing.id


async def test_nothing_is_recovered_while_its_lease_runs(desk):
    await desk.dial(await desk.waiting("+1"))
    await desk.waiting("+2")
    assert await desk.store.recover(now=desk.later(29)) == []
    assert await desk.store.recover(now=desk.now, node="another") == []


async def test_a_lost_dialling_callback_is_submitted_again_and_its_attempt_is_stale(desk):
    dialing, attempt = await desk.dial(await desk.waiting())
    [back] = await desk.store.recover(now=desk.later(30))
    assert (back.state, back.phase, back.node, back.lease_until) == (State.QUEUED, Phase.SUBMITTING, None, None)
    assert (back.call_result, back.attempts, back.free_in_a_row) == (46, 0, 1)
    assert back.session_id != dialing.session_id
    [closed] = await desk.store.attempts(back.id)
    assert (closed.call_result, closed.counted, closed.ended_at) == (46, False, desk.now)
    entry = (await desk.store.history(back.id))[-1]
    assert (entry.event, entry.actor, entry.note) == ("T90", "node", "node n1 lost")
    with pytest.raises(AttemptClosed):  # the lost node wakes up again
        await desk.store.end_attempt(attempt, event="T32", actor="engine", now=desk.now, result=BUSY)
    [again] = await desk.store.claim("n2", now=desk.now)
    assert (await desk.dial(again))[1].n == 2


async def test_a_customer_lost_while_waiting_is_called_again(desk):
    _, attempt = await desk.dial(await desk.waiting())
    await desk.store.answer_attempt(attempt, now=NOW, result=ANSWER)
    [back] = await desk.store.recover(now=desk.later(31))
    assert (back.phase, back.attempts, (await desk.events(back))[-1]) == (Phase.SUBMITTING, 0, "T91")
    assert (await desk.store.attempts(back.id))[0].call_result == 46


async def test_a_conversation_lost_with_its_node_has_reached_its_aim(desk):
    _, attempt = await desk.dial(await desk.waiting())
    routing, _ = await desk.store.answer_attempt(attempt, now=NOW, result=ANSWER)
    await desk.move(await desk.move(routing, "T35a"), "T35", "agent")
    [done] = await desk.store.recover(now=desk.later(31))
    assert (done.state, done.reason, done.reason_detail) == (State.COMPLETED, "AGENT_CONNECTED", "node_lost")
    assert (done.call_result, done.attempts) == (33, 1)
    [closed] = await desk.store.attempts(done.id)
    assert (closed.call_result, closed.open) == (33, False)


async def test_a_node_that_starts_anew_recovers_what_it_held(desk):
    await desk.dial(await desk.waiting("+1"))
    await desk.waiting("+2")
    await desk.waiting("+3", node="n2")
    back = await desk.store.recover(now=desk.later(1), node="n1")
    assert sorted(one.number for one in back) == ["+1", "+2"]
    assert await desk.store.open_attempts() == []
    assert await desk.store.recover(now=desk.now, node="n1") == []


async def test_an_attempt_left_open_by_a_cancel_is_recovered_too(desk):
    dialing, attempt = await desk.dial(await desk.waiting())
    cancelled = await desk.move(dialing, "T80", "api")
    assert await desk.store.recover(now=desk.later(29)) == []
    assert await desk.store.renew([cancelled.id], now=desk.now, node="n1", lease_s=10) == {cancelled.id}
    [closed] = await desk.store.recover(now=desk.later(10))
    assert (closed.id, closed.state, closed.call_result, closed.node) == (cancelled.id, State.COMPLETED, 52, None)
    assert (await desk.store.attempts(closed.id))[0].call_result == 52
    assert (await desk.dial(await desk.waiting(attempt.number)))[1].open


async def test_a_snoozed_callback_is_not_taken_while_its_last_call_is_being_released(desk):
    _, attempt = await desk.dial(await desk.waiting())
    routing, _ = await desk.store.answer_attempt(attempt, now=NOW, result=ANSWER)
    await desk.move(routing, "T70", "customer", changes={"next_dial_at": desk.now})
    assert await desk.store.claim("n2", now=desk.later(1)) == []
    released = AttemptResult(call_result=CallResult.CLEARED)
    await desk.store.close_attempt(attempt, now=desk.now, result=released)
    [taken] = await desk.store.claim("n2", now=desk.now)
    assert (taken.snoozed, taken.attempts) == (False, 1)


async def test_a_snoozed_callback_whose_node_was_lost_is_taken_when_the_lease_is_over(desk):
    _, attempt = await desk.dial(await desk.waiting())
    routing, _ = await desk.store.answer_attempt(attempt, now=NOW, result=ANSWER)
    await desk.move(routing, "T70", "customer", changes={"next_dial_at": desk.now})
    [taken] = await desk.store.claim("n2", now=desk.later(31))
    assert (taken.node, (await desk.store.attempts(taken.id))[0].call_result) == ("n2", 46)
    assert (await desk.dial(taken))[1].n == 2


async def test_a_lost_node_that_wakes_up_cannot_go_on_where_another_has_taken_over(desk):
    waiting = await desk.waiting()
    await desk.store.recover(now=desk.later(31))
    [taken] = await desk.store.claim("n2", now=desk.now)
    with pytest.raises(VersionConflict):
        await desk.dial(waiting)
    _, attempt = await desk.dial(taken, node="n2")
    assert attempt.node == "n2"
    with pytest.raises((AttemptConflict, VersionConflict)):
        await desk.dial(waiting)


async def test_of_nodes_that_recover_at_once_one_does(desk, other):
    for n in range(20):
        await desk.dial(await desk.waiting(f"+{n}"))
    desk.later(31)
    recovered = await asyncio.gather(*(store.recover(now=desk.now) for store in (desk.store, other) * 3))
    assert sorted(one.number for share in recovered for one in share) == sorted(f"+{n}" for n in range(20))
    assert await desk.store.open_attempts() == []
    for one in await desk.store.claim("n1", now=desk.now, limit=100):
        assert (await desk.events(one)).count("T90") == 1
