"""The do-not-call list, and who is on a call."""

import asyncio
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NUMBER = "+16505550123"


async def test_a_number_is_forbidden_until_it_is_allowed_again(store):
    assert not await store.is_forbidden(NUMBER)
    await store.forbid_number(NUMBER, now=NOON, callback_id="1-a")
    assert await store.is_forbidden(NUMBER)
    assert not await store.is_forbidden("+16505550124")
    assert await store.forbidden_numbers() == [(NUMBER, NOON, "1-a")]
    assert await store.allow_number(NUMBER)
    assert not await store.is_forbidden(NUMBER)
    assert not await store.allow_number(NUMBER), "it is not on the list any more"


async def test_a_number_may_be_forbidden_twice(store):
    await store.forbid_number(NUMBER, now=NOON)
    await store.forbid_number(NUMBER, now=NOON + timedelta(hours=1), callback_id="1-a")
    assert await store.forbidden_numbers() == [(NUMBER, NOON, None)], "since when it is on the list stays"


async def test_nodes_may_forbid_numbers_at_once(store, other):
    numbers = [f"+1650555{n:04}" for n in range(20)]
    for number in numbers:
        await asyncio.gather(*(node.forbid_number(number, now=NOON) for node in (store, other)))
    assert sorted(number for number, *_ in await store.forbidden_numbers()) == numbers
