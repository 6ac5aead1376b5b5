"""Push messages, pauses, and the queue's door, on both databases."""

import asyncio
from dataclasses import replace

from dialer.callback.admission import Refusal
from dialer.callback.call_result import CallResult
from dialer.callback.pause import PauseSwitch
from dialer.callback.push import Answer, PushRecord, token_digest
from dialer.callback.reason import Reason

TOKEN = token_digest("secret")


async def test_of_two_nodes_that_begin_one_message_one_does(desk, other):
    made = await desk.book()
    record = PushRecord(id="p", callback_id=made.id, event="CALLBACK_CONFIRM", created_at=desk.now, token_digest=TOKEN)
    begun = await asyncio.gather(*(store.begin_push(record) for store in (desk.store, other, desk.store)))
    assert sorted(begun) == [False, False, True]
    await other.end_push(replace(record, tries=2, accepted=True, detail="200", sent_at=desk.now))
    assert (await desk.store.push("p")).sent_at == desk.now


async def test_of_two_answers_with_one_token_one_is_taken(desk, other):
    made = await desk.book()
    record = PushRecord(id="p", callback_id=made.id, event="CALLBACK_CONFIRM", created_at=desk.now, token_digest=TOKEN)
    await desk.store.begin_push(record)
    said = await asyncio.gather(
        desk.store.answer_push(made.id, TOKEN, Answer.YES, now=desk.now),
        other.answer_push(made.id, TOKEN, Answer.NO, now=desk.now),
    )
    (taken,) = [one for one in said if one is not None]
    assert (await desk.store.push("p")).answer is taken.answer


async def test_messages_go_with_their_callback(desk):
    made = await desk.book(expires_at=desk.now)
    await desk.store.begin_push(PushRecord(id="p", callback_id=made.id, event="CALLBACK_READY", created_at=desk.now))
    await desk.move(made, "T80", "api")
    assert await desk.store.remove_expired(now=desk.later(1)) == [made.id]
    assert await desk.store.push("p") is None


async def test_every_node_reads_what_was_said_last_of_a_service(desk, other):
    said = PauseSwitch(service="Sales", paused=True, abort_dials=True, at=desk.now, user="eve")
    await desk.store.switch_pause(said)
    later = replace(said, paused=False, abort_dials=False, at=desk.later(1))
    await other.switch_pause(later)
    assert await desk.store.pause_switches() == [later]


async def test_the_queue_s_door_counts_who_is_inside_and_refuses_in_the_same_transaction(desk, other):
    await desk.waiting("+16504661230")
    booked = [await desk.book(f"+1650466123{n}") for n in range(1, 5)]
    full = Refusal("T07", Reason.FAIL_QUEUEING, "full", CallResult.QUEUE_FULL)
    seen = []

    def admit(callback, in_queue):
        seen.append(in_queue)
        return full if in_queue >= 3 else None

    taken = await other.claim("n2", now=desk.later(1), limit=100, admit=admit)
    assert sorted(seen) == [1, 2, 3, 3]
    assert len([one for one in taken if one.phase == "waiting"]) == 2
    refused = [one for one in taken if not one.open]
    assert {(one.reason, one.reason_detail, int(one.call_result), one.node) for one in refused} == {
        ("FAIL_QUEUEING", "full", 18, None)
    }
    assert {one.id for one in taken} == {one.id for one in booked}
