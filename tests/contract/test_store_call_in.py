"""Access numbers and codes: handed out in turn, matched once, free again, on both databases and by two nodes."""

from __future__ import annotations

import asyncio

import pytest

from dialer.callback.call_in import AccessWish, CallInState
from dialer.callback.call_result import CallResult, DialResult
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import AttemptResult, NewCallback
from dialer.callback.state import Phase, State
from dialer.store import AttemptConflict, NoNumberFree, RequestGone, VersionConflict

NUMBERS = {"+16505550190": "first", "+16505550191": "second", "+16505550192": ""}
MATCHED = AttemptResult(call_result=CallResult.ANSWER, dial_result=DialResult.USERORIGINATED_CONNECTED)


def wish(**fields):
    return AccessWish(**{"group": "front", "numbers": NUMBERS, "code_length": 0, "expiry_s": 30, **fields})


async def test_numbers_are_handed_out_least_recently_used_first(desk):
    given = [(await desk.store.book_access(wish(), now=desk.later(1))).to_number for _ in range(7)]
    assert given == [*NUMBERS, *NUMBERS, "+16505550190"]


async def test_a_number_added_to_the_group_comes_next(desk):
    for _ in range(3):
        await desk.store.book_access(wish(), now=desk.later(1))
    grown = {**NUMBERS, "+16505550199": "new"}
    request = await desk.store.book_access(wish(numbers=grown), now=desk.later(1))
    assert (request.to_number, request.description) == ("+16505550199", "new")


async def test_with_unique_dnis_each_number_is_out_once_and_the_next_wish_is_refused(desk):
    given = {(await desk.store.book_access(wish(unique_dnis=True), now=desk.now)).to_number for _ in NUMBERS}
    assert given == set(NUMBERS)
    with pytest.raises(NoNumberFree, match="none of the 3 numbers of call-in group front is free"):
        await desk.store.book_access(wish(unique_dnis=True), now=desk.now)
    freed = await desk.store.book_access(wish(unique_dnis=True), now=desk.later(31))
    assert freed.to_number in NUMBERS


async def test_two_nodes_at_once_never_give_one_unique_number_twice(store, other, desk):
    wishes = [node.book_access(wish(unique_dnis=True), now=desk.now) for node in (store, other) * 4]
    outcomes = await asyncio.gather(*wishes, return_exceptions=True)
    given = [outcome.to_number for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert sorted(given) == sorted(NUMBERS)
    assert sum(isinstance(outcome, NoNumberFree) for outcome in outcomes) == 5


async def test_codes_have_their_length_and_are_unique_among_active_requests_of_the_group(desk):
    codes = [(await desk.store.book_access(wish(code_length=4), now=desk.now)).access_code for _ in range(300)]
    assert all(code is not None and len(code) == 4 and code.isdigit() for code in codes)
    assert len(set(codes)) == len(codes)


async def booked(desk, **fields):
    new = NewCallback(service="dialin", customer_number="+12025550143", number_e164="+12025550143", family="v1")
    callback = await desk.store.create(new, event="T01", actor="api", now=desk.now, access=wish(**fields))
    [request] = await desk.store.call_ins_of(callback.id)
    return callback, request


async def awaited(desk, **fields):
    made, request = await booked(desk, **fields)
    [taken] = await desk.store.claim("n1", now=desk.now, lease_s=30)
    assert taken.id == made.id
    return await desk.move(taken, "T50"), request


def begin(desk, callback, request, **fields):
    terms = {"ani": "+12025550143", "result": MATCHED, "now": desk.now, "node": "n1", "lease_s": 30, **fields}
    return desk.store.begin_called_in(request.id, callback.id, callback.version, **terms)


async def test_a_callback_and_its_number_are_made_together_or_not_at_all(desk):
    callback, request = await booked(desk, unique_dnis=True, numbers={"+16505550190": ""}, code_length=6)
    assert callback.access["number"] == "+16505550190"
    assert callback.access["code"] == request.access_code
    with pytest.raises(NoNumberFree):
        await booked(desk, unique_dnis=True, numbers={"+16505550190": ""})
    assert sum((await desk.store.counts()).values()) == 1


async def test_a_match_begins_the_attempt_answered_and_only_once(desk):
    callback, request = await awaited(desk)
    after, attempt = await begin(desk, callback, request)
    assert after.position == (State.ROUTING, Phase.AGENT_WAIT)
    assert (after.call_result, after.node) == (CallResult.ANSWER, "n1")
    assert (attempt.n, attempt.call_result, attempt.dial_result) == (1, CallResult.ANSWER, "USERORIGINATED_CONNECTED")
    matched = await desk.store.call_in(request.id)
    assert (matched.state, matched.ani) == (CallInState.MATCHED, "+12025550143")
    with pytest.raises(RequestGone):
        await begin(desk, after, request)
    assert await desk.store.active_call_ins(list(NUMBERS)) == []


async def test_of_two_callers_with_one_code_exactly_one_is_matched(store, other, desk):
    callback, request = await awaited(desk)
    terms = {"ani": None, "result": MATCHED, "now": desk.now, "lease_s": 30}
    calls = [
        node.begin_called_in(request.id, callback.id, callback.version, node=node.node, **terms)
        for node in (store, other)
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(outcome) for outcome in refused] == [RequestGone]


async def test_a_match_that_is_refused_leaves_the_request_active(desk):
    made, request = await booked(desk)
    with pytest.raises(InvalidTransition):
        await begin(desk, made, request)  # it does not wait for the call yet
    with pytest.raises(VersionConflict):
        await desk.store.begin_called_in(
            request.id, made.id, 99, ani=None, result=MATCHED, now=desk.now, node="n1", lease_s=30
        )
    assert (await desk.store.call_in(request.id)).state is CallInState.ACTIVE


async def test_while_another_call_to_the_customer_is_up_no_match_begins_a_second(desk):
    callback, request = await awaited(desk)
    [rival] = [await desk.waiting("+12025550143")]
    await desk.dial(rival)
    with pytest.raises(AttemptConflict):
        await begin(desk, callback, request)
    assert (await desk.store.call_in(request.id)).state is CallInState.ACTIVE


async def test_an_expired_request_matches_nobody_and_is_swept(desk):
    callback, request = await awaited(desk)
    with pytest.raises(RequestGone):
        await begin(desk, callback, request, now=desk.later(31))
    await desk.store.sweep_call_ins(now=desk.now)
    assert (await desk.store.call_in(request.id)).state is CallInState.EXPIRED


async def test_a_callback_that_ends_first_cancels_its_request_and_frees_the_number(desk):
    callback, request = await awaited(desk, unique_dnis=True, numbers={"+16505550190": ""})
    await desk.move(callback, "T80", actor="api", changes={"reason": "CANCELLED", "reason_detail": "api"})
    await desk.store.sweep_call_ins(now=desk.now)
    assert (await desk.store.call_in(request.id)).state is CallInState.CANCELLED
    await desk.store.book_access(wish(unique_dnis=True, numbers={"+16505550190": ""}), now=desk.now)


async def test_a_second_number_for_a_callback_ends_the_first(desk):
    callback, request = await awaited(desk)
    again = await desk.store.book_access(wish(callback_id=callback.id), now=desk.later(1))
    assert again.to_number != request.to_number
    states = {each.id: each.state for each in await desk.store.call_ins_of(callback.id)}
    assert states == {request.id: CallInState.CANCELLED, again.id: CallInState.ACTIVE}


async def test_failed_matches_are_counted_and_old_requests_removed(desk):
    request = await desk.store.book_access(wish(), now=desk.now)
    await desk.store.count_failed_match([request.id])
    await desk.store.count_failed_match([request.id])
    assert (await desk.store.call_in(request.id)).attempts == 2
    desk.later(14 * 86400 + 1)
    await desk.store.sweep_call_ins(now=desk.now)
    await desk.store.remove_old_call_ins(now=desk.now)
    assert await desk.store.call_in(request.id) is None


async def test_a_lost_node_brings_the_callback_back_with_its_number_and_code(desk):
    callback, request = await awaited(desk, code_length=6)
    [back] = await desk.store.recover(now=desk.later(1), node="n1")
    assert (back.last_event, back.access["code"]) == ("T90", request.access_code)
    assert (await desk.store.call_in(request.id)).state is CallInState.ACTIVE
    assert callback.id == back.id
