"""Messages and questions as the store keeps them, and which services are paused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.callback.call_result import DialResult
from dialer.callback.pause import PauseSwitch
from dialer.callback.push import Answer, PushRecord, token_digest
from dialer.callback.record import NewCallback
from dialer.store import MemoryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    made = await MemoryStore.fresh()
    yield made
    await made.close()


async def asked(store: MemoryStore, token: str = "secret") -> PushRecord:
    new = NewCallback(service="sales", customer_number="+16505550100")
    callback = await store.create(new, event="T01", actor="api", now=NOON)
    record = PushRecord(id="p1", callback_id=callback.id, event="CALLBACK_CONFIRM", created_at=NOON,
                        token_digest=token_digest(token))  # fmt: skip
    await store.begin_push(record)
    return record


async def test_a_message_is_kept_before_it_leaves_and_its_delivery_after(store: MemoryStore) -> None:
    record = await asked(store)
    assert (await store.push("p1")) == record
    assert not await store.begin_push(replace(record, event="another")), "of two with one id one is kept"
    done = replace(record, tries=2, accepted=True, detail="200", sent_at=NOON)
    await store.end_push(done)
    assert (await store.pushes(record.callback_id)) == [done]


async def test_an_acknowledgement_keeps_its_first_time_and_survives_the_delivery_report(store: MemoryStore) -> None:
    record = await asked(store)
    assert (await store.ack_push("p1", now=NOON)).acked_at == NOON
    assert (await store.ack_push("p1", now=NOON + timedelta(seconds=9))).acked_at == NOON
    await store.end_push(replace(record, tries=1, accepted=True, detail="200", sent_at=NOON))
    kept = await store.push("p1")
    assert kept.acked_at == NOON
    assert kept.dial_result is DialResult.PUSH_DELIVERY_CONFIRMED
    assert await store.ack_push("unknown", now=NOON) is None


async def test_a_token_answers_once_and_only_its_own_callback(store: MemoryStore) -> None:
    record = await asked(store)
    assert await store.answer_push("another", record.token_digest, Answer.YES, now=NOON) is None
    assert await store.answer_push(record.callback_id, token_digest("guess"), Answer.YES, now=NOON) is None
    taken = await store.answer_push(record.callback_id, record.token_digest, Answer.NO, now=NOON)
    assert (taken.answer, taken.answered_at) == (Answer.NO, NOON)
    assert await store.answer_push(record.callback_id, record.token_digest, Answer.YES, now=NOON) is None
    assert (await store.question(record.callback_id, record.token_digest)).answer is Answer.NO


async def test_the_store_holds_no_token(store: MemoryStore) -> None:
    record = await asked(store, token="tell nobody")
    assert "tell nobody" not in str(await store.pushes(record.callback_id))


async def test_what_an_operator_said_last_of_a_service_counts(store: MemoryStore) -> None:
    first = PauseSwitch(service="sales", paused=True, abort_dials=True, at=NOON, user="eve")
    await store.switch_pause(first)
    assert await store.pause_switches() == [first]
    second = PauseSwitch(service="sales", paused=False, abort_dials=False, at=NOON + timedelta(minutes=1))
    await store.switch_pause(second)
    assert await store.pause_switches() == [second]
