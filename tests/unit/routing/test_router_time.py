"""What time does to routing: ageing, reservations that end, releases that wait, wrap-up, target lists, statistics."""

from datetime import UTC, datetime, timedelta

from dialer.routing import Ageing, Agent, AgentPool, AgentState, Router, Statistics, TargetWalk, Walks, parse_target

T0 = datetime(2026, 3, 2, 16, tzinfo=UTC)
ANY = parse_target("Any>=0")
TURNED = parse_target('[{"target": "French>0", "timeout": 10}, {"target": "English>0"}]')
LIST = parse_target('[{"target": "English>0", "timeout": 10, "clear": false}, {"target": "French>0"}]')


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def agent(name, **skills):
    return Agent(name, name, f"sip:{name}@127.0.0.1", skills)


class Desk:
    """A router, and whom it gave to whom, in order."""

    def __init__(self, *agents):
        self.pool = AgentPool()
        for one in agents:
            self.pool.add(one, T0)
            self.pool.set_state(one.id, AgentState.READY, T0)
        self.router, self.given, self.expired = Router(self.pool), [], []

    def ask(self, key, now=T0, target=ANY, priority=0, queued_at=None, **options):
        return self.router.request(
            key, target, priority, queued_at or now, now,
            on_reserved=lambda a: self.given.append((key, a.id)), on_expired=lambda a: self.expired.append((key, a.id)),
            **options,
        )  # fmt: skip


def test_who_has_aged_past_a_higher_priority_is_served_first():
    desk = Desk(agent("ann"))
    desk.pool.set_state("ann", AgentState.NOT_READY, T0)
    desk.ask("urgent", priority=3)
    desk.ask("aged", ageing=Ageing(1, 10, 100))
    assert [request.key for request in desk.router.waiting] == ["urgent", "aged"]
    desk.pool.set_state("ann", AgentState.READY, at(40))
    assert desk.given == [("aged", "ann")]


def test_a_reservation_that_nobody_uses_goes_to_the_next_and_is_told():
    desk = Desk(agent("ann"))
    first = desk.ask("first", reserve_timeout_s=30)
    desk.ask("second")
    desk.router.advance(at(29))
    assert desk.given == [("first", "ann")]
    desk.router.advance(at(30))
    assert desk.given == [("first", "ann"), ("second", "ann")]
    assert desk.expired == [("first", "ann")]
    assert first.agent is None
    desk.router.cancel(first, at(31))
    assert desk.router.holder("ann").key == "second"


def test_an_agent_who_is_rung_in_time_stays_with_the_call():
    desk = Desk(agent("ann"))
    desk.ask("first", reserve_timeout_s=30)
    desk.pool.set_state("ann", AgentState.RINGING, at(1))
    desk.router.advance(at(60))
    assert desk.router.holder("ann").key == "first"
    assert desk.expired == []


def test_a_release_may_wait_and_is_wrap_up_until_then():
    desk = Desk(agent("ann"))
    calls = []
    desk.router.alarm = calls.append
    desk.ask("first", release_delay_s=2.5)
    desk.pool.set_state("ann", AgentState.TALKING, at(5))
    desk.ask("second", now=at(6))
    desk.router.release("ann", at(10))
    assert desk.pool.state("ann") is AgentState.WRAP_UP
    assert calls == [2.5]
    desk.router.advance(at(12.4))
    assert desk.given == [("first", "ann")]
    desk.router.advance(at(12.5))
    assert desk.given == [("first", "ann"), ("second", "ann")]


def test_an_agent_who_was_never_rung_is_released_at_once():
    desk = Desk(agent("ann"))
    request = desk.ask("first", release_delay_s=60)
    desk.router.cancel(request, at(1))
    assert desk.pool.state("ann") is AgentState.READY


def test_an_agent_ends_its_wrap_up_by_asking_and_a_late_release_changes_nothing():
    desk = Desk(agent("ann"))
    desk.ask("first", release_delay_s=60)
    desk.pool.set_state("ann", AgentState.TALKING, at(5))
    desk.router.release("ann", at(10))
    assert desk.pool.request_state("ann", AgentState.NOT_READY, at(20), "lunch") is True
    assert desk.router.holder("ann") is None
    desk.router.advance(at(70))
    assert desk.pool.state("ann") is AgentState.NOT_READY


def test_what_an_agent_asked_for_on_the_call_comes_after_the_delay():
    desk = Desk(agent("ann"))
    desk.ask("first", release_delay_s=5)
    desk.pool.set_state("ann", AgentState.TALKING, at(5))
    desk.pool.request_state("ann", AgentState.LOGGED_OUT, at(6))
    desk.router.release("ann", at(10))
    desk.router.advance(at(15))
    assert desk.pool.state("ann") is AgentState.LOGGED_OUT


def test_ending_wrap_up_leaves_other_states_alone():
    desk = Desk(agent("ann"))
    desk.pool.set_state("ann", AgentState.NOT_READY, at(1))
    desk.pool.end_wrap_up("ann", at(2))
    assert desk.pool.state("ann") is AgentState.NOT_READY


def test_a_callback_keeps_its_way_through_its_targets_however_often_it_is_looked_at():
    walks = Walks(Statistics(AgentPool()))
    first = walks.of("c1", LIST, T0, at(3))
    assert (first.index, [str(single) for single in first.open]) == (0, ['?:"English">0@StatServer.GA'])
    again = walks.of("c1", LIST, T0, at(11))
    assert again is first
    assert len(again.open) == 2
    walks.forget("c1")
    assert walks.of("c1", LIST, T0, at(3)).index == 0


def test_a_way_that_is_taken_up_late_stands_where_it_would_have_stood():
    assert Walks(Statistics(AgentPool())).of("c1", LIST, T0, at(60)).index == 1


def test_another_target_begins_a_new_way_and_single_targets_share_one():
    walks = Walks(Statistics(AgentPool()))
    first = walks.of("c1", LIST, T0, at(60))
    assert walks.of("c1", TURNED, T0, at(60)) is not first
    assert walks.of("c1", TURNED, T0, at(60)).target is TURNED
    assert walks.of("c1", ANY, T0, at(60)) is walks.of("c2", ANY, T0, at(61))


def test_statistics_count_every_queue_and_ask_the_estimator():
    desk = Desk()
    sales = parse_target("Sales@S.GA")
    desk.ask("on the line", target=sales, queued_at=at(5))
    desk.router.statistics.add_queue(lambda: [(sales, at(-55)), (ANY, T0)])
    read, single = desk.router.statistic_at(at(60)), sales.items[0].target
    assert read("RStatCallsInQueue", single) == 2
    assert read("RStatOldestCall", single) == 115
    assert read("RStatExpectedWaitTime", single) is None
    desk.router.statistics.expected_wait = lambda _target, _now: 42.0
    assert desk.router.statistic_at(at(61))("RStatExpectedWaitTime", single) == 42.0
    assert read("RStatNobodyKnows", single) is None


def test_an_item_is_skipped_by_the_length_of_its_queue():
    target = parse_target(
        '[{"target": "Sales@S.GA", "timeout": 30, "stat_to_check": "RStatCallsInQueue", "stat_operator": ">",'
        ' "stat_value": 1}, {"target": "Any>=0"}]'
    )
    statistics = Statistics(AgentPool())
    assert TargetWalk(target, T0, statistics.at(T0)).index == 0
    statistics.add_queue(lambda: [(target, T0)] * 2)
    assert TargetWalk(target, T0, statistics.at(T0)).index == 1
