"""The waits of all queues, fed by callbacks' transitions as the node sees them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.routing import Agent, AgentPool, AgentState, EwtCode, WaitBook, parse_single, queue_of_statistic

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
SALES = "?:Sales>0@S.GA"


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def options(**given):
    return ServiceOptions(**{"target": SALES, "route_point": "8999@P", "ewt_method": "mode2", **given})


def callback(key, now=T0, service="sales"):
    return Callback(
        id=key, service=service, state=State.QUEUED, phase=Phase.WAITING, customer_number="+16505550100",
        desired_time=now, created_at=now, accepted_at=now, updated_at=now, queued_at=now, target=SALES,
    )  # fmt: skip


class Node:
    """Two agents and a book; moves callbacks along."""

    def __init__(self, **services):
        self.pool = AgentPool()
        for name in ("ann", "bob"):
            self.pool.add(Agent(name, name, f"sip:{name}", {"Sales": 1}), T0)
            self.pool.set_state(name, AgentState.READY, T0)
        self.book = WaitBook(self.pool, services or {"sales": options()})

    def move(self, one, seconds, phase, state=State.QUEUED, **changes):
        self.book.moved(replace(one, state=state, phase=phase, **changes), at(seconds))

    def agents(self, state, seconds):
        for name in ("ann", "bob"):
            self.pool.set_state(name, state, at(seconds))

    def call(self, one, seconds, lasts, agent):
        """A whole call: dialled, reached after 10 s, talked, over."""
        self.move(one, seconds, Phase.DIALING)
        self.move(one, seconds + 10, Phase.AGENT_WAIT, State.ROUTING)
        self.pool.set_state(agent, AgentState.TALKING, at(seconds + 10))
        self.move(one, seconds + 10, Phase.TALKING, State.PROCESSING, agent_id=agent)
        self.move(one, seconds + lasts, None, State.COMPLETED, agent_id=agent)
        self.pool.set_state(agent, AgentState.READY, at(seconds + lasts))


def test_a_call_teaches_the_length_of_a_slot_and_the_time_to_reach_somebody():
    node = Node(sales=options(ewt_method="ursdial"))
    first = callback("c1")
    node.move(first, 0, Phase.WAITING)
    node.call(first, 0, 120, "ann")
    node.agents(AgentState.TALKING, 130)
    waiting = callback("c2", at(130))
    node.move(waiting, 130, Phase.WAITING)
    assert node.book.of_callback(waiting, at(130)).seconds == pytest.approx(120 / 2 + 10)
    assert node.book.waiting_in("sales") == 1


def test_a_dial_in_flight_has_a_claim_on_a_ready_agent():
    node = Node()
    for key in ("c1", "c2", "c3"):
        node.move(callback(key), 0, Phase.WAITING)
    node.call(callback("c1"), 0, 100, "ann")
    node.move(callback("c2"), 200, Phase.DIALING)
    assert node.book.of_callback(callback("c3"), at(200)).seconds == 0
    node.move(callback("c4", at(200)), 200, Phase.WAITING)
    assert node.book.of_callback(callback("c4"), at(200)).seconds == pytest.approx(2 * 50 - 50)


def test_a_slot_lasts_until_the_agents_wrap_up_ends():
    node = Node()
    one = callback("c1")
    node.move(one, 0, Phase.WAITING)
    node.move(one, 0, Phase.DIALING)
    node.move(one, 10, Phase.TALKING, State.PROCESSING, agent_id="ann")
    node.pool.set_state("ann", AgentState.WRAP_UP, at(100))
    node.move(one, 100, None, State.COMPLETED, agent_id="ann")
    assert node.book.of_queue("sales", at(100)).seconds == 0  # bob is free
    node.pool.set_state("bob", AgentState.NOT_READY, at(100))
    assert node.book.of_queue("sales", at(100)).code is EwtCode.NOTHING_SEEN
    node.pool.set_state("ann", AgentState.NOT_READY, at(160))
    assert node.book.of_queue("sales", at(160)).seconds == pytest.approx(160 / 2)


def test_who_is_cancelled_paused_or_lost_stands_in_the_queue_no_more():
    node = Node()
    for number, leave in enumerate((
        lambda one: node.move(one, 5, None, State.COMPLETED),
        lambda one: node.move(one, 5, None, State.PAUSED),
        lambda one: node.book.lost(one.id, at(5)),
    )):  # fmt: skip
        one = callback(f"c{number}")
        node.move(one, 0, Phase.WAITING)
        assert node.book.of_callback(one, at(1)).position == 1
        leave(one)
        assert node.book.of_callback(one, at(6)) is None
    assert node.book.waiting_in("sales") == 0


def test_a_queue_is_asked_by_its_service_or_its_virtual_queue_and_may_send_on():
    node = Node(sales=options(virtual_queue="Sales_VQ"), late=options(target="?:Late>0", ewt_queue="Sales_VQ"))
    node.agents(AgentState.NOT_READY, 0)
    assert node.book.of_queue("Sales_VQ", T0) == node.book.of_queue("sales", T0)
    assert node.book.of_queue("late", T0) == node.book.of_queue("sales", T0)
    assert node.book.of_queue("nobody", T0) is None


def test_a_service_whose_requests_bring_the_target_has_no_estimate():
    book = Node(sales=options(target="$skill$>0")).book
    book.moved(callback("c1"), T0)
    assert book.of_queue("sales", T0) is None
    assert book.near_enough(callback("c1"), T0)


def test_the_lead_is_the_estimated_wait_of_the_queue_named_or_the_configured_one():
    statistic = "ExpectedWaitTime;Queue;sales@Switch;Env"
    by_stat = options(ewt_service="plain", queue_time_stat=statistic)
    services = [options(), options(ewt_service="sales"), by_stat]
    node = Node(sales=options(), plain=services[0], by_wait=services[1], by_stat=by_stat)

    def leads(seconds):
        return [node.book.lead_s(service, at(seconds)) for service in services]

    node.agents(AgentState.NOT_READY, 0)
    assert leads(0) == [120, 120, 120]
    one = callback("c1")
    node.move(one, 0, Phase.WAITING)
    node.call(one, 0, 90, "ann")
    node.agents(AgentState.NOT_READY, 100)
    assert leads(100) == [120, 45, 45]


def test_the_expected_wait_of_a_target_is_that_of_the_shortest_queue_that_wants_it():
    node = Node()
    node.move(callback("c1"), 0, Phase.WAITING)
    node.call(callback("c1"), 0, 100, "ann")
    node.agents(AgentState.NOT_READY, 100)
    assert node.book.expected_wait(parse_single(SALES), at(100)) == pytest.approx(50)
    assert node.book.expected_wait(parse_single("?:Other>0@S.GA"), at(100)) is None


def test_only_the_first_positions_may_be_dialled_when_the_wait_is_long():
    node = Node(sales=options(eta_pos_threshold="0:10,10:5,20:2,30:1"))
    node.move(callback("c0"), 0, Phase.WAITING)
    node.call(callback("c0"), 0, 30, "ann")
    node.agents(AgentState.NOT_READY, 40)
    waiting = [callback(f"c{n}", at(40)) for n in range(1, 5)]
    for one in waiting:
        node.move(one, 40, Phase.WAITING)
    assert [node.book.near_enough(one, at(40)) for one in waiting] == [True, False, False, False]
    node.agents(AgentState.READY, 41)
    assert [node.book.near_enough(one, at(41)) for one in waiting] == [True, True, True, False]


def test_agents_count_as_they_come_go_and_learn():
    node = Node()
    assert node.book.agents_of("sales") == (2, 2)
    node.pool.set_state("bob", AgentState.TALKING, at(1))
    assert node.book.agents_of("sales") == (1, 2)
    node.pool.set_state("bob", AgentState.LOGGED_OUT, at(2))
    node.pool.replace(Agent("ann", "ann", "sip:ann", {"Support": 1}), at(3))
    assert node.book.agents_of("sales") == (0, 0)
    node.pool.replace(Agent("bob", "bob", "sip:bob", {"Other": 1}), at(4))
    node.pool.set_state("bob", AgentState.READY, at(5))
    assert node.book.agents_of("sales") == (0, 0)
    node.pool.replace(Agent("ann", "ann", "sip:ann", {"Sales": 1}), at(6))
    assert node.book.agents_of("sales") == (1, 1)
    assert node.book.agents_of("nobody") is None


@pytest.mark.parametrize(
    ("text", "queue"),
    [("ExpectedWaitTime;Queue;8999@SIP_Server;Environment", "8999"), ("RStatExpectedWaitTime;Queue;Sales", "Sales"),
     ("CallsInQueue;Queue;Sales@S;E", ""), ("", ""), ("ExpectedWaitTime", "")],
)  # fmt: skip
def test_the_queue_of_a_statistic_is_read(text, queue):
    assert queue_of_statistic(text) == queue
