"""Who may enter; agents; health; metrics; what a fault of the store looks like from outside."""

import base64
import hashlib
import sqlite3

import httpx
import pytest

from dialer.api import create_app
from dialer.callback.call_result import CallResult
from dialer.callback.record import AttemptResult
from dialer.events import AttemptEnded, AttemptStarted, NodeState
from dialer.routing import AgentState

CREATE = "/genesys/1/service/callback/Sales"
NUMBER = "+16504661232"
BODY = {"_customer_number": NUMBER}


def with_auth(lines):
    return f"""
    {lines}
    [gateway.pbx]
    uri = "sip:127.0.0.1"
    [service.Sales]
    target = "Sales>0"
    [service.Billing]
    target = "Billing>0"
    [agent.ann]
    address = "sip:1001@127.0.0.1"
    """


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


KEYS = f"""
    [api.keys.shop]
    key_sha256 = "{digest("shop-secret")}"
    services = ["Sales"]
    [api.keys.boss]
    key_env = "BOSS_KEY"
    scopes = ["admin"]
    [api.keys.stats]
    key_sha256 = "{digest("stats-secret")}"
    scopes = ["statistics"]
    """


async def test_v1_wants_a_key_unless_told_otherwise(make, monkeypatch):
    monkeypatch.setenv("BOSS_KEY", "boss-secret")
    async with make(with_auth(KEYS)).client() as client:

        async def status(key, path=CREATE):
            return (await client.post(path, json=BODY, headers={"x-api-key": key} if key else {})).status_code

        assert await status(None) == 401
        assert await status("guess") == 401
        assert await status("shop-secret") == 200
        assert await status("shop-secret", "/genesys/1/service/callback/Billing") == 403
        assert await status("stats-secret") == 403
        assert await status("boss-secret") == 200


async def test_a_refusal_names_its_class_and_carries_a_challenge(make):
    async with make(with_auth(KEYS)).client() as client:
        response = await client.post(CREATE, json=BODY)
        assert response.json()["exception"] == "NotAuthorized"
        assert response.headers["www-authenticate"] == "ApiKey"
        assert response.headers["x-correlation-id"]


async def test_a_key_of_one_service_sees_no_other_in_a_query(make, monkeypatch):
    monkeypatch.setenv("BOSS_KEY", "boss-secret")
    async with make(with_auth(KEYS)).client(**{"x-api-key": "boss-secret"}) as client:
        for service in ("Sales", "Billing"):
            await client.post(f"/genesys/1/service/callback/{service}", json=BODY)
        found = await client.get("/genesys/1/service/callback", headers={"x-api-key": "shop-secret"})
        assert [record["_service_name"] for record in found.json()] == ["Sales"]


async def test_basic_users_enter_with_their_password(make, monkeypatch):
    monkeypatch.setenv("GMS_PASSWORD", "pässword")
    lines = '[api.v1]\nauth = "basic"\n[api.v1.basic_users.gms]\npassword_env = "GMS_PASSWORD"\nservices = ["Sales"]'
    async with make(with_auth(lines)).client() as client:

        async def status(user, password, service="Sales"):
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            path = f"/genesys/1/service/callback/{service}"
            return (await client.post(path, json=BODY, headers={"authorization": f"Basic {token}"})).status_code

        assert await status("gms", "pässword") == 200
        assert await status("gms", "wrong") == 401
        assert await status("nobody", "pässword") == 401
        assert await status("", "") == 401
        assert await status("gms", "pässword", "Billing") == 403
        refused = await client.post(CREATE, json=BODY, headers={"authorization": "Basic %%%"})
        assert refused.headers["www-authenticate"] == 'Basic realm="callback"'


async def test_a_basic_user_without_a_password_in_the_environment_cannot_enter(make, monkeypatch):
    monkeypatch.delenv("GMS_PASSWORD", raising=False)
    lines = '[api.v1]\nauth = "basic"\n[api.v1.basic_users.gms]\npassword_env = "GMS_PASSWORD"'
    async with make(with_auth(lines)).client() as client:
        token = base64.b64encode(b"gms:").decode()
        response = await client.post(CREATE, json=BODY, headers={"authorization": f"Basic {token}"})
        assert response.status_code == 401


async def test_the_admin_api_wants_a_key_with_scope_admin(make, monkeypatch):
    monkeypatch.setenv("BOSS_KEY", "boss-secret")
    lines = '[api.v1]\nauth = "none"\n' + KEYS
    async with make(with_auth(lines)).client() as client:
        assert (await client.get("/api/v1/agents")).status_code == 401
        assert (await client.get("/api/v1/agents", headers={"x-api-key": "shop-secret"})).status_code == 403
        for headers in ({"x-api-key": "boss-secret"}, {"authorization": "Bearer boss-secret"}):
            assert (await client.get("/api/v1/agents", headers=headers)).status_code == 200


async def test_an_agents_state_is_set_and_shown(client, dialer):
    response = await client.post("/api/v1/agents/ann/state", json={"state": "READY", "reason": "back"})
    assert response.status_code == 200
    shown = (await client.get("/api/v1/agents")).json()["items"]
    assert shown == [response.json()]
    assert shown[0] == {
        "id": "ann",
        "name": "ann",
        "state": "READY",
        "since": "2026-03-02T16:00:00.000Z",
        "reason": "back",
        "skills": {"Sales": 5},
        "groups": [],
        "place": None,
    }
    assert dialer.house.pool.state("ann") is AgentState.READY


@pytest.mark.parametrize(
    ("agent", "body", "status"),
    [
        ("bob", {"state": "READY"}, 404),
        ("ann", {"state": "TALKING"}, 422),
        ("ann", {"state": "SLEEPING"}, 422),
        ("ann", {}, 422),
        ("ann", {"state": "READY", "mood": "good"}, 422),
    ],
)
async def test_impossible_agent_states_are_problems(client, agent, body, status):
    response = await client.post(f"/api/v1/agents/{agent}/state", json=body)
    assert response.status_code == status
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "code", "detail", "correlation_id"}
    assert problem["status"] == status


async def test_a_wish_during_a_call_answers_409_and_is_kept(client, dialer):
    pool = dialer.house.pool
    pool.set_state("ann", AgentState.TALKING, dialer.house.clock.now())
    response = await client.post("/api/v1/agents/ann/state", json={"state": "NOT_READY"})
    assert response.status_code == 409
    pool.free("ann", dialer.house.clock.now())
    assert pool.state("ann") is AgentState.NOT_READY


async def test_a_callback_is_shown_with_dials_and_history(client, dialer):
    made = (await client.post(CREATE, json=BODY | {"usr": "x"})).json()["_id"]
    shown = (await client.get(f"/api/v1/callbacks/{made}")).json()
    assert shown["id"] == made
    assert shown["state"] == "QUEUED"
    assert shown["created_at"] == "2026-03-02T16:00:00.000Z"
    assert shown["call_result"] == 28
    assert shown["user_data"] == {"usr": "x"}
    assert shown["dials"] == []
    assert [entry["event"] for entry in shown["history"]] == ["T01"]
    missing = await client.get("/api/v1/callbacks/1-nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")


async def test_an_administrator_cancels_a_callback_once(client, dialer):
    made = (await client.post(CREATE, json=BODY)).json()["_id"]
    ended = (await client.post(f"/api/v1/callbacks/{made}/cancel")).json()
    assert (ended["state"], ended["reason"], ended["reason_detail"]) == ("COMPLETED", "CANCELLED_BY_ADMIN", "single")
    assert (await client.post(f"/api/v1/callbacks/{made}/cancel")).status_code == 409
    assert (await client.post("/api/v1/callbacks/1-nothing/cancel")).status_code == 404


async def test_health_and_readiness(dialer):
    async with dialer.client(ops=True) as ops:
        assert (await ops.get("/healthz")).status_code == 200
        ready = await ops.get("/readyz")
        assert ready.json() == {"db": True, "sip": True, "media": True, "scheduler": True}
        assert ready.status_code == 200
        dialer.status.sip_up = False
        dialer.status.scheduler_lag_s = 9.0
        ready = await ops.get("/readyz")
        assert ready.json() == {"db": True, "sip": False, "media": True, "scheduler": False}
        assert ready.status_code == 503
        assert (await ops.get("/genesys/1/service/callback")).status_code == 404


def series(text):
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_metrics_count_what_happened(client, dialer):
    made = (await client.post(CREATE, json=BODY)).json()["_id"]
    await client.post(CREATE, json={})
    await client.post("/genesys/1/service/callback/Invented-By-A-Client", json=BODY)
    await client.delete(f"{CREATE}/{made}")
    dialer.status.calls_active = 3
    async with dialer.client(ops=True) as ops:
        found = series((await ops.get("/metrics")).text)
    assert found['callback_created_total{origin="api_v1",service="Sales",type="immediate"}'] == 1
    assert found['callback_rejected_total{cause="MissingKey",origin="api_v1",service="Sales"}'] == 1
    assert found['callback_rejected_total{cause="UnknownService",origin="api_v1",service="unknown"}'] == 1
    assert found['callback_completed_total{reason="CANCELLED",service="Sales"}'] == 1
    assert found['callback_records{service="Sales",state="COMPLETED"}'] == 1
    assert found['callback_queue_depth{service="Sales"}'] == 0
    assert found['agents{state="LOGGED_OUT"}'] == 1
    assert found["sip_calls_active"] == 3
    assert found["scheduler_lag_seconds"] == 0.01
    route = 'family="v1",method="POST",route="/genesys/1/service/callback/{service}"'
    assert found[f'http_requests_total{{{route},status="200"}}'] == 1
    assert found[f'http_requests_total{{{route},status="404"}}'] == 1
    assert "Invented" not in str(found)


async def test_metrics_time_dials_and_verdicts(client, dialer):
    store, clock = dialer.house.store, dialer.house.clock
    made = (await client.post(CREATE, json=BODY)).json()["_id"]
    clock.forward(20)
    (claimed,) = await store.claim("node-1", now=clock.now(), limit=1)
    clock.forward(10)
    callback, attempt = await store.begin_attempt(made, claimed.version, now=clock.now())
    dialer.house.bus.publish(AttemptStarted(callback, attempt))
    clock.forward(7)
    result = AttemptResult(
        call_result=CallResult.ANSWERING_MACHINE,
        verdict="machine",
        answered_at=clock.now(),
        evidence={"timings": {"answer_to_verdict_ms": 1800.0}},
    )
    callback = await store.end_attempt(
        attempt, event="T32", actor="engine", now=clock.now(), result=result, changes={"next_dial_at": clock.now()}
    )
    (closed,) = await store.attempts(made)
    dialer.house.bus.publish(AttemptEnded(callback, closed))
    async with dialer.client(ops=True) as ops:
        found = series((await ops.get("/metrics")).text)
    assert found['callback_dials_total{call_result="9",service="Sales"}'] == 1
    assert found['callback_verdicts_total{verdict="machine"}'] == 1
    assert found['callback_setup_seconds_sum{service="Sales"}'] == 7
    assert found['callback_detect_seconds_sum{verdict="machine"}'] == 1.8
    assert found['callback_wait_seconds_sum{service="Sales"}'] == 10


async def test_a_locked_database_is_503_in_plain_words_and_makes_nothing(make, tmp_path):
    dialer = make()
    store = dialer.house.store
    await store.service_number("Sales")
    lock = sqlite3.connect(tmp_path / "dialer.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        async with dialer.client() as client:
            response = await client.post(CREATE, json=BODY)
            assert response.status_code == 503, response.text
            assert response.json()["exception"] == "Unavailable"
            assert "lock" in response.json()["message"]
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert await store.counts() == {}
    async with dialer.client() as client:
        assert (await client.post(CREATE, json=BODY)).status_code == 200


async def test_an_unexpected_fault_is_500_with_the_id_under_which_the_log_tells_more(dialer, monkeypatch, caplog):
    async def broken(*_args, **_kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(dialer.booking, "create", broken)
    app = create_app(dialer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dialer") as client:
        response = await client.post(CREATE, json=BODY, headers={"x-correlation-id": "find-me-1"})
    assert response.status_code == 500
    assert response.json()["exception"] == "InternalError"
    assert response.headers["x-correlation-id"] == "find-me-1"
    assert "a bug" not in response.text
    assert "find-me-1" in caplog.text
    assert "a bug" in caplog.text


async def test_events_that_a_slow_reader_has_lost_are_a_metric(dialer):
    dialer.house.bus.stream(1, "mqtt")
    for _ in range(3):
        dialer.house.bus.publish(NodeState("node-1", "started", dialer.house.clock.now()))
    async with dialer.client(ops=True) as ops:
        assert 'events_dropped{reader="mqtt"} 2.0' in (await ops.get("/metrics")).text
