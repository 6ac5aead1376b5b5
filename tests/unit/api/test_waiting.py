"""How long a queue is, over HTTP."""

from dataclasses import replace

import pytest

from dialer.callback.state import Phase, State
from dialer.routing import AgentState

V1 = "/genesys/1/service"


async def book(dialer, client, count):
    """Books callbacks and lets the node's estimator see them wait."""
    made = []
    for n in range(count):
        answer = await client.post(f"{V1}/callback/Sales", json={"_customer_number": f"+1650466123{n}"})
        found = await dialer.house.store.get(answer.json()["_id"])
        waiting = replace(found, state=State.QUEUED, phase=Phase.WAITING, queued_at=dialer.house.clock.now())
        dialer.house.waits.moved(waiting, dialer.house.clock.now())
        made.append(waiting)
        dialer.house.clock.forward(1)
    return made


async def learn_a_slot(dialer, one, seconds):
    """A callback is dialled, and its slot is free again."""
    waits, clock = dialer.house.waits, dialer.house.clock
    waits.moved(replace(one, phase=Phase.DIALING), clock.now())
    clock.forward(seconds)
    waits.moved(replace(one, phase=Phase.RETRY_WAIT), clock.now())


async def test_a_callback_is_told_its_place_and_its_wait(dialer, client):
    dialer.house.pool.set_state("ann", AgentState.NOT_READY, dialer.house.clock.now())
    first, _, third = await book(dialer, client, 3)
    await learn_a_slot(dialer, first, 60)
    answer = await client.get(f"{V1}/{third.id}/check-queue-position")
    shown = answer.json()
    assert shown.pop("_eta") == pytest.approx(120, abs=10)  # for three seconds the agent served nobody of this queue
    assert shown == {"_position": 2, "_total_waiting": 2, "_agent_ready_threshold_passed": False}


async def test_who_stands_first_with_an_agent_ready_has_passed_the_threshold(dialer, client):
    dialer.house.pool.set_state("ann", AgentState.READY, dialer.house.clock.now())
    first, second = await book(dialer, client, 2)
    shown = [(await client.get(f"{V1}/{one.id}/check-queue-position")).json() for one in (first, second)]
    assert [one["_agent_ready_threshold_passed"] for one in shown] == [True, False]


async def test_who_stands_in_no_queue_has_no_place(dialer, client):
    made = await client.post(f"{V1}/callback/Sales", json={"_customer_number": "+16504661239"})
    answer = await client.get(f"{V1}/{made.json()['_id']}/check-queue-position")
    assert answer.json()["_position"] == -1
    assert answer.json()["_eta"] == -1
    assert (await client.get(f"{V1}/1-nobody/check-queue-position")).status_code == 404


async def test_the_live_view_of_a_queue_tells_its_wait_with_bounds(dialer, client):
    dialer.house.pool.set_state("ann", AgentState.NOT_READY, dialer.house.clock.now())
    assert (await client.get("/api/v1/queues/Sales/live")).json()["ewt_s"] is None
    [first] = await book(dialer, client, 1)
    await learn_a_slot(dialer, first, 90)
    live = (await client.get("/api/v1/queues/Sales/live")).json()
    assert (live["ewt_s"], live["in_queue"], live["agents_logged_in"], live["available"]) == (90.0, 0, 1, True)
    assert live["ewt_low_s"] < 90 < live["ewt_high_s"]


async def test_the_watermark_tells_open_callbacks_against_the_limit(make):
    dialer = make(CONFIG_WITH_LIMIT)
    async with dialer.client() as client:
        for n in range(2):
            shown = (await client.get("/api/v1/queues/Sales/watermark")).json()
            assert shown == {"outcome": "OK", "value": n, "limit": 2}
            await client.post(f"{V1}/callback/Sales", json={"_customer_number": f"+1650466123{n}"})
        assert (await client.get("/api/v1/queues/Sales/watermark")).json()["outcome"] == "HIGH"


@pytest.mark.parametrize("what", ["watermark", "live"])
async def test_an_unknown_queue_is_not_found(what, client):
    assert (await client.get(f"/api/v1/queues/Nowhere/{what}")).status_code == 404


async def test_the_estimated_wait_is_a_metric_once_it_is_known(dialer, client):
    dialer.house.pool.set_state("ann", AgentState.NOT_READY, dialer.house.clock.now())
    async with dialer.client(ops=True) as ops:
        assert 'callback_ewt_seconds{service="Sales"}' not in (await ops.get("/metrics")).text
        [first] = await book(dialer, client, 1)
        await learn_a_slot(dialer, first, 90)
        assert 'callback_ewt_seconds{service="Sales"} 90.0' in (await ops.get("/metrics")).text


CONFIG_WITH_LIMIT = """
[api.v1]
auth = "none"
[api.admin]
auth = "none"
[gateway.pbx]
uri = "sip:127.0.0.1:5060"
[service.Sales]
target = "?:Sales>0@StatServer.GA"
throttle_limit = 0
max_open = 2
"""
