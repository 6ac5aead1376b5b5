"""A floor of agents and a queue of callbacks under random events, with every promise of routing looked at after each.

The parts are the dialer's own: line, release, router, pool. Only calls are made up. One seed makes one run.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace

from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.node.line import Line
from dialer.node.release import Release
from dialer.routing import BUSY_STATES, Ageing, Agent, AgentPool, AgentState, Router, effective_priority

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
RESERVE_S = 10
SKILLS = "ABC"
LIST = (
    '[{"target": "?:A>0@S.GA", "timeout": 20}, {"target": "?:B>0@S.GA", "timeout": 30, "clear": false},'
    ' {"target": "?:A>0|B>0|C>0@S.GA"}]'
)
SKIPPING = (
    '[{"target": "?:A>0&B>0@S.GA", "timeout": 60, "stat_to_check": "RStatAgentsReady", "stat_operator": "<",'
    ' "stat_value": 1}, {"target": "Front@S.GP", "timeout": 30}, {"target": "?:C>0@S.GA"}]'
)
TARGETS = ("?:A>0@S.GA", "?:B>0@S.GA", "?:A>0&B>0@S.GA", "?:A>0|B>0@S.GA", "all@S.A", "Front@S.GP", LIST, SKIPPING)
AGEINGS = ((0, 60, 1000), (1, 30, 1000), (5, 45, 12), (2, 60, 3))


@cache
def service(target, ageing, priority):
    increment, interval, limit = ageing
    return ServiceOptions(
        target=target, route_point="8999@P", priority=priority, priority_increment=increment,
        priority_increment_interval=interval, priority_limit=limit,
    )  # fmt: skip


class Floor:
    """One run."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now, self.count, self.dials = START, 0, 0
        self.pool = AgentPool()
        self.router = Router(self.pool)
        self.paused = set()
        pick = self.random.choice
        self.services = {
            f"s{n}": service(pick(TARGETS), pick(AGEINGS), pick((0, 0, 1, 3))) for n in range(pick((2, 3, 4)))
        }
        self.release = Release(
            self.pool, SimpleNamespace(services=self.services), self.router.walks,
            paused=lambda name, _options: name in self.paused,
        )  # fmt: skip
        self.line = Line(lambda callback: Ageing.of(self.services[callback.service]))
        self.dialling = {}  # customers being dialled
        self.on_line = {}  # customers on the line: callback and request
        self.faults = []  # what went wrong where raising would be caught: in listeners
        self.pool.subscribe(self.agent_changed)
        self._hire(Agent("all", "all", "sip:all", dict.fromkeys(SKILLS, 5), place_groups=frozenset({"Front"})))
        for n in range(pick((1, 2, 3, 4))):
            skills = {skill: 1 for skill in SKILLS if self.random.random() < 0.5}
            groups = frozenset({"Front"} if self.random.random() < 0.3 else ())
            self._hire(Agent(f"a{n}", f"a{n}", f"sip:a{n}", skills, place_groups=groups))

    def _hire(self, agent):
        self.pool.add(agent, self.now)
        self.pool.set_state(agent.id, AgentState.READY, self.now)

    # --- one step ---

    def step(self):
        self.pass_time(self.random.expovariate(1 / 8))
        self.random.choice(EVENTS)(self)
        self.dispatch(stop_early=self.random.random() < 0.1)
        self.check()

    def pass_time(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.router.advance(self.now)
        for status in self.pool.all():
            held_s = (self.now - status.since).total_seconds()
            assert status.state is not AgentState.RESERVED or held_s < RESERVE_S, f"{status.agent.id} stays reserved"

    def dispatch(self, *, stop_early=False):
        """Dials who may be dialled; nobody may be passed over, and nobody dialled for whom no agent is left."""
        order, given = list(self.line.in_order(self.now)), []
        assert order == sorted(order, key=self.rank)
        in_flight = Counter(callback.target for callback in self.without_agent())
        for callback in self.release.releasable(self.line, in_flight, self.now):
            self.check_supply(callback, in_flight)
            given.append(callback)
            self.line.remove(callback.id)
            self.dialling[callback.id] = callback
            if stop_early:
                break
        self.dials += len(given)
        self.check_order(order, given)

    def without_agent(self):
        return [
            *self.dialling.values(),
            *(callback for callback, request in self.on_line.values() if not request.agent),
        ]

    def rank(self, callback):
        ageing = Ageing.of(self.services[callback.service])
        return (
            -effective_priority(callback.priority, ageing, callback.queued_at, self.now),
            callback.queued_at,
            callback.id,
        )

    def open_to(self, callback):
        """Ids of Ready agents whom a callback may have now."""
        target = self.release.target(callback.target)
        walk = self.router.walks.of(callback.id, target, callback.queued_at, self.now)
        return {agent.id for agent in self.pool.ready_matching(walk)}

    def check_supply(self, callback, in_flight):
        """No more dials of a target than agents for it, and every customer can have one of the Ready agents at once."""
        target = self.release.target(callback.target)
        assert in_flight[callback.target] <= len(self.pool.ready_matching(target)), "more dials than agents"
        others = self.without_agent()
        before, after = (
            seated([self.open_to(one) for one in others]),
            seated([*(self.open_to(one) for one in others), self.open_to(callback)]),
        )
        assert after == before + 1, f"{callback.id} was dialled for agents that others need"

    def check_order(self, order, given):
        """Who is dialled counts on an agent for whom nobody waits who stands before it and was passed over."""
        waited_for, passed = set(), []
        for callback in order:
            agents = self.open_to(callback)
            if callback in given:
                assert not agents <= waited_for, f"{callback.id} overtook {passed}"
            elif callback.service not in self.paused:
                waited_for |= agents
                passed.append(callback.id)

    def agent_changed(self, agent, old, new, _now):
        if new is AgentState.RESERVED and old not in {AgentState.READY, AgentState.RESERVED}:  # the second: retrained
            self.faults.append(f"{agent.id} was reserved while {old}")

    def calls(self):
        """Callback by agent, of all agents who have one."""
        holders = {status.agent.id: self.router.holder(status.agent.id) for status in self.pool.all()}
        return {agent: holder.key for agent, holder in holders.items() if holder is not None}

    def check(self):
        assert not self.faults, self.faults
        busy = {status.agent.id for status in self.pool.all() if status.state in BUSY_STATES}
        calls = self.calls()
        assert set(calls) == busy
        assert len(set(calls.values())) == len(calls), "two agents for one callback"
        for callback, request in self.on_line.values():
            assert request.agent is None or calls.get(request.agent.id) == callback.id, "an agent is lost"
        for agent in self.pool.ready():
            assert not [request.key for request in self.router.waiting if request.fits(agent)], f"{agent.id} idles"

    # --- what may happen ---

    def arrive(self, name=None, priority=None):
        name = name or self.random.choice(list(self.services))
        options = self.services[name]
        base = options.priority if priority is None else priority
        self.count += 1
        self.line.add(
            Callback(
                id=f"{self.count:05}", service=name, state=State.QUEUED, phase=Phase.WAITING,
                customer_number="+16505550100", desired_time=self.now, created_at=self.now, accepted_at=self.now,
                updated_at=self.now, queued_at=self.now, target=options.target, priority=base,
            )
        )  # fmt: skip

    def cancel_one(self):
        if self.line.ids():
            self.forget(self.line.remove(self.random.choice(self.line.ids())))

    def reach_one(self):
        if self.dialling:
            self.reach(self.random.choice(list(self.dialling)))

    def reach(self, key):
        self.ask(self.dialling.pop(key), frozenset())

    def ask(self, callback, exclude):
        """A customer on the line wants an agent; whoever gets it must deserve it."""
        options, router = self.services[callback.service], self.router

        def reserved(agent):
            mine = router.holder(agent.id)
            if mine is None or mine.key != callback.id:
                self.faults.append(f"{agent.id} was told to {callback.id}, but is another's")
                return
            others = [c.id for c, r in self.on_line.values() if r.agent == agent and c.id != callback.id]
            if others:
                self.faults.append(f"{agent.id} was given to {callback.id}, and is {others}'s")
            rank = mine.rank_at(self.now)
            better = [r.key for r in router.waiting if r.fits(agent) and r.rank_at(self.now) < rank]
            if better:
                self.faults.append(f"{callback.id} overtook {better} on the line")

        def expired(_agent):
            self.on_line.pop(callback.id)
            self.forget(callback)

        request = router.request(
            callback.id,
            router.walks.of(callback.id, self.release.target(callback.target), callback.queued_at, self.now),
            callback.priority, callback.queued_at, self.now, exclude,
            on_reserved=reserved, ageing=Ageing.of(options), reserve_timeout_s=RESERVE_S, on_expired=expired,
            release_delay_s=self.random.choice((0, 0, 5)),
        )  # fmt: skip
        self.on_line[callback.id] = (callback, request)

    def fail_one(self):
        """A dial reached nobody: the callback comes again, in its old place, or is given up."""
        if self.dialling:
            callback = self.dialling.pop(self.random.choice(list(self.dialling)))
            if self.random.random() < 0.5:
                self.line.add(callback)
            else:
                self.forget(callback)

    def hang_up_one(self):
        """A customer on the line leaves, with or without an agent."""
        if self.on_line:
            callback, request = self.on_line.pop(self.random.choice(list(self.on_line)))
            self.router.cancel(request, self.now)
            self.forget(callback)

    def ring_one(self):
        self.move_one(AgentState.RESERVED, lambda agent: self.pool.set_state(agent, AgentState.RINGING, self.now))

    def answer_one(self):
        self.move_one(AgentState.RINGING, lambda agent: self.pool.set_state(agent, AgentState.TALKING, self.now))

    def not_answer_one(self):
        """The phone rings out: the agent is Not Ready, and the customer wants another one."""

        def ring_out(agent):
            callback, request = self.on_line.pop(self.calls()[agent])
            self.router.release(agent, self.now, AgentState.NOT_READY, key=callback.id)
            if self.calls().get(agent) == callback.id:
                self.forget(callback)  # the release is delayed: this customer has had enough
            else:
                self.ask(callback, request.exclude | {agent})

        self.move_one(AgentState.RINGING, ring_out)

    def end_talk(self):
        self.move_one(AgentState.TALKING, self.hang_up_agent)

    def hang_up_agent(self, agent):
        key = self.calls()[agent]
        if key in self.on_line:
            self.forget(self.on_line.pop(key)[0])
        self.router.release(agent, self.now, key=key)

    def move_one(self, state, move):
        found = [status.agent.id for status in self.pool.all() if status.state is state]
        if found:
            move(self.random.choice(found))

    def wish(self):
        """An agent asks for a state; in wrap-up that ends it at once, on a call it waits for the end."""
        agent = self.random.choice(self.pool.all()).agent.id
        state = self.random.choice((AgentState.READY, AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT))
        waits = self.pool.state(agent) in BUSY_STATES - {AgentState.WRAP_UP}
        assert self.pool.request_state(agent, state, self.now) is not waits

    def throw_out(self):
        """A supervisor logs an agent out in the middle of whatever it does; its customer goes."""
        agent = self.random.choice(self.pool.all()).agent.id
        key = self.calls().get(agent)
        if key in self.on_line:
            self.forget(self.on_line.pop(key)[0])
        self.pool.set_state(agent, AgentState.LOGGED_OUT, self.now)

    def retrain(self):
        agent = self.random.choice(self.pool.all()).agent
        if agent.id != "all":
            skills = {skill: 1 for skill in SKILLS if self.random.random() < 0.5}
            self.pool.replace(
                Agent(agent.id, agent.name, agent.address, skills, place_groups=agent.place_groups), self.now
            )

    def pause_or_resume(self):
        self.paused ^= {self.random.choice(list(self.services))}

    def forget(self, callback):
        if callback is not None:
            self.router.walks.forget(callback.id)

    # --- the end ---

    def drain(self):
        """All services resume, all agents work: whoever waits is dialled in turn, though others keep coming."""
        self.paused.clear()
        old = set(self.line.ids())
        for _ in range(len(old) + 3):
            self.pass_time(0.01)
            self.arrive(priority=-10)
            self.finish_calls()
            self.dispatch()
            self.check()
        late = old & set(self.line.ids())
        assert not late, f"{late} were never dialled"
        return len(old)

    def finish_calls(self):
        """Every customer who is dialled is reached, rung for, talks and hangs up; every agent is Ready again."""
        for key in list(self.dialling):
            self.reach(key)
        self.all_ready()
        while self.calls():
            for agent in self.calls():
                self.hang_up_agent(agent)
            self.all_ready()
        for key, (_, request) in list(self.on_line.items()):
            del self.on_line[key]  # who is left has refused every agent there is
            self.router.cancel(request, self.now)

    def all_ready(self):
        for status in self.pool.all():
            self.pool.request_state(status.agent.id, AgentState.READY, self.now)


def seated(wishes):
    """How many can have an agent of their wish at once (a largest matching, by augmenting paths)."""
    taken = {}

    def find(one, seen):
        for agent in wishes[one] - seen:
            seen.add(agent)
            if agent not in taken or find(taken[agent], seen):
                taken[agent] = one
                return True
        return False

    return sum(find(one, set()) for one in range(len(wishes)))


EVENTS = (
    *[Floor.arrive] * 6, *[Floor.reach_one] * 4, Floor.fail_one, Floor.fail_one, Floor.hang_up_one,
    *[Floor.ring_one] * 3, *[Floor.answer_one] * 3, Floor.not_answer_one, *[Floor.end_talk] * 3, *[Floor.wish] * 3,
    Floor.throw_out, Floor.retrain, Floor.pause_or_resume, Floor.cancel_one,
)  # fmt: skip
