"""The agent's desk over HTTP: previews answered in time and too late, dispositions, bodies that cannot be used."""

import asyncio
from contextlib import ExitStack
from datetime import timedelta

import pytest

from dialer.booking import CreateRequest
from dialer.events.wire import call_of
from dialer.scenario import Disposition, PreviewAnswer, Question

BODY = {"_customer_number": "+16504661232", "first_name": "Ada", "account": "4711"}


@pytest.fixture
async def callback(dialer):
    return await dialer.booking.create(CreateRequest("Sales", BODY))


@pytest.fixture
def ask(dialer, callback):
    """Asks a question of agent ann, until the test's end."""
    with ExitStack() as stack:

        def ask(what="preview", **more):
            until = dialer.house.clock.now() + timedelta(seconds=30)
            answer = asyncio.get_running_loop().create_future()
            question = Question("ann", callback, until, answer, call_of(callback, ("first_name",)), **more)
            desk = dialer.house.desk
            keeps = desk.asks_preview if what == "preview" else desk.asks_disposition
            stack.enter_context(keeps(question))
            return question

        yield ask


async def test_a_preview_is_shown_with_the_data_the_agent_may_see(client, dialer, callback, ask):
    ask()
    dialer.house.clock.forward(10)
    shown = (await client.get(f"/api/v1/agent/previews/{callback.id}?agent=ann")).json()
    assert (shown["id"], shown["agent"], shown["number"]) == (callback.id, "ann", "+16504661232")
    assert shown["user_data"] == {"first_name": "Ada"}
    assert shown["seconds_left"] == 20
    listed = (await client.get("/api/v1/agent/previews?agent=ann")).json()
    assert [item["id"] for item in listed["items"]] == [callback.id]
    assert (await client.get("/api/v1/agent/previews?agent=bob")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("accept", None, PreviewAnswer(accepted=True)),
        ("reject", {"reason": "lunch"}, PreviewAnswer(accepted=False, reason="lunch")),
        ("reject?agent=ann", None, PreviewAnswer(accepted=False)),
    ],
)
async def test_a_preview_is_answered_once(client, callback, ask, path, body, said):
    question = ask()
    url = f"/api/v1/agent/previews/{callback.id}/{path}"
    assert (await client.post(url, json=body or {})).status_code == 200
    assert question.answer.result() == said
    again = await client.post(url, json=body or {})
    assert (again.status_code, again.json()["code"]) == (410, "GONE")


async def test_only_the_agent_who_is_asked_can_answer(client, callback, ask):
    question = ask()
    answer = await client.post(f"/api/v1/agent/previews/{callback.id}/accept?agent=bob")
    assert answer.status_code == 410
    assert not question.answer.done()


async def test_a_preview_that_cannot_be_rejected_says_so(client, callback, ask):
    question = ask(may_reject=False)
    answer = await client.post(f"/api/v1/agent/previews/{callback.id}/reject")
    assert answer.status_code == 409
    assert "preview_max_rejects" in answer.json()["detail"]
    assert not question.answer.done()


async def test_an_unknown_callback_is_not_found(client):
    assert (await client.post("/api/v1/agent/previews/1-unknown/accept")).status_code == 404


async def test_a_disposition_is_taken_with_its_words(client, callback, ask):
    question = ask("disposition")
    body = {"code": "SNOOZE", "category": "billing", "note": "calls back", "snooze_s": 60}
    assert (await client.post(f"/api/v1/agent/calls/{callback.id}/disposition", json=body)).status_code == 200
    assert question.answer.result() == Disposition("SNOOZE", "billing", "calls back", 60)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"code": "two words"}, "code"),
        ({"code": ""}, "code"),
        ({"code": "OK", "snooze_s": 5}, "snooze_s goes with code SNOOZE"),
        ({"code": "SNOOZE", "snooze_s": -1}, "snooze_s"),
        ({"result": 51}, "result"),
        ([], "object"),
    ],
)
async def test_a_disposition_that_cannot_be_used_is_refused_with_the_place(client, callback, ask, body, place):
    question = ask("disposition")
    answer = await client.post(f"/api/v1/agent/calls/{callback.id}/disposition", json=body)
    assert answer.status_code == 422
    assert place in answer.json()["detail"]
    assert not question.answer.done()


async def test_a_disposition_that_nobody_asks_for_is_gone(client, callback):
    answer = await client.post(f"/api/v1/agent/calls/{callback.id}/disposition", json={"code": "OK"})
    assert answer.status_code == 410
