"""Pausing queues, answering questions and moving bookings over HTTP."""

from datetime import timedelta

import pytest

from dialer.callback.push import PushRecord, token_digest

SALES = "/genesys/1/service/callback/Sales"


def text(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def booked(client, dialer, **data):
    answer = await client.post(SALES, data={"_customer_number": "+16504661232", **data})
    assert answer.status_code == 200, answer.text
    return answer.json()["_id"]


async def test_a_queue_is_paused_and_resumed_and_what_is_booked_meanwhile_is_paused_too(client, dialer, store):
    first = await booked(client, dialer)
    await store.claim("node-1", now=dialer.house.clock.now())
    answer = await client.post("/api/v1/queues/Sales/pause", json={"abort_dials": True})
    assert (answer.status_code, answer.json()) == (200, {"name": "Sales", "paused": True, "moved": 1})
    (switch,) = await store.pause_switches()
    assert (switch.service, switch.paused, switch.abort_dials, switch.user) == ("Sales", True, True, "anonymous")
    dialer.house.clock.forward(5)
    second = await booked(client, dialer, _customer_number="+16504661233")
    kept = [await store.get(callback_id) for callback_id in (first, second)]
    assert [(one.state, one.resume_state, one.last_event) for one in kept] == [
        ("PAUSED", "QUEUED", "T20"), ("PAUSED", "QUEUED", "T03"),
    ]  # fmt: skip
    dialer.house.clock.forward(5)
    assert (await client.post("/api/v1/queues/Sales/resume")).json()["moved"] == 2
    back = [await store.get(callback_id) for callback_id in (first, second)]
    assert [one.phase for one in back] == ["waiting", "waiting"]
    assert back[0].queued_at < back[1].queued_at, "who came first is first, also of those who came during the pause"
    assert back[1].queued_at == back[1].created_at


async def test_a_configured_pause_can_be_resumed_by_an_operator(client, dialer, store):
    made = (await client.post("/genesys/1/service/callback/Paused", data={"_customer_number": "+16504661232"})).json()
    assert (await store.get(made["_id"])).state == "PAUSED"
    assert (await client.post("/api/v1/queues/Paused/resume")).json()["moved"] == 1
    assert (await store.get(made["_id"])).phase == "waiting"


async def test_what_a_crash_left_half_paused_is_moved_by_the_next_sweep(client, dialer, store):
    made = await booked(client, dialer)
    await store.claim("node-1", now=dialer.house.clock.now())
    await client.post("/api/v1/queues/Sales/pause")
    await store.transition(made, None, "T23", actor="admin", now=dialer.house.clock.now(), to=("QUEUED", "waiting"))
    assert await dialer.booking.pausing.sweep() == 1
    assert (await store.get(made)).state == "PAUSED"
    assert await dialer.booking.pausing.sweep() == 0


@pytest.mark.parametrize(("path", "body", "status"), [
    ("/api/v1/queues/nothing/pause", None, 404),
    ("/api/v1/queues/Sales/pause", {"abort": True}, 422),
    ("/api/v1/queues/Sales/pause", {"abort_dials": "perhaps"}, 422),
    ("/api/v1/customer/push/unknown/ack", None, 404),
    ("/api/v1/customer/callbacks/unknown/answer", {"token": "x", "answer": "yes"}, 404),
    ("/api/v1/customer/callbacks/unknown/answer", {"token": "x", "answer": "perhaps"}, 422),
    ("/api/v1/customer/callbacks/unknown/answer", None, 422),
])  # fmt: skip
async def test_what_makes_no_sense_is_refused(client, path, body, status):
    answer = await client.post(path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_the_token_may_stand_in_the_address_or_in_the_body_and_is_good_once(client, dialer, store):
    made = await booked(client, dialer)
    now = dialer.house.clock.now()
    await store.claim("node-1", now=now)
    await store.transition(made, None, "T60", actor="engine", now=now)
    for number, token in enumerate(("one", "two")):
        await store.begin_push(PushRecord(id=f"p{number}", callback_id=made, event="CALLBACK_CONFIRM", created_at=now,
                                          token_digest=token_digest(token)))  # fmt: skip
    path = f"/api/v1/customer/callbacks/{made}/answer"
    assert (await client.post(f"{path}?token=three", json={"answer": "yes"})).status_code == 404
    assert (await client.post(f"{path}?token=one", json={"answer": "yes"})).status_code == 200
    assert (await client.post(f"{path}?token=one", json={"answer": "no"})).status_code == 409
    answer = await client.post(path, json={"answer": "no", "token": "two"})
    assert answer.json() == {"id": made, "state": "COMPLETED", "answer": "no"}
    assert (await client.post("/api/v1/customer/push/p0/ack")).status_code == 204


async def test_a_booking_is_moved_later_or_to_now_also_while_paused(client, dialer, store):
    now = dialer.house.clock.now()
    made = await booked(client, dialer, _desired_time=text(now + timedelta(hours=1)))
    later = now + timedelta(hours=2)
    answer = await client.put(f"{SALES}/{made}", data={"_new_desired_time": text(later)})
    assert answer.json()["_desired_time"] == text(later)
    kept = await store.get(made)
    assert (kept.state, kept.last_event, kept.expires_at) == ("SCHEDULED", "T11", later + timedelta(days=14))
    unchanged = await client.put(f"{SALES}/{made}", data={"_keep_time": "true"})
    assert unchanged.json()["_desired_time"] == text(later)
    await client.post("/api/v1/queues/Sales/pause")
    latest = text(now + timedelta(hours=3))
    moved = await client.patch(f"/api/v1/callbacks/{made}", json={"desired_time": latest})
    assert (moved.json()["state"], moved.json()["last_event"]) == ("PAUSED", "T13")
    assert moved.json()["rescheduled_by"] == "anonymous"
    await client.post("/api/v1/queues/Sales/resume")
    assert (await store.get(made)).state == "SCHEDULED"
    assert (await client.put(f"{SALES}/{made}")).json()["_callback_state"] == "QUEUED"
    assert (await store.get(made)).last_event == "T12"
    refused = await client.put(f"{SALES}/{made}", data={"_new_desired_time": latest})
    assert (refused.status_code, refused.json()["exception"]) == (409, "InvalidState")


@pytest.mark.parametrize(("data", "status"), [
    ({"_new_desired_time": "2026-03-02T15:00:00.000Z"}, 400),  # more than two minutes ago
    ({"_new_desired_time": "soon"}, 400),
    ({"_id": "other"}, 400),
    ({"_new_desired_time": "2036-03-02T15:00:00.000Z"}, 400),
])  # fmt: skip
async def test_a_time_that_cannot_be_used_moves_nothing(client, dialer, store, data, status):
    made = await booked(client, dialer, _desired_time=text(dialer.house.clock.now() + timedelta(hours=1)))
    before = await store.get(made)
    assert (await client.put(f"{SALES}/{made}", data=data)).status_code == status
    assert await store.get(made) == before
    assert (await client.put(f"{SALES}/unknown", data={})).status_code == 404
