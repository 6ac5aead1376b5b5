"""The Callback Interaction resource: callbacks shown, foreign interactions kept with every call result there is."""

import pytest

from dialer.callback.call_result import CallResult

INTERACTIONS = "/api/v1/interactions"
CREATE = "/genesys/1/service/callback/Sales"
FOREIGN = {
    "entity_type": 2,
    "type": "inbound",
    "start_time": "2026-03-02T16:00:00.000Z",
    "customer_number": "+16505550123",
}


async def booked(client, **more):
    return (await client.post(CREATE, json={"_customer_number": "+16505550123", **more})).json()["_id"]


async def test_a_callback_is_an_interaction_by_either_of_its_ids(client):
    callback_id = await booked(client, customer_id="C-7", subject="a bill")
    uuid = callback_id.partition("-")[2]
    shown = (await client.get(f"{INTERACTIONS}/{uuid}")).json()
    assert shown == (await client.get(f"{INTERACTIONS}/{callback_id}")).json()
    assert shown["interaction_id"] == uuid
    assert (shown["entity_type"], shown["type"], shown["sub_type"]) == (5, "outbound", "ImmediateCallback")
    assert (shown["callback_status"], shown["status"], shown["call_result"]) == (1, 0, 28)
    assert (shown["customer_id"], shown["subject"]) == ("C-7", "a bill")
    assert shown["start_time"] == "2026-03-02T16:00:00.000Z"
    assert (await client.get(f"{INTERACTIONS}/{uuid}/children")).json()["items"] == []


@pytest.mark.parametrize("code", CallResult)
async def test_every_call_result_is_kept_with_a_foreign_interaction(client, code):
    made = await client.post(INTERACTIONS, json=FOREIGN | {"call_result": int(code)})
    assert made.status_code == 201
    shown = (await client.get(f"{INTERACTIONS}/{made.json()['interaction_id']}")).json()
    assert shown == made.json()
    assert shown["call_result"] == code
    assert shown["callback_status"] == 0


async def test_an_interaction_without_a_call_has_the_result_ok(client):
    assert (await client.post(INTERACTIONS, json=FOREIGN)).json()["call_result"] == 0


async def test_clients_write_what_is_theirs_and_nothing_else(client):
    callback_id = await booked(client, a="1")
    change = {"category_id": "billing", "text": "will pay", "udata": {"b": "2"}}
    shown = (await client.patch(f"{INTERACTIONS}/{callback_id}", json=change)).json()
    assert (shown["category_id"], shown["text"], shown["udata"]) == ("billing", "will pay", {"a": "1", "b": "2"})
    refused = await client.patch(f"{INTERACTIONS}/{callback_id}", json={"call_result": 33})
    assert refused.status_code == 422
    assert "call_result" in refused.json()["detail"]
    again = (await client.patch(f"{INTERACTIONS}/{callback_id}", json={"subject": "bill"})).json()
    assert (again["category_id"], again["subject"]) == ("billing", "bill")


async def test_a_foreign_interaction_is_changed_and_merged_too(client):
    made = (await client.post(INTERACTIONS, json=FOREIGN | {"udata": {"a": 1}})).json()["interaction_id"]
    shown = (await client.patch(f"{INTERACTIONS}/{made}", json={"udata": {"b": 2}, "subject": "x"})).json()
    assert (shown["udata"], shown["subject"], shown["customer_number"]) == ({"a": 1, "b": 2}, "x", "+16505550123")


async def test_children_name_their_predecessor(client):
    callback_id = await booked(client)
    uuid = callback_id.partition("-")[2]
    await client.post(INTERACTIONS, json=FOREIGN | {"interaction_id": "leg-1", "entity_type": 3, "parent_id": uuid})
    items = (await client.get(f"{INTERACTIONS}/{callback_id}/children")).json()["items"]
    assert [item["interaction_id"] for item in items] == ["leg-1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"call_result": 54},
        {"entity_type": 4},
        {"structured_text": "https://x/1"},
        {"binary_content": "https://x/1", "binary_content_mime": "image/png"},
        {"start_time": "2026-03-02T16:00:00"},
        {"no_such_field": 1},
        {"customer_number": ""},
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(client, wrong):
    refused = await client.post(INTERACTIONS, json=FOREIGN | wrong)
    assert refused.status_code == 422
    assert refused.json()["detail"]


async def test_an_id_is_given_once(client):
    callback_id = await booked(client)
    for taken in (callback_id.partition("-")[2], "mine"):
        first = await client.post(INTERACTIONS, json=FOREIGN | {"interaction_id": taken})
        second = await client.post(INTERACTIONS, json=FOREIGN | {"interaction_id": taken})
        assert second.status_code == 409
        assert first.status_code == (201 if taken == "mine" else 409)


async def test_who_asks_for_what_is_not_there_gets_404(client):
    for path in ("nothing", "nothing/children"):
        assert (await client.get(f"{INTERACTIONS}/{path}")).status_code == 404
    assert (await client.patch(f"{INTERACTIONS}/nothing", json={})).status_code == 404
