"""v1 over the real application: create, query, cancel and every error."""

import asyncio
import json
import re

import pytest

from dialer.callback.state import Actor, State

CREATE = "/genesys/1/service/callback/Sales"
NUMBER = "+16504661232"
ERROR_KEYS = {"message", "exception", "error", "phrase"}


def error_of(response):
    """Status and exception of an answer that has the form of the family's errors."""
    body = response.json()
    assert set(body) == ERROR_KEYS, body
    assert body["error"] == response.status_code
    assert body["phrase"] == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", body["exception"]).upper()
    assert body["message"]
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    assert response.headers["x-correlation-id"]
    return response.status_code, body["exception"]


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"_customer_number": NUMBER, "usr_reason": "billing question"}},
        {"data": {"_customer_number": NUMBER, "usr_reason": "billing question"}},
        {"files": {"_customer_number": (None, NUMBER), "usr_reason": (None, "billing question")}},
    ],
    ids=["json", "form", "multipart"],
)
async def test_a_create_answers_like_the_documentation_and_stores_the_record(client, dialer, body):
    response = await client.post(CREATE, **body)
    assert response.status_code == 200
    answer = response.json()
    callback_id = answer.pop("_id")
    assert re.fullmatch(r"\d+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", callback_id)
    assert answer == {
        "_dialog_id": "0",
        "_action": "ConfirmationDialog",
        "_text": "You will receive the call shortly",
        "_ok_title": "Ok",
    }
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    assert response.headers["cache-control"] == "no-cache, no-store"
    assert response.headers["pragma"] == "no-cache"
    assert response.headers["expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    stored = await dialer.house.store.get(callback_id)
    assert stored.user_data == {"usr_reason": "billing question"}
    assert (stored.number_e164, stored.state, stored.origin) == (NUMBER, State.QUEUED, "api_v1")
    assert re.fullmatch(r"[A-Z2-7]{32}", stored.session_id)
    assert dialer.status.submitted == [callback_id]


async def test_the_documented_sample_request_is_accepted(client, dialer):
    fields = {
        "_customer_number": "916504661232",
        "usr_customer_name": "Bob Markel",
        "usr_reason": "billing question",
        "_device_notification_id": "b16416334828",
        "_device_os": "iOS",
    }
    headers = {"gms_user": "b16416334828b1d26ef1"}
    response = await client.post(CREATE, files={k: (None, v) for k, v in fields.items()}, headers=headers)
    assert response.status_code == 200
    stored = await dialer.house.store.get(response.json()["_id"])
    assert stored.customer_number == "916504661232"
    assert stored.push_targets == ({"channel": "FCM", "target": "b16416334828", "name": "iOS"},)
    assert stored.props["gms_user"] == "b16416334828b1d26ef1"
    assert stored.user_data == {"usr_customer_name": "Bob Markel", "usr_reason": "billing question"}


@pytest.mark.parametrize(
    ("service", "body", "status", "exception"),
    [
        ("Nobody", {"_customer_number": NUMBER}, 404, "UnknownService"),
        ("Closed", {"_customer_number": NUMBER}, 404, "UnknownService"),
        ("Sales", {}, 400, "MissingKey"),
        ("Sales", {"_customer_number": ""}, 400, "MissingKey"),
        ("Sales", {"_customer_number": "call me"}, 400, "InvalidNumber"),
        ("Sales", {"_customer_number": "12"}, 400, "InvalidNumber"),
        ("Sales", {"_customer_number": "+19002345678"}, 400, "InvalidNumber"),
        ("Sales", {"_customer_number": NUMBER, "_desired_time": "tomorrow"}, 400, "BadDesiredTime"),
        ("Sales", {"_customer_number": NUMBER, "_desired_time": "2026-03-02T15:00:00Z"}, 400, "BadDesiredTime"),
        ("Sales", {"_customer_number": NUMBER, "_desired_time": "2031-03-02T16:00:00Z"}, 400, "BadDesiredTime"),
        ("Sales", {"_customer_number": NUMBER, "_id": "1-2"}, 400, "BadParameter"),
        ("Sales", {"_customer_number": {"number": NUMBER}}, 400, "BadParameter"),
        ("Sales", {"_customer_number": NUMBER, "big": "x" * 33000}, 400, "BadParameter"),
        ("Sales", {"_customer_number": NUMBER} | {f"k{n}": 1 for n in range(101)}, 400, "BadParameter"),
    ],
)
async def test_a_bad_create_is_refused_and_makes_no_record(client, dialer, service, body, status, exception):
    refused = []
    dialer.house.bus.subscribe(refused.append)
    response = await client.post(f"/genesys/1/service/callback/{service}", json=body)
    assert error_of(response) == (status, exception)
    assert await dialer.house.store.counts() == {}
    assert [event.cause for event in refused] == [exception]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'{"a": NaN}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 30000, "application/json"),
        (b"hello", "text/plain"),
        (b"hello", "multipart/form-data"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\nz\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_an_unreadable_body_is_a_bad_parameter(client, content, kind):
    assert error_of(await client.post(CREATE, content=content, headers={"content-type": kind})) == (400, "BadParameter")


async def test_a_body_beyond_64_kib_is_refused_announced_or_not(client):
    big = json.dumps({"_customer_number": NUMBER, "x": "y" * 70_000}).encode()
    assert error_of(await client.post(CREATE, content=big)) == (413, "BodyTooLarge")

    async def chunks():
        for start in range(0, len(big), 1000):
            yield big[start : start + 1000]

    response = await client.post(CREATE, content=chunks(), headers={"content-type": "application/json"})
    assert error_of(response) == (413, "BodyTooLarge")


async def test_a_future_time_makes_a_scheduled_callback(client, dialer):
    body = {"_customer_number": NUMBER, "_desired_time": "2026-03-02T18:00:00.000Z"}
    response = await client.post(CREATE, json=body)
    assert response.json()["_text"] == "You will receive the call at the time you asked for"
    stored = await dialer.house.store.get(response.json()["_id"])
    assert (stored.state, stored.type) == (State.SCHEDULED, "scheduled")
    assert stored.desired_time.isoformat() == "2026-03-02T18:00:00+00:00"


async def test_a_time_just_past_or_within_the_submit_lead_is_immediate(client, dialer):
    for moment in ("2026-03-02T15:58:30Z", "2026-03-02T16:01:00Z"):
        response = await client.post(CREATE, json={"_customer_number": NUMBER, "_desired_time": moment})
        stored = await dialer.house.store.get(response.json()["_id"])
        assert (stored.state, stored.type) == (State.QUEUED, "immediate")


async def test_a_paused_service_keeps_the_callback_paused(client, dialer):
    response = await client.post("/genesys/1/service/callback/Paused", json={"_customer_number": NUMBER})
    stored = await dialer.house.store.get(response.json()["_id"])
    assert (stored.state, stored.resume_state) == (State.PAUSED, State.QUEUED)


async def test_a_query_finds_by_lookup_key_id_and_state_newest_first(client, dialer):
    ids = []
    for minute in (10, 30, 20):
        body = {"_customer_number": "6504661232", "_desired_time": f"2026-03-02T18:{minute}:00Z"}
        ids.append((await client.post(CREATE, json=body)).json()["_id"])
    found = (await client.get(CREATE, params={"_customer_number": "+1 650 466 1232"})).json()
    assert [record["_id"] for record in found] == [ids[1], ids[2], ids[0]]
    assert found[0] == {
        "_id": ids[1],
        "_desired_time": "2026-03-02T18:30:00.000Z",
        "_service_name": "Sales",
        "_callback_state": "SCHEDULED",
        "_expiration_time": "2026-03-16T18:30:00.000Z",
        "_customer_number": NUMBER,
        "_url": f"/genesys/1/service/callback/Sales/{ids[1]}",
    }
    by_id = await client.get("/genesys/1/service/callback", params={"_id": ids[0]})
    assert [record["_id"] for record in by_id.json()] == [ids[0]]
    states = {"_callback_state": "QUEUED,COMPLETED", "_customer_number": NUMBER, "operand": "OR"}
    assert (await client.get(CREATE, params=states)).json() == []


async def test_a_query_by_property_and_virtual_queue(make):
    text = """
    [api.v1]
    auth = "none"
    [gateway.pbx]
    uri = "sip:127.0.0.1"
    [service.Sales]
    target = "Sales>0"
    """
    async with make(text).client() as client:
        body = {"_customer_number": NUMBER, "_urs_virtual_queue": "VIP", "_request_queue_time_stat": "EWT;Q;S"}
        made = (await client.post(CREATE, json=body)).json()["_id"]
        await client.post(CREATE, json={"_customer_number": "+16504661233"})
        for params in ({"_vq": "VIP"}, {"_request_queue_time_stat": "EWT;Q;S"}):
            assert [r["_id"] for r in (await client.get(CREATE, params=params)).json()] == [made]


async def test_bad_queries_are_refused(client):
    assert error_of(await client.get(CREATE, params={"colour": "red"})) == (400, "BadParameter")
    assert error_of(await client.get(CREATE, params={"operand": "XOR"})) == (400, "BadParameter")
    assert error_of(await client.get(CREATE, params={"_callback_state": "LOST"})) == (400, "BadParameter")
    assert error_of(await client.get("/genesys/1/service/callback/Nobody")) == (404, "UnknownService")


async def test_a_cancelled_callback_is_completed_and_shows_its_reason(client, dialer):
    made = (await client.post(CREATE, json={"_customer_number": NUMBER})).json()["_id"]
    response = await client.delete(f"{CREATE}/{made}", params={"discard_ors_failure": "true"})
    assert (response.status_code, response.content) == (200, b"")
    record = (await client.get(CREATE, params={"_id": made})).json()[0]
    assert (record["_callback_state"], record["_callback_reason"]) == ("COMPLETED", "CANCELLED")
    history = await dialer.house.store.history(made)
    assert [(entry.event, entry.actor) for entry in history] == [("T01", Actor.API), ("T80", Actor.API)]
    assert error_of(await client.delete(f"{CREATE}/{made}")) == (409, "InvalidState")


async def test_cancels_of_unknown_ids_and_other_services_are_not_found(client):
    made = (await client.post(CREATE, json={"_customer_number": NUMBER})).json()["_id"]
    assert error_of(await client.delete(f"{CREATE}/1-nothing")) == (404, "NotFound")
    assert error_of(await client.delete(f"/genesys/1/service/callback/Paused/{made}")) == (404, "NotFound")
    maybe = {"discard_ors_failure": "maybe"}
    assert error_of(await client.delete(f"{CREATE}/{made}", params=maybe)) == (400, "BadParameter")


async def test_two_cancels_at_once_cancel_once(client):
    made = (await client.post(CREATE, json={"_customer_number": NUMBER})).json()["_id"]
    answers = await asyncio.gather(*(client.delete(f"{CREATE}/{made}") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_unknown_paths_and_methods_answer_in_the_familys_form(client):
    assert error_of(await client.get("/genesys/1/service/nothing")) == (404, "NotFound")
    assert error_of(await client.put(CREATE)) == (405, "MethodNotAllowed")
    assert error_of(await client.delete(f"{CREATE}/")) == (404, "NotFound")
    problem = await client.get("/api/v1/nothing")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "NOT_FOUND"
    assert problem.json()["correlation_id"] == problem.headers["x-correlation-id"]


async def test_a_correlation_id_is_taken_over_when_it_is_one(client):
    given = "abcdefgh-1234"
    assert (await client.get(CREATE, headers={"x-correlation-id": given})).headers["x-correlation-id"] == given
    for bad in ("short", "x" * 65, "with space in it"):
        made = (await client.get(CREATE, headers={"x-correlation-id": bad})).headers["x-correlation-id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", made)


async def test_the_base_path_is_configurable(make):
    text = '[api.v1]\nauth = "none"\nbase = "cb"\n[gateway.p]\nuri = "sip:127.0.0.1"\n[service.S]\ntarget = "A>0"\n'
    async with make(text).client() as client:
        response = await client.post("/cb/1/service/callback/S", json={"_customer_number": NUMBER})
        assert response.status_code == 200
        found = await client.get("/cb/1/service/callback/S", params={"_id": response.json()["_id"]})
        assert found.json()[0]["_url"].startswith("/cb/1/service/callback/S/")
        assert (await client.post(CREATE, json={})).status_code == 404


async def test_user_data_never_reaches_a_log(client, caplog, capfd):
    caplog.set_level(0)
    secret = "my-mothers-maiden-name"
    await client.post(CREATE, json={"_customer_number": NUMBER, "usr_secret": secret})
    await client.post(CREATE, json={"_customer_number": "nonsense", "usr_secret": secret})
    await client.post(CREATE, json={"_customer_number": NUMBER, "_ttl": 5, "usr_secret": secret})
    captured = capfd.readouterr()
    logged = " ".join(r.getMessage() for r in caplog.records if r.name.startswith("dialer"))
    assert secret not in logged + captured.out + captured.err


@pytest.mark.parametrize(
    "body",
    [
        rb'{"_customer_number": "+16504661232", "name": "\ud800"}',
        rb'{"_customer_number": "+16504661232", "name": {"in": ["a\u0000b"]}}',
        rb'{"_customer_number": "+16504661232", "na\u0000me": "b"}',
        rb'{"_customer_number": "+16504661232", "amount": 1e999}',
    ],
    ids=["half a surrogate pair", "NUL within", "NUL in a key", "beyond a number"],
)
async def test_what_no_store_can_keep_is_refused_as_the_clients_mistake(client, body):
    response = await client.post(CREATE, content=body, headers={"content-type": "application/json"})
    assert error_of(response) == (400, "BadParameter")
