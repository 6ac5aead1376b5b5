"""The way of one callback, customer first, as the scenario goes it, in virtual time.

    queued ─► dialled ─► who answered? ─► a person: waits for an agent ─► rings the agent ─► talk ─► wrap-up
                              └─► anything else: retry by policy, or end

Every step is a transition of the table (records.md §3), checked by it. Routing, retries and the line are the
dialer's own; chance stands in for telephones and people alone.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, timedelta
from functools import cache, partial
from random import Random

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason, detail_after, is_detail, reason_after
from dialer.callback.retry import Final, GoOn, Retry, decide
from dialer.callback.state import Phase, Position, State
from dialer.callback.transition import completion_reason, resolve, transition_of
from dialer.node.line import Line
from dialer.routing import Agent, AgentPool, AgentState, Request, Router
from dialer.simulate.answering import Answered, Answering, connects
from dialer.simulate.case import Case
from dialer.simulate.clock import Agenda, VirtualClock
from dialer.simulate.crew import PAUSE
from dialer.simulate.draw import Sampler
from dialer.simulate.forecast import Forecast
from dialer.simulate.tally import HOUR_S, Tally
from dialer.simulate.world import World

NUMBER_BUSY_WAIT_S = 1.0  # as the node stands a callback aside while its number is on another call
WAITS_FOR_DIAL = frozenset({(State.QUEUED, Phase.WAITING), (State.QUEUED, Phase.RETRY_WAIT)})
WAITS_ON_LINE = frozenset({(State.ROUTING, Phase.AGENT_WAIT), (State.ROUTING, Phase.AGENT_RING)})
IN_LINE = (State.QUEUED, Phase.WAITING)
IN_DIAL = (State.QUEUED, Phase.DIALING)
COMPLETED = (State.COMPLETED, None)


class People:
    """Everybody's habits as sources of chance, each from a stream of its own: one does not disturb another."""

    def __init__(self, world: World, seed: int) -> None:
        def stream(name: str) -> Random:
            return Random(f"{seed}/{name}")  # noqa: S311 - a simulation must be repeatable, not secret

        self.answering = Answering(world.answers, stream("answers"))
        self.talk_s = world.talk.sampler(stream("talk"))
        self.wrap_up_s = world.wrap_up.sampler(stream("wrap_up"))
        self.agent_answers_s = world.agent.answers_s.sampler(stream("agent"))
        self.away_s = world.agent.away_s.sampler(stream("away"))
        self._misses, self._miss = world.agent.misses, stream("misses").random
        patience, cancels = world.customer.patience_s, world.customer.cancels_after_s
        self.patience_s: Sampler | None = None if patience is None else patience.sampler(stream("patience"))
        self.cancels_after_s: Sampler | None = None if cancels is None else cancels.sampler(stream("cancels"))

    def agent_misses(self) -> bool:
        """Whether an agent lets the phone ring."""
        return self._misses > 0 and self._miss() < self._misses


class CallFlow:
    """Moves callbacks on; what is to happen later is put on the agenda.

    Attributes:
        line: who waits to be dialled.
        in_flight: dials by target that have no agent yet; the release rule reads it.
        sessions: callbacks dialled or on the line.
        changed: an agent, a dial less or the time may let somebody be dialled.
        shifted: somebody has joined the line, or a dial has turned into an agent's call: this lets nobody be dialled
            where all in line wait for the same agents.
        session_ended: there is one customer less on the line.
    """

    def __init__(
        self, world: World, seed: int, clock: VirtualClock, agenda: Agenda, pool: AgentPool, tally: Tally
    ) -> None:
        self.people = People(world, seed)
        self.clock, self.agenda, self.pool, self.tally = clock, agenda, pool, tally
        self.router = Router(pool)
        self.line = Line(lambda callback: self.cases[callback.id].service.ageing)
        self.in_flight: Counter[str] = Counter()
        self.sessions = 0
        self.changed = self.shifted = self.session_ended = False
        self.cases: dict[str, Case] = {}  # open ones, by id
        self.forecasts: dict[str, Forecast] = {}
        self._numbers: set[str] = set()
        self._queued: dict[str, deque[Case]] = {}  # by service: in the order in which their queued_ttl ends

    # --- into the line ---

    def queue(self, case: Case) -> None:
        """A node has accepted the callback (T05): it stands in line from now on."""
        options, now = case.service.options, self.clock.now()
        self._move(case, "T05")
        case.queued_s = self.clock.monotonic()
        case.waited_since_s = max(case.waited_since_s, case.queued_s)
        if case.callback.queued_at is None:
            case.callback = replace(case.callback, queued_at=now)
        self._limit_wait(case)
        if options.max_queue_wait:
            self.agenda.after(options.max_queue_wait, self.wake)
        forecast = self.forecasts[case.service.name]
        case.mean_before_s = forecast.mean_wait_s
        case.estimate = forecast.queued(case, now)
        self._line_up(case)

    def _limit_wait(self, case: Case) -> None:
        """`queued_ttl` is the same for all of a service: only the first in time needs to be looked at."""
        queued = self._queued.setdefault(case.service.name, deque())
        queued.append(case)
        if len(queued) == 1:
            self.agenda.after(case.service.options.queued_ttl, self._look_at_waits, queued)

    def _look_at_waits(self, queued: deque[Case]) -> None:
        """Ends the first one's wait, and goes on to the next that is still open."""
        self._too_long(queued.popleft())
        while queued and not queued[0].open:
            queued.popleft()
        if queued:
            first = queued[0]
            assert first.queued_s is not None
            self.agenda.at(first.queued_s + first.service.options.queued_ttl, self._look_at_waits, queued)

    def wake(self) -> None:
        """Time alone may let somebody be dialled."""
        self.changed = True

    def _line_up(self, case: Case) -> None:
        self.line.add(case.callback)
        self.tally.peak_line = max(self.tally.peak_line, len(self.line))
        self.shifted = True
        if len(case.service.target.items) > 1:
            self._walk_on(case, case.turn)
        early_s = case.waited_since_s - case.service.options.connect_threshold - self.clock.monotonic()
        if early_s > 0:
            self.agenda.after(early_s, self.wake)  # a booking may be in line before it may be dialled
        window = case.service.policy.window
        if window is not None and not window.open_at(self.clock.now(), UTC):
            opens_at = window.first_open(self.clock.now(), UTC)
            self.agenda.after((opens_at - self.clock.now()).total_seconds(), self.wake)

    def _walk_on(self, case: Case, turn: int) -> None:
        """Looks again at who waits in line when the next item of its target list becomes current."""
        if case.turn != turn:
            return
        now, queued_at = self.clock.now(), case.callback.queued_at
        assert queued_at is not None
        walk = self.router.walks.of(case.callback.id, case.service.target, queued_at, now)
        self.changed = True
        if walk.switch_at is not None:
            self.agenda.after(max(0.0, (walk.switch_at - now).total_seconds()), self._walk_on, case, turn)

    def _again(self, case: Case, turn: int) -> None:
        """The retry's time has come: back to the place in line that the time of queueing gives (T33)."""
        if case.turn != turn:
            return
        self._move(case, "T33")
        self.forecasts[case.service.name].came_back(case, self.clock.now())
        self._line_up(case)

    # --- dialling ---

    def dial(self, case: Case) -> None:
        """Calls the customer; `in_flight` counts the dial already."""
        self.line.remove(case.callback.id)
        if case.callback.customer_number in self._numbers:
            self._count_down(case)
            self.agenda.after(NUMBER_BUSY_WAIT_S, self._stood_aside, case, case.turn)
            return
        self._move(case, "T30")
        now_s = self.clock.monotonic()
        self._numbers.add(case.callback.customer_number)
        self.sessions += 1
        case.dials += 1
        case.dial_began_s = now_s
        if case.first_dial_s is None:
            case.first_dial_s = now_s
        self._count_dial(now_s)
        self.forecasts[case.service.name].given_out(case, self.clock.now(), now_s - case.waited_since_s)
        answered = self.people.answering.call(case.service.options)
        self.agenda.after(answered.lasts_s, self._dialled, case, case.turn, answered)

    def _count_dial(self, now_s: float) -> None:
        tally = self.tally
        tally.dialled[int(now_s // HOUR_S)] += 1
        tally.peak_dials = max(tally.peak_dials, sum(self.in_flight.values()))
        tally.peak_calls = max(tally.peak_calls, self.sessions)

    def _stood_aside(self, case: Case, turn: int) -> None:
        if case.turn == turn:
            self._line_up(case)

    def _count_down(self, case: Case) -> None:
        target = case.callback.target
        self.in_flight[target] -= 1
        if not self.in_flight[target]:
            del self.in_flight[target]

    def hand_back(self, case: Case) -> None:
        """Was released, and cannot be dialled yet for another cause: it stays in line."""
        self._count_down(case)

    def _dialled(self, case: Case, turn: int, answered: Answered) -> None:
        """The dial has come to its end: a person, or not."""
        if case.turn != turn:
            return
        self._count_down(case)
        reached = connects(answered.result, case.service.options)
        forecast = self.forecasts[case.service.name]
        forecast.dial_over(self.clock.now(), self.clock.monotonic() - case.dial_began_s if reached else None)
        if reached:
            self.shifted = True
            self._reached(case, answered)
        else:
            self.changed = True
            self._fail(case, answered.result)

    def _fail(self, case: Case, result: CallResult) -> None:
        """Nobody to talk to: again by the retry policy, or the end."""
        callback, now = case.callback, self.clock.now()
        assert callback.queued_at is not None
        decision = decide(
            case.service.policy,
            result,
            attempts=case.attempts,
            free_in_a_row=case.free_in_a_row,
            now=now,
            deadline_at=callback.deadline_at,
            queued_until=callback.queued_at + timedelta(seconds=case.service.options.queued_ttl),
            desired_time=callback.desired_time,
        )
        self._end_session(case, result)
        self.forecasts[case.service.name].freed(case, now)
        match decision:
            case Retry(next_dial_at=at):
                case.result = result
                self._move(case, "T32")
                self.agenda.after(max(0.0, (at - now).total_seconds()), self._again, case, case.turn)
            case Final(reason=reason, detail=detail, call_result=final):
                self._complete(case, "T34", final, reason, detail)
            case GoOn():  # the service moved a result so that it names no failure: nobody is on the line all the same
                self._complete(case, "T34", result, reason_after(result), detail_after(result))

    # --- a person on the line ---

    def _reached(self, case: Case, answered: Answered) -> None:
        now_s = self.clock.monotonic()
        self._move(case, "T31")
        case.answer, case.talk_s, case.reached_s = answered.result, answered.talk_s, now_s
        if case.dials == 1:
            case.first_reached_s = now_s
        case.tries, case.exclude, case.end_planned = 0, set(), False
        longest_s = case.service.options.max_wait_on_call
        patience_s = longest_s if self.people.patience_s is None else self.people.patience_s()
        case.hangs_up, case.holds_until_s = patience_s < longest_s, now_s + min(patience_s, longest_s)
        self._search(case)

    def _plan_end(self, case: Case) -> None:
        """The customer may not hold the line until an agent is there."""
        if not case.end_planned:
            case.end_planned = True
            end = self._hangs_up if case.hangs_up else self._no_agent_in_time
            self.agenda.at(case.holds_until_s, end, case, case.dials)

    def _search(self, case: Case) -> None:
        """Asks for the next agent."""
        callback, now = case.callback, self.clock.now()
        assert callback.queued_at is not None
        case.request = self.router.request(
            callback.id,
            self.router.walks.of(callback.id, case.service.target, callback.queued_at, now),
            callback.priority,
            callback.queued_at,
            now=now,
            exclude=case.exclude,
            ageing=case.service.ageing,
            on_reserved=partial(self._ring, case),
        )
        if case.request.agent is None:
            self._plan_end(case)
            self._plan_advance(case.request)

    def _plan_advance(self, request: Request) -> None:
        """The next item of a target list becomes current at its time."""
        if request.agent is None and not request.cancelled and request.walk.switch_at is not None:
            wait_s = (request.walk.switch_at - self.clock.now()).total_seconds()
            self.agenda.after(max(0.0, wait_s), self._advance, request)

    def _advance(self, request: Request) -> None:
        self.router.advance(self.clock.now())
        self._plan_advance(request)

    def _ring(self, case: Case, agent: Agent) -> None:
        """The agent is reserved, and the phone rings."""
        case.agent = agent
        self.pool.set_state(agent.id, AgentState.RINGING, self.clock.now())
        self._move(case, "T35a")
        case.tries += 1
        limit_s = case.service.options.agent_reserve_timeout
        answers_s = self.people.agent_answers_s()
        misses = self.people.agent_misses() or answers_s > limit_s
        rings_s = limit_s if misses else answers_s
        if self.clock.monotonic() + rings_s >= case.holds_until_s:
            self._plan_end(case)
        self.agenda.after(rings_s, self._not_taken if misses else self._talk, case, case.turn, agent)

    def _not_taken(self, case: Case, turn: int, agent: Agent) -> None:
        """The agent did not answer and is not ready; another one is rung, while tries are left."""
        if case.turn != turn:
            return
        self.router.release(agent.id, self.clock.now(), AgentState.NOT_READY, key=case.callback.id)
        self.agenda.after(self.people.away_s(), self._back, agent.id)
        case.agent = None
        if case.tries >= case.service.options.max_transfer_attempts:
            detail = f"no answer within {case.service.options.agent_reserve_timeout} s"
            self._leave(case, "T37", CallResult.TRANSFER_ERROR, Reason.FAIL_AGENT_CONNECT, detail)
            return
        case.exclude.add(agent.id)
        self._move(case, "T36")
        self._search(case)

    def _back(self, agent_id: str) -> None:
        """An agent who missed a call is at the desk again, unless pausing or gone meanwhile."""
        status = self.pool.status(agent_id)
        if status.state == AgentState.NOT_READY and status.reason != PAUSE:
            self.pool.request_state(agent_id, AgentState.READY, self.clock.now())

    def _talk(self, case: Case, turn: int, agent: Agent) -> None:
        if case.turn != turn:
            return
        self._move(case, "T35")
        self.pool.set_state(agent.id, AgentState.TALKING, self.clock.now())
        case.talked_s = self.clock.monotonic()
        talk_s = self.people.talk_s() if case.talk_s is None else case.talk_s
        self.agenda.after(talk_s, self._talked, case, agent)

    def _talked(self, case: Case, agent: Agent) -> None:
        """The talk is over: the customer is served, the agent has something to write down."""
        self._end_session(case, case.answer)
        self._complete(case, "T73", case.answer, Reason.AGENT_CONNECTED, "talked")
        self.router.release(agent.id, self.clock.now(), AgentState.WRAP_UP, key=case.callback.id)
        delay_s = case.service.options.agent_release_delay_ms / 1000
        self.agenda.after(max(self.people.wrap_up_s(), delay_s), self._wrapped_up, case, agent.id)

    def _wrapped_up(self, case: Case, agent_id: str) -> None:
        self.pool.end_wrap_up(agent_id, self.clock.now())
        self.forecasts[case.service.name].freed(case, self.clock.now())

    # --- ends ---

    def _hangs_up(self, case: Case, dials: int) -> None:
        """The customer's patience on the line is over (T38)."""
        if case.dials == dials and case.position in WAITS_ON_LINE:
            self._leave(case, "T38", CallResult.ABANDONED, Reason.FAIL_INTERACTION_DELETED, "customer_hangup")

    def _no_agent_in_time(self, case: Case, dials: int) -> None:
        """`max_wait_on_call` is over (T39)."""
        if case.dials != dials or case.position not in WAITS_ON_LINE:
            return
        if case.position == (State.ROUTING, Phase.AGENT_RING):
            self._move(case, "T36")
        self._leave(case, "T39", CallResult.DROPPED, Reason.FAIL_TARGET_NOT_FOUND, "on_call_wait")

    def _leave(self, case: Case, event: str, result: CallResult, reason: Reason, detail: str) -> None:
        """Ends a callback whose customer is on the line without an agent."""
        self._end_session(case, result)
        request = case.request
        self._complete(case, event, result, reason, detail)
        if request is not None:
            self.router.cancel(request, self.clock.now())
        self.forecasts[case.service.name].freed(case, self.clock.now())
        self.changed = True

    def _too_long(self, case: Case) -> None:
        """`queued_ttl` is over (T85)."""
        if case.position in WAITS_FOR_DIAL:
            single = case.service.policy.single_targets
            result = CallResult.AGT_CALLBACK_ERROR if single else CallResult.GRP_CALLBACK_ERROR
            self._leave_line(case, "T85", result, Reason.FAIL_TARGET_NOT_FOUND, "queued_ttl")

    def purge(self, case: Case) -> None:
        """The callback's deadline is over (T83); a dial that runs is finished."""
        if case.open and (case.state is State.SCHEDULED or case.position in WAITS_FOR_DIAL):
            self._leave_line(case, "T83", case.result, Reason.FAIL_TIMEOUT_TTL, "purge_time")

    def cancel(self, case: Case) -> None:
        """The customer takes the request back (T80), which is possible until the talk."""
        if not case.open or case.state is State.PROCESSING:
            return
        if case.position == IN_DIAL:
            self._count_down(case)
            self.forecasts[case.service.name].dial_over(self.clock.now(), None)
        if case.position == IN_DIAL or case.state is State.ROUTING:
            self._leave(case, "T80", CallResult.CANCEL_RECORD, Reason.CANCELLED, "api")
        else:
            self._leave_line(case, "T80", CallResult.CANCEL_RECORD, Reason.CANCELLED, "api")

    def _leave_line(self, case: Case, event: str, result: CallResult, reason: Reason, detail: str) -> None:
        """Ends a callback that nobody is calling."""
        self.line.remove(case.callback.id)
        self.forecasts[case.service.name].gone(case, self.clock.now())
        self._complete(case, event, result, reason, detail)

    def _end_session(self, case: Case, result: CallResult) -> None:
        """The customer's leg is gone, the attempt has its result."""
        self.sessions -= 1
        self.session_ended = True
        self._numbers.discard(case.callback.customer_number)
        counted = case.service.policy.counts(result, case.free_in_a_row)
        case.attempts += counted
        case.free_in_a_row = 0 if counted else case.free_in_a_row + 1
        self.tally.results[result] += 1

    def _complete(self, case: Case, event: str, result: CallResult, reason: Reason, detail: str | None) -> None:
        _allowed_end(event, reason, detail)
        self._move(case, event)
        case.completed_s = self.clock.monotonic()
        case.result, case.reason, case.detail = result, reason, detail
        case.request = None  # it knows the case: without it neither holds the other
        self.router.walks.forget(case.callback.id)
        del self.cases[case.callback.id]

    def _move(self, case: Case, event: str) -> None:
        """Goes to where the table leads."""
        case.position = leads_to(event, case.position)
        case.turn += 1


@cache
def leads_to(event: str, source: Position | None) -> Position | None:
    """Where `event` leads from `source` when its callback is dialled customer first.

    Raises InvalidTransition: when the table does not allow it there.
    """
    return resolve(event, source)


@cache
def _allowed_end(event: str, reason: Reason, detail: str | None) -> None:
    """Holds the reason of an end against the table.

    Raises InvalidTransition: when the transition has no such reason.
    """
    completion_reason(transition_of(event), reason)
    assert is_detail(reason, detail), f"{reason} has no detail {detail!r}"
