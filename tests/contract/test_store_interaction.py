"""Interactions beside the callbacks, on each database."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dialer.store import DuplicateCallback, KeptInteraction

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)


def kept(name: str, **fields) -> KeptInteraction:
    return KeptInteraction(**{"id": name, "created_at": NOW, "data": {"call_result": 20, "udata": {"a": "ü"}}} | fields)


async def test_what_is_kept_is_read_as_it_was(store):
    await store.add_interaction(kept("x", parent_id="p"))
    assert await store.interaction("x") == kept("x", parent_id="p")
    assert await store.interaction("y") is None


async def test_an_id_is_taken_once_and_keeps_what_it_had(store):
    await store.add_interaction(kept("x"))
    with pytest.raises(DuplicateCallback):
        await store.add_interaction(kept("x", data={}))
    assert await store.interaction("x") == kept("x")


async def test_changes_are_laid_over_what_was_there(store):
    await store.add_interaction(kept("x"))
    merged = await store.merge_interaction(kept("x", data={"subject": "bill"}))
    assert merged.data == {"call_result": 20, "udata": {"a": "ü"}, "subject": "bill"}
    assert await store.interaction("x") == merged


async def test_two_who_write_at_once_both_find_their_words(store, other):
    await asyncio.gather(
        *(node.merge_interaction(kept("x", data={f"{n}": n})) for n, node in enumerate((store, other) * 5))
    )
    found = await store.interaction("x")
    assert found.data == {str(n): n for n in range(10)}


async def test_children_come_in_the_order_of_their_making(store):
    for n, name in enumerate(("b", "a", "c")):
        await store.add_interaction(kept(name, parent_id="p", created_at=NOW + timedelta(seconds=n)))
    await store.add_interaction(kept("d", parent_id="q"))
    assert [child.id for child in await store.interactions_of("p")] == ["b", "a", "c"]


async def test_what_was_added_to_a_callback_goes_with_it(store, desk):
    made = await desk.book(expires_at=NOW)
    await store.merge_interaction(kept("i", callback_id=made.id))
    await desk.move(made, "T80", actor="api", changes={"reason": "CANCELLED"})
    assert await store.remove_expired(now=NOW + timedelta(days=1)) == [made.id]
    assert await store.interaction("i") is None


async def test_a_callback_is_found_by_the_part_of_its_id_after_the_service(store, desk):
    made = await desk.book()
    assert await store.callback_by_uuid(made.id.partition("-")[2]) == made.id
    assert await store.callback_by_uuid(made.id) is None
