"""Who gets whom: the pool's states and the router's promises."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from dialer.routing import (
    BUSY_STATES,
    Agent,
    AgentKnown,
    AgentPool,
    AgentState,
    Router,
    StateNotChosen,
    UnknownAgent,
    parse_target,
)

T0 = datetime(2026, 3, 2, 16, tzinfo=UTC)
ANY = parse_target("Any>=0")
READY, NOT_READY, LOGGED_OUT = AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT
RESERVED, TALKING, RINGING = AgentState.RESERVED, AgentState.TALKING, AgentState.RINGING


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def agent(name, **skills):
    return Agent(name, name.title(), f"sip:{name}@127.0.0.1", skills)


def pool_of(*agents, ready=True):
    pool = AgentPool()
    for number, one in enumerate(agents):
        pool.add(one, at(number))
        if ready:
            pool.set_state(one.id, READY, at(number))
    return pool


class Desk:
    """Makes requests and remembers what each was given."""

    def __init__(self, pool):
        self.pool, self.router, self.given = pool, Router(pool), {}

    def ask(self, key, target=ANY, priority=0, queued_at=T0, exclude=()):
        return self.router.request(
            key, target, priority, queued_at, T0, exclude, on_reserved=lambda a: self.given.__setitem__(key, a.id)
        )


def test_an_agent_starts_logged_out_and_cannot_be_added_twice():
    pool = pool_of(agent("ann"), ready=False)
    assert pool.state("ann") == LOGGED_OUT
    with pytest.raises(AgentKnown):
        pool.add(agent("ann"), T0)


def test_an_unknown_agent_is_named():
    with pytest.raises(UnknownAgent, match="'bob'"):
        pool_of().get("bob")


def test_ready_agents_come_longest_idle_first():
    pool = pool_of(agent("ann"), agent("bob"), agent("cem"))
    pool.set_state("ann", NOT_READY, at(5))
    pool.set_state("ann", READY, at(6))
    assert [a.id for a in pool.ready_matching(ANY)] == ["bob", "cem", "ann"]


def test_an_agent_reserved_and_never_rung_keeps_its_place():
    pool = pool_of(agent("ann"), agent("bob"))
    desk = Desk(pool)
    request = desk.ask("c1")
    assert desk.given == {"c1": "ann"}
    desk.router.cancel(request, at(9))
    assert [a.id for a in pool.ready_matching(ANY)] == ["ann", "bob"]


def test_an_agent_that_did_not_answer_goes_to_the_end():
    pool = pool_of(agent("ann"), agent("bob"))
    desk = Desk(pool)
    desk.ask("c1")
    pool.set_state("ann", RINGING, at(8))
    desk.router.release("ann", at(9))
    assert [a.id for a in pool.ready_matching(ANY)] == ["bob", "ann"]


def test_a_wish_during_a_call_waits_for_its_end():
    pool = pool_of(agent("ann"))
    desk = Desk(pool)
    desk.ask("c1")
    pool.set_state("ann", TALKING, at(1))
    assert pool.request_state("ann", NOT_READY, at(2), "lunch") is False
    assert pool.state("ann") == TALKING
    desk.router.release("ann", at(3))
    assert pool.status("ann").state == NOT_READY
    assert pool.status("ann").reason == "lunch"


def test_busy_states_cannot_be_asked_for():
    with pytest.raises(StateNotChosen):
        pool_of(agent("ann")).request_state("ann", TALKING, T0)


def test_listeners_hear_changes_in_the_order_they_were_made_though_one_makes_more():
    pool = pool_of(agent("ann"), ready=False)
    heard = []
    pool.subscribe(lambda a, _old, new, now: pool.set_state("ann", NOT_READY, now) if new == READY else None)
    pool.subscribe(lambda a, old, new, _now: heard.append((old, new)))
    pool.set_state("ann", READY, T0)
    assert heard == [(LOGGED_OUT, READY), (READY, NOT_READY)]


def test_a_failing_listener_keeps_nothing_from_the_others(caplog):
    pool = pool_of(agent("ann"), ready=False)
    heard = []
    pool.subscribe(lambda *_: 1 / 0)
    pool.subscribe(lambda *change: heard.append(change[2]))
    pool.set_state("ann", READY, T0)
    assert heard == [READY]
    assert "ZeroDivisionError" in caplog.text


def test_setting_the_same_state_again_tells_nobody():
    pool = pool_of(agent("ann"))
    heard = []
    pool.subscribe(lambda *change: heard.append(change))
    pool.set_state("ann", READY, at(4), "still here")
    assert heard == []
    assert pool.status("ann").reason == "still here"


def test_an_agent_becoming_ready_goes_to_the_highest_priority_then_to_the_longest_waiting():
    desk = Desk(pool_of(agent("ann"), ready=False))
    desk.ask("late", queued_at=at(20))
    desk.ask("early", queued_at=at(10))
    desk.ask("urgent", priority=5, queued_at=at(30))
    served = []
    for second in range(3):
        desk.pool.set_state("ann", READY, at(second))
        served.append(desk.router.holder("ann").key)
        desk.router.release("ann", at(second), NOT_READY)
    assert served == ["urgent", "early", "late"]


def test_a_request_waits_for_an_agent_with_its_skill():
    desk = Desk(pool_of(agent("ann", Sales=1)))
    desk.ask("c1", parse_target("Billing>0"))
    assert desk.given == {}
    desk.pool.add(agent("bob", Billing=3), at(1))
    desk.pool.set_state("bob", READY, at(2))
    assert desk.given == {"c1": "bob"}


def test_an_excluded_agent_is_not_given():
    desk = Desk(pool_of(agent("ann"), agent("bob")))
    desk.ask("c1", exclude=["ann"])
    assert desk.given == {"c1": "bob"}


def test_new_skills_bring_a_ready_agent_to_a_waiting_request():
    desk = Desk(pool_of(agent("ann")))
    desk.ask("c1", parse_target("Billing>0"))
    desk.pool.replace(agent("ann", Billing=1), at(3))
    assert desk.given == {"c1": "ann"}
    assert desk.pool.state("ann") == RESERVED


def test_a_list_target_takes_the_next_item_when_its_time_comes():
    desk = Desk(pool_of(agent("ann", French=1)))
    desk.ask("c1", parse_target('[{"target": "English>0", "timeout": 10}, {"target": "French>0"}]'))
    desk.router.advance(at(9))
    assert desk.given == {}
    desk.router.advance(at(10))
    assert desk.given == {"c1": "ann"}


def test_a_list_item_is_skipped_by_the_pools_own_statistics():
    desk = Desk(pool_of(agent("ann", French=1)))
    condition = '"stat_to_check": "RStatAgentsReady", "stat_operator": "<", "stat_value": 1'
    desk.ask("c1", parse_target(f'[{{"target": "English>0", "timeout": 10, {condition}}}, {{"target": "French>0"}}]'))
    assert desk.given == {"c1": "ann"}


def test_queue_statistics_count_and_age_the_waiting_requests_of_a_target():
    desk = Desk(pool_of())
    group = parse_target("Sales@StatServer.GA")
    desk.ask("c1", group, queued_at=at(0))
    desk.ask("c2", group, queued_at=at(5))
    desk.ask("c3", ANY, queued_at=at(0))
    read = desk.router.statistic_at(at(60))
    single = group.items[0].target
    assert read("RStatCallsInQueue", single) == 2
    assert read("RStatOldestCall", single) == 60
    assert read("RStatExpectedWaitTime", single) is None
    assert read("RStatOldestCall", parse_target("b@S.A").items[0].target) == 0


def test_releasing_an_agent_that_another_callback_holds_by_now_changes_nothing():
    desk = Desk(pool_of(agent("ann")))
    desk.ask("old")
    desk.pool.set_state("ann", LOGGED_OUT, at(1))
    desk.pool.set_state("ann", READY, at(2))
    desk.ask("new")
    desk.router.release("ann", at(3), key="old")
    assert desk.router.holder("ann").key == "new"
    assert desk.pool.state("ann") == RESERVED


def test_releasing_an_agent_who_logged_out_meanwhile_does_not_log_it_in():
    desk = Desk(pool_of(agent("ann")))
    desk.ask("c1")
    desk.pool.set_state("ann", LOGGED_OUT, at(1))
    desk.router.release("ann", at(2))
    assert desk.pool.state("ann") == LOGGED_OUT


def test_a_removed_agent_is_logged_out_and_gone():
    desk = Desk(pool_of(agent("ann")))
    desk.pool.remove("ann", at(1))
    assert desk.pool.all() == []
    desk.ask("c1")
    assert desk.given == {}


def test_a_cancelled_request_gets_no_agent():
    desk = Desk(pool_of(agent("ann"), ready=False))
    request = desk.ask("c1")
    desk.router.cancel(request, at(1))
    desk.pool.set_state("ann", READY, at(2))
    assert desk.given == {}
    assert desk.pool.state("ann") == READY


def test_a_cancelled_request_gives_its_agent_to_the_next():
    desk = Desk(pool_of(agent("ann")))
    first = desk.ask("c1")
    desk.ask("c2", queued_at=at(1))
    desk.router.cancel(first, at(2))
    desk.router.cancel(first, at(3))
    assert desk.given == {"c1": "ann", "c2": "ann"}
    assert desk.router.holder("ann").key == "c2"


def test_an_agent_released_while_it_is_being_given_goes_to_the_next():
    desk = Desk(pool_of(agent("ann"), ready=False))
    desk.router.request("c1", ANY, 0, T0, T0, on_reserved=lambda a: desk.router.release(a.id, T0))
    desk.ask("c2", queued_at=at(1))
    desk.pool.set_state("ann", READY, at(2))
    assert desk.given == {"c2": "ann"}


def test_an_agent_whose_reservation_cannot_be_told_goes_to_the_next(caplog):
    desk = Desk(pool_of(agent("ann"), ready=False))
    desk.router.request("c1", ANY, 0, T0, T0, on_reserved=lambda _a: 1 / 0)
    desk.ask("c2", queued_at=at(1))
    desk.pool.set_state("ann", READY, at(2))
    assert desk.given == {"c2": "ann"}
    assert "ZeroDivisionError" in caplog.text


TARGETS = [parse_target(t) for t in ("Any>=0", "S0>0", "S1>0", "S0>0 & S1>0", "a2@S.A", "S0>0 | S2>0")]


class RouterMachine(RuleBasedStateMachine):
    """Random agents, requests, calls and logouts; the router's promises hold after every step."""

    requests = Bundle("requests")

    def __init__(self):
        super().__init__()
        self.pool = AgentPool()
        self.router = Router(self.pool)
        self.open = {}
        self.given = {}
        self.count = 0
        self.now = T0
        for number in range(4):
            skills = {f"S{bit}": 1 for bit in range(3) if (number + 1) >> bit & 1}
            self.pool.add(agent(f"a{number}", **skills), T0)

    def tick(self):
        self.now += timedelta(seconds=1)
        return self.now

    @rule(
        target=requests,
        wanted=st.sampled_from(TARGETS),
        priority=st.integers(0, 2),
        queued=st.integers(0, 5),
        exclude=st.sets(st.sampled_from(["a0", "a1"])),
    )
    def ask(self, wanted, priority, queued, exclude):
        key = f"c{self.count}"
        self.count += 1
        request = self.router.request(
            key, wanted, priority, at(queued), self.tick(), exclude, on_reserved=lambda a: self.reserved(key, a)
        )
        self.open[key] = request
        return request

    def reserved(self, key, given):
        """Called at the moment of a reservation: nobody better may be waiting for this agent."""
        assert key not in self.given
        assert given.id not in self.given.values()
        self.given[key] = given.id
        mine = self.router.holder(given.id)
        assert mine.key == key
        better = [r.key for r in self.router.waiting if r.fits(given) and r.rank_at(self.now) < mine.rank_at(self.now)]
        assert better == []

    @rule(name=st.sampled_from(["a0", "a1", "a2", "a3"]), state=st.sampled_from([READY, NOT_READY, LOGGED_OUT]))
    def ask_state(self, name, state):
        busy = self.pool.state(name) in BUSY_STATES
        assert self.pool.request_state(name, state, self.tick()) is not busy

    @rule(name=st.sampled_from(["a0", "a1", "a2", "a3"]), state=st.sampled_from([RINGING, TALKING]))
    def call_goes_on(self, name, state):
        if self.router.holder(name) is not None:
            self.pool.set_state(name, state, self.tick())

    @rule(name=st.sampled_from(["a0", "a1", "a2", "a3"]))
    def thrown_out(self, name):
        holder = self.router.holder(name)
        if holder is not None:
            self.given.pop(holder.key)
        self.pool.set_state(name, LOGGED_OUT, self.tick())

    @rule(request=consumes(requests))
    def cancel(self, request):
        self.given.pop(request.key, None)
        self.router.cancel(request, self.tick())

    @rule(name=st.sampled_from(["a0", "a1", "a2", "a3"]))
    def call_ends(self, name):
        holder = self.router.holder(name)
        if holder is not None:
            self.given.pop(holder.key)
            self.router.release(name, self.tick())

    @rule(name=st.sampled_from(["a0", "a1", "a2", "a3"]), bits=st.integers(0, 7))
    def retrain(self, name, bits):
        self.pool.replace(agent(name, **{f"S{b}": 1 for b in range(3) if bits >> b & 1}), self.tick())

    @invariant()
    def no_ready_agent_idles_while_a_request_that_it_fits_waits(self):
        idle = [s.agent for s in self.pool.all() if s.state == READY]
        assert [(a.id, r.key) for a in idle for r in self.router.waiting if r.fits(a)] == []

    @invariant()
    def every_busy_agent_has_one_holder_and_every_holder_one_agent(self):
        held = {s.agent.id: self.router.holder(s.agent.id) for s in self.pool.all()}
        busy = {s.agent.id for s in self.pool.all() if s.state in BUSY_STATES}
        assert busy == {name for name, holder in held.items() if holder is not None}
        keys = [holder.key for holder in held.values() if holder is not None]
        assert len(keys) == len(set(keys))
        assert set(keys) == set(self.given)

    @invariant()
    def the_waiting_line_is_in_rank_order(self):
        ranks = [r.rank_at(self.now) for r in self.router.waiting]
        assert ranks == sorted(ranks)


RouterMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRouterPromises = RouterMachine.TestCase
