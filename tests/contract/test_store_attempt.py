import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.callback.call_result import CallResult, DialResult
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import AttemptResult, JournalEntry
from dialer.callback.state import Actor, Phase, State
from dialer.store import AttemptClosed, AttemptConflict, UnknownCallback, Unstorable, VersionConflict

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
BUSY = AttemptResult(call_result=CallResult.BUSY, sip_status=486, q850=17)
ANSWER = AttemptResult(call_result=CallResult.ANSWER, sip_status=200, verdict="human", answered_at=NOW)


async def test_the_attempt_is_written_with_the_transition_and_before_the_call_returns(desk, other):
    callback = await desk.waiting()
    dialing, attempt = await desk.dial(callback)
    assert await other.attempts(callback.id) == [attempt]
    assert await other.get(callback.id) == dialing
    assert (dialing.state, dialing.phase, dialing.dials) == (State.QUEUED, Phase.DIALING, 1)
    assert (dialing.node, dialing.lease_until) == ("n1", NOW + timedelta(seconds=30))
    assert dialing.first_dial_at == NOW
    assert (attempt.n, attempt.number, attempt.open, attempt.node) == (1, "+16504661232", True, "n1")
    assert await desk.events(callback) == ["T01", "T05", "T30"]


async def test_dialling_begins_with_an_attempt_and_in_no_other_way(desk):
    callback = await desk.waiting()
    with pytest.raises(InvalidTransition, match=r"use Store\.begin_attempt"):
        await desk.move(callback, "T30")
    with pytest.raises(InvalidTransition, match="does not begin an attempt"):
        await desk.dial(callback, event="T60")
    assert await desk.fresh(callback) == callback


async def test_a_failed_attempt_ends_with_its_result_and_is_counted(desk):
    _, attempt = await desk.dial(await desk.waiting())
    ended_at, again_at = desk.later(12), desk.now + timedelta(minutes=5)
    after = await desk.store.end_attempt(
        attempt, event="T32", actor="engine", now=ended_at, result=BUSY, changes={"next_dial_at": again_at}, note="busy"
    )
    assert (after.phase, after.attempts, after.call_result, after.next_dial_at) == (Phase.RETRY_WAIT, 1, 6, again_at)
    assert (after.node, after.lease_until) == (None, None)
    [closed] = await desk.store.attempts(after.id)
    assert (closed.ended_at, closed.call_result, closed.dial_result) == (ended_at, CallResult.BUSY, DialResult.BUSY)
    assert (closed.sip_status, closed.q850, closed.counted) == (486, 17, True)
    assert (await desk.store.history(after.id))[-1].note == "busy"


async def test_an_answered_attempt_stays_open_until_the_customer_has_gone(desk):
    _, attempt = await desk.dial(await desk.waiting())
    routing, answered = await desk.store.answer_attempt(attempt, now=desk.later(3), result=ANSWER)
    assert (routing.state, routing.phase, routing.call_result) == (State.ROUTING, Phase.AGENT_WAIT, 33)
    assert (answered.open, answered.verdict, answered.answered_at) == (True, "human", NOW)
    ringing = await desk.move(routing, "T35a", changes={"agent_id": "a1"})
    talking = await desk.move(ringing, "T35", "agent")
    assert talking.state is State.PROCESSING
    done = await desk.store.end_attempt(
        attempt, event="T73", actor="customer", now=desk.later(60), version=talking.version,
        result=AttemptResult(call_result=CallResult.ANSWER, evidence={"mos": 4.1}), changes={"reason_detail": "talked"},
    )  # fmt: skip
    assert (done.state, done.reason, done.reason_detail, done.attempts) == (
        State.COMPLETED, "AGENT_CONNECTED", "talked", 1,
    )  # fmt: skip
    [closed] = await desk.store.attempts(done.id)
    assert (closed.answered_at, closed.verdict, closed.sip_status, closed.evidence) == (NOW, "human", 200, {"mos": 4.1})


async def test_what_is_known_at_the_end_is_laid_over_what_was_known_at_the_answer(desk):
    _, attempt = await desk.dial(await desk.waiting())
    first = AttemptResult(call_result=CallResult.ANSWER, verdict="human", evidence={"words": 7})
    _, answered = await desk.store.answer_attempt(attempt, now=NOW, result=first)
    assert (answered.verdict, answered.evidence, answered.open) == ("human", {"words": 7}, True)
    later = AttemptResult(call_result=CallResult.ABANDONED, evidence={"mos": 4.1})
    gone = {"reason": "FAIL_INTERACTION_DELETED", "reason_detail": "customer_hangup"}
    await desk.store.end_attempt(attempt, event="T38", actor="customer", now=NOW, result=later, changes=gone)
    [closed] = await desk.store.attempts(attempt.callback_id)
    assert (closed.call_result, closed.verdict, closed.open) == (CallResult.ABANDONED, "human", False)
    assert closed.evidence == {"words": 7, "mos": 4.1}


async def test_a_callback_is_never_on_two_calls(desk):
    dialing, attempt = await desk.dial(await desk.waiting())
    with pytest.raises(InvalidTransition):
        await desk.dial(dialing)
    await desk.store.end_attempt(
        attempt, event="T32", actor="engine", now=NOW, result=BUSY, changes={"next_dial_at": NOW}
    )
    [again] = await desk.store.claim("n1", now=NOW)
    _, second = await desk.dial(again)
    assert second.n == 2
    with pytest.raises(AttemptClosed):
        await desk.store.end_attempt(attempt, event="T32", actor="engine", now=NOW, result=BUSY)


async def test_a_number_is_never_on_two_calls(desk):
    one, two = await desk.waiting("+1650"), await desk.waiting("+1650", service="Billing")
    other = await desk.waiting("+1651")
    _, attempt = await desk.dial(one)
    with pytest.raises(AttemptConflict) as refused:
        await desk.dial(two)
    assert refused.value.holder == one.id
    assert await desk.fresh(two) == two
    await desk.dial(other)
    await desk.store.end_attempt(attempt, event="T32", actor="engine", now=NOW, result=BUSY)
    assert (await desk.dial(two))[1].open


async def test_of_many_callbacks_to_one_number_one_is_dialled(desk):
    waiting = [await desk.waiting("+1650") for _ in range(8)]
    made = await asyncio.gather(*(desk.dial(one) for one in waiting), return_exceptions=True)
    assert sum(isinstance(one, tuple) for one in made) == 1
    assert sum(isinstance(one, AttemptConflict) for one in made) == 7
    assert len(await desk.store.open_attempts()) == 1


async def test_two_nodes_never_dial_one_number_at_once(desk, other):
    for round_ in range(10):
        mine, theirs = await desk.waiting(f"+{round_}"), await desk.waiting(f"+{round_}", service="Billing")
        made = await asyncio.gather(
            desk.dial(mine), other.begin_attempt(theirs.id, theirs.version, now=NOW), return_exceptions=True
        )
        assert sum(isinstance(one, tuple) for one in made) == 1, made
        assert sum(isinstance(one, AttemptConflict) for one in made) == 1, made


async def test_a_number_that_does_not_parse_is_locked_as_it_was_received(desk):
    one = await desk.waiting("sip:bob@example.org", number_e164=None)
    two = await desk.waiting("sip:bob@example.org", number_e164=None)
    await desk.dial(one)
    with pytest.raises(AttemptConflict):
        await desk.dial(two)


async def test_what_ends_an_attempt_goes_with_its_result(desk):
    dialing, _ = await desk.dial(await desk.waiting())
    for event in ("T32", "T34", "T21"):
        with pytest.raises(InvalidTransition, match=r"use Store\.end_attempt"):
            await desk.move(dialing, event, changes={"reason": "FAIL_CALL_TO_CUSTOMER"} if event == "T34" else {})
    assert await desk.fresh(dialing) == dialing


async def test_a_cancel_leaves_the_attempt_to_who_has_the_leg(desk):
    dialing, attempt = await desk.dial(await desk.waiting())
    cancelled = await desk.move(dialing, "T80", "api", changes={"reason_detail": "api"})
    assert (cancelled.state, cancelled.reason, cancelled.call_result) == (State.COMPLETED, "CANCELLED", 52)
    assert [one.open for one in await desk.store.attempts(dialing.id)] == [True]
    twin = await desk.waiting("+16504661232", service="Billing")
    with pytest.raises(AttemptConflict):  # the leg is still being released
        await desk.dial(twin)
    released = AttemptResult(call_result=CallResult.CANCEL_RECORD, sip_status=487)
    after = await desk.store.close_attempt(attempt, now=desk.later(1), result=released)
    assert (after.state, after.attempts, after.call_result, after.node) == (State.COMPLETED, 0, 52, None)
    assert (await desk.store.attempts(dialing.id))[0].counted is False
    assert await desk.store.close_attempt(attempt, now=desk.later(1), result=released) == after
    assert (await desk.dial(twin))[1].open


async def test_a_disposition_is_not_overwritten_by_the_end_of_the_leg(desk):
    _, attempt = await desk.dial(await desk.waiting())
    routing, _ = await desk.store.answer_attempt(attempt, now=NOW, result=ANSWER)
    talking = await desk.move(await desk.move(routing, "T35a"), "T35", "agent")
    wrong = {"call_result": CallResult.WRONG_NUMBER, "reason_detail": "disposition:wrong"}
    await desk.move(talking, "T73", "agent", changes=wrong)
    after = await desk.store.close_attempt(attempt, now=NOW, result=AttemptResult(call_result=CallResult.ANSWER))
    assert after.call_result is CallResult.WRONG_NUMBER
    assert (await desk.store.attempts(after.id))[0].call_result is CallResult.ANSWER


async def test_a_node_lost_during_the_survey_leaves_the_talks_result(desk):
    _, attempt = await desk.dial(await desk.waiting())
    routing, _ = await desk.store.answer_attempt(attempt, now=NOW, result=ANSWER)
    talking = await desk.move(await desk.move(routing, "T35a"), "T35", "agent")
    done = await desk.move(talking, "T73", "agent", changes={"reason_detail": "talked"})
    await desk.store.recover(now=desk.later(60), node="n1")
    after = await desk.fresh(done)
    assert (after.state, after.reason, after.call_result, after.attempts) == (State.COMPLETED, "AGENT_CONNECTED", 33, 1)
    [closed] = await desk.store.attempts(after.id)
    assert (closed.open, closed.call_result, closed.counted) == (False, CallResult.ANSWER, True)


async def test_free_results_do_not_count_ten_times_in_a_row(desk):
    callback = await desk.waiting()
    stale = AttemptResult(call_result=CallResult.NO_FREE_PORT_ERROR)
    for n in range(1, 13):
        _, attempt = await desk.dial(callback)
        assert attempt.n == n
        await desk.store.end_attempt(attempt, event="T32", actor="engine", now=NOW, result=stale)
        [callback] = await desk.store.claim("n1", now=NOW)
        assert (callback.attempts, callback.free_in_a_row) == ((0, n) if n < 11 else (1, n - 11))
    counted = [one.counted for one in await desk.store.attempts(callback.id)]
    assert counted == [False] * 10 + [True, False]


async def test_the_caller_may_say_whether_an_attempt_counts(desk):
    _, attempt = await desk.dial(await desk.waiting())
    told = AttemptResult(call_result=CallResult.BUSY, counted=False, dial_result=DialResult.UNKNOWN)
    after = await desk.store.end_attempt(attempt, event="T32", actor="engine", now=NOW, result=told)
    assert (after.attempts, after.free_in_a_row) == (0, 1)
    assert (await desk.store.attempts(after.id))[0].dial_result is DialResult.UNKNOWN


async def test_agent_first_dials_the_customer_from_the_agents_call(desk):
    callback = await desk.waiting()
    preview = await desk.move(callback, "T40", to=(State.ROUTING, Phase.AGENT_PREVIEW), changes={"agent_id": "a1"})
    ringing = await desk.move(preview, "T43a", "agent")
    dialing, attempt = await desk.dial(ringing, event="T43")
    assert (dialing.state, dialing.phase) == (State.ROUTING, Phase.CUSTOMER_DIAL)
    talking, _ = await desk.store.answer_attempt(attempt, event="T44", now=NOW, result=ANSWER)
    assert (talking.state, talking.phase, talking.call_result) == (State.PROCESSING, Phase.TALKING, 33)


async def test_the_wrong_actor_or_reason_is_refused_and_the_attempt_stays_open(desk):
    dialing, attempt = await desk.dial(await desk.waiting())
    for event, actor, changes in (
        ("T34", "api", {"reason": "FAIL_CALL_TO_CUSTOMER"}),
        ("T34", "engine", {}),
        ("T34", "engine", {"reason": "FAIL_CALL_TO_CUSTOMER", "reason_detail": "nonsense"}),
        ("T73", "engine", {}),
    ):
        with pytest.raises(InvalidTransition):
            await desk.store.end_attempt(attempt, event=event, actor=actor, now=NOW, result=BUSY, changes=changes)
    with pytest.raises(VersionConflict):
        await desk.store.end_attempt(attempt, event="T32", actor="engine", now=NOW, result=BUSY, version=1)
    assert await desk.fresh(dialing) == dialing
    assert await desk.store.attempts(dialing.id) == [attempt]


async def test_one_that_is_refused_does_not_disturb_those_written_with_it(desk):
    fine = [await desk.waiting(f"+1{n}") for n in range(5)]
    stuck = await desk.waiting("+2")
    before = desk.store.transactions
    made = await asyncio.gather(
        *(desk.dial(one) for one in fine[:3]),
        desk.store.transition(stuck.id, stuck.version, "T30", actor="engine", now=NOW),
        desk.store.transition("1-none", 1, "T80", actor="api", now=NOW),
        *(desk.dial(one) for one in fine[3:]),
        return_exceptions=True,
    )
    assert [type(one).__name__ for one in made] == ["tuple"] * 3 + ["InvalidTransition", "UnknownCallback"] + [
        "tuple"
    ] * 2
    assert desk.store.transactions - before <= 2  # the first may go alone, the others share one
    assert len(await desk.store.open_attempts()) == 5


async def test_one_that_the_database_does_not_take_does_not_disturb_those_written_with_it(desk):
    fine = [await desk.waiting(f"+1{n}") for n in range(4)]
    entry = JournalEntry(at=NOW, t_ms=0.0, kind="sip", text="x", data={"what": object()})
    made = await asyncio.gather(
        desk.dial(fine[0]),
        desk.store.add_journal(fine[0].id, [entry]),
        desk.dial(fine[1]),
        desk.store.add_journal("1-none", [JournalEntry(at=NOW, t_ms=0.0, kind="sip", text="x")]),
        desk.dial(fine[2], changes={"priority": "not a number"}),
        desk.dial(fine[3]),
        return_exceptions=True,
    )
    assert [isinstance(made[n], tuple) for n in (0, 2, 5)] == [True] * 3
    assert isinstance(made[1], Unstorable)
    assert isinstance(made[3], UnknownCallback)
    assert len(await desk.store.open_attempts()) >= 3


async def test_history_says_who_did_what(desk):
    dialing, attempt = await desk.dial(await desk.waiting(), note="first")
    await desk.move(dialing, "T81", "admin", user="alice", note="by hand", changes={"cancelled_by": "alice"})
    entries = await desk.store.history(dialing.id)
    assert [(entry.event, entry.actor, entry.user, entry.note) for entry in entries] == [
        ("T01", Actor.API, None, ""),
        ("T05", Actor.ENGINE, None, ""),
        ("T30", Actor.ENGINE, None, "first"),
        ("T81", Actor.ADMIN, "alice", "by hand"),
    ]
    assert (entries[-1].from_phase, entries[-1].to_state, entries[-1].to_phase) == (
        Phase.DIALING,
        State.COMPLETED,
        None,
    )
    assert attempt.callback_id == dialing.id
