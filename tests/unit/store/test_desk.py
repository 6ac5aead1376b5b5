"""Any sequence of operations, in transactions of any size, keeps the store's promises: no database needed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.reason import PREVIEW_REASON
from dialer.callback.record import AttemptResult
from dialer.callback.state import IN_QUEUE, POSITIONS, UNOWNED, Actor, Phase, State
from dialer.callback.transition import TRANSITIONS
from dialer.store import transaction
from dialer.store.desk import DIAL_PLACES, Desk
from dialer.store.operation import (
    AnswerAttempt,
    BeginAttempt,
    Change,
    CloseAttempt,
    Create,
    EndAttempt,
    Update,
)
from dialer.store.ownership import Claim, Recover, Release

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
IDS = [f"1-{n}" for n in range(10)]
NUMBERS = {one: f"+{n // 2}" for n, one in enumerate(IDS)}  # two callbacks share each number
RESULTS = [AttemptResult(call_result=CallResult(code)) for code in (6, 9, 33, 44, 46, 52)]


class Database:
    """Rows as a database would keep them between transactions."""

    def __init__(self):
        self.callbacks = {}
        self.attempts = {}
        self.history = []

    def transact(self, operations):
        desk = Desk(dict(self.callbacks))
        for attempt in self.attempts.values():
            if attempt.open:
                desk.open_attempts[attempt.callback_id] = attempt
                desk.numbers[attempt.number] = attempt.callback_id
        outcomes = [transaction.apply(desk, operation) for operation in operations]
        self.callbacks = desk.callbacks
        self.attempts.update(desk.attempts)
        self.history += desk.history
        return outcomes


class Dice:
    """Operations at random, the same for the same seed; a strategy of hypothesis would be slower a hundred times."""

    def __init__(self, seed):
        self.random = Random(seed)

    def transition(self, number=None):
        """An event with its own causes, targets and reasons, most of the time."""
        row = TRANSITIONS[number or self.random.choice(sorted(TRANSITIONS))]
        targets = sorted((target for target in row.targets if target is not None), key=str)
        to = self.random.choice([None, None, *targets, *POSITIONS[:1]])
        actor = self.random.choice(sorted(row.actors) * 5 + [Actor.CUSTOMER])
        reasons = ["AGENT_PREVIEW_CANCEL_AFTER_2REJECTS" if "nREJECTS" in one else str(one) for one in row.reasons]
        ends = to == (State.COMPLETED, None) or (to is None and len(targets) == 1)
        reason = {"reason": self.random.choice(reasons)} if reasons and ends else {}
        return {"event": row.number, "actor": actor, "to": to, "changes": reason}

    def onwards(self, callback):
        """A transition that is possible where the callback is, seldom one that ends it."""
        here = [row for row in TRANSITIONS.values() if callback.position in row.sources and row.targets]
        going = [row for row in here if (State.COMPLETED, None) not in row.targets and row.number not in RARE]
        moves = self.transition(self.random.choice((going if self.random.random() < 0.9 else here) or here).number)
        return {**moves, "to": moves["to"] or None}

    def likely(self, database):
        """What a node would do next with some callback."""
        callback = self.random.choice([one for one in database.callbacks.values() if one.open])
        now = NOW + timedelta(seconds=self.random.randint(0, 20))
        moves, n, result = self.onwards(callback), callback.dials, self.random.choice(RESULTS)
        event, actor = moves["event"], moves["actor"]
        common = {"callback_id": callback.id, "now": now, "event": event, "actor": actor, "changes": moves["changes"]}
        if event in {"T30", "T43"}:
            return BeginAttempt(**common, version=None, node="n1", lease_until=now + timedelta(seconds=30))
        if event in {"T31", "T44"}:
            return AnswerAttempt(**common, n=n, result=result)
        if event in {"T32", "T45", "T21", "T34", "T46"}:
            return EndAttempt(**common, n=n, version=None, result=result)
        return Change(**common, version=None, to=moves["to"])

    def operation(self, database):
        """One operation: likely, or any."""
        if self.random.random() < 0.75 and any(one.open for one in database.callbacks.values()):
            return self.likely(database)
        return self.any_operation(database)

    def any_operation(self, database):
        """One operation of any kind on any callback, sensible or not."""
        pick = self.random.choice
        one, n, now = pick(IDS), self.random.randint(1, 3), NOW + timedelta(seconds=self.random.randint(0, 90))
        node, until, result = pick(["n1", "n2"]), now + timedelta(seconds=30), pick(RESULTS)
        seen = pick([None, None, None, self.random.randint(1, 9)])
        by_engine = {"actor": Actor.ENGINE, "now": now}
        makers = {
            "create": lambda: Create(fields=fields_of(one), event="T01", actor=Actor.API, now=now),
            "claim": lambda: Claim(ids=tuple(database.callbacks), node=node, now=now, lease_until=until),
            "begin": lambda: BeginAttempt(
                callback_id=one,
                version=seen,
                event=pick(["T30", "T30", "T43"]),
                node=node,
                lease_until=until,
                **by_engine,
            ),
            "answer": lambda: AnswerAttempt(
                callback_id=one, n=n, event=pick(["T31", "T31", "T44"]), result=result, **by_engine
            ),
            "end": lambda: EndAttempt(
                callback_id=one, n=n, version=seen, now=now, result=result, **self.transition(pick(ENDS))
            ),
            "close": lambda: CloseAttempt(callback_id=one, n=n, now=now, result=result),
            "recover": lambda: Recover(ids=tuple(database.callbacks), now=now, node=pick([None, None, node])),
            "release": lambda: Release(ids=(one,), node=node, now=now),
            "update": lambda: Update(callback_id=one, version=seen, now=now, changes={"priority": n}),
            "change": lambda: Change(callback_id=one, version=seen, now=now, **self.transition()),
            "agent": lambda: Change(callback_id=one, version=seen, now=now, **self.transition(pick(AGENTS))),
        }
        return makers[pick(KINDS)]()


def fields_of(callback_id):
    return {"id": callback_id, "service": "S", "customer_number": NUMBERS[callback_id]}


KINDS = [
    "create",
    "claim",
    "claim",
    "begin",
    "answer",
    "end",
    "close",
    "recover",
    "release",
    "update",
    "change",
    "agent",
]
ENDS = ["T32", "T32", "T34", "T45", "T46", "T73", "T38", "T80", "T21", "T70"]
AGENTS = ["T35a", "T35", "T36", "T40", "T43a", "T41", "T71", "T72"]
RARE = {"T08", "T11", "T13", "T20", "T21", "T50", "T70", "T71", "T90", "T91"}
SEEDS = range(50)


def assert_promises_are_kept(database):
    """The store's promises."""
    live = [attempt for attempt in database.attempts.values() if attempt.open]
    assert max(Counter(one.callback_id for one in live).values(), default=1) == 1
    assert max(Counter(one.number for one in live).values(), default=1) == 1
    for callback in database.callbacks.values():
        attempts = [one for key, one in sorted(database.attempts.items()) if key[0] == callback.id]
        history = [entry for key, entry in database.history if key == callback.id]
        assert_kept_for(callback, attempts, history)


def assert_kept_for(callback, attempts, history):
    assert callback.position in POSITIONS
    assert [one.n for one in attempts] == list(range(1, callback.dials + 1))
    assert sum(bool(one.counted) for one in attempts) == callback.attempts
    assert all((one.ended_at is None) == (one.counted is None) for one in attempts)
    places = [(entry.to_state, entry.to_phase) for entry in history]
    assert [(entry.from_state, entry.from_phase) for entry in history] == [(None, None), *places[:-1]]
    assert places[-1] == callback.position
    assert callback.in_queue == (callback.position in IN_QUEUE)
    assert callback.version >= len(history)
    assert (callback.state is State.COMPLETED) == (callback.reason is not None) == (callback.completed_at is not None)
    assert (callback.state is State.PAUSED) == (callback.resume_state is not None)
    assert callback.snoozed == (callback.phase is Phase.SNOOZED)
    live = [one for one in attempts if one.open]
    assert live or callback.position not in DIAL_PLACES
    if callback.position in UNOWNED and not live:
        assert callback.node is None
        assert callback.lease_until is None
    if callback.reason is not None and not PREVIEW_REASON.fullmatch(callback.reason):
        row = TRANSITIONS[next(entry.event for entry in reversed(history) if entry.to_state is State.COMPLETED)]
        assert callback.reason in row.reasons or row.stays


def started():
    database = Database()
    database.transact([Create(fields=fields_of(one), event="T01", actor=Actor.API, now=NOW) for one in IDS[:8]])
    database.transact([Claim(ids=tuple(IDS[:8]), node="n1", now=NOW, lease_until=NOW + timedelta(seconds=30))])
    return database


@pytest.mark.parametrize("seed", SEEDS)
def test_any_operations_in_any_transactions_keep_the_promises(seed):
    dice, database = Dice(seed), started()
    for _ in range(40):
        database.transact([dice.operation(database) for _ in range(dice.random.randint(1, 6))])
        assert_promises_are_kept(database)


def test_the_random_operations_go_everywhere():
    events, refused = set(), 0
    for seed in SEEDS:
        dice, database = Dice(seed), started()
        outcomes = [database.transact([dice.operation(database)])[0] for _ in range(240)]
        refused += sum(outcome.refusal is not None for outcome in outcomes)
        events |= {entry.event for _, entry in database.history}
    assert {"T01", "T05", "T30", "T31", "T32", "T33", "T34", "T35", "T73", "T80", "T90", "T91", "T92"} <= events
    assert len(events) > 40
    assert 0.2 < refused / (240 * len(SEEDS)) < 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_refused_leaves_nothing_behind(seed):
    dice, database = Dice(seed), started()
    for _ in range(60):
        before = (dict(database.callbacks), dict(database.attempts), len(database.history))
        [outcome] = database.transact([dice.operation(database)])
        if outcome.refusal is not None:
            assert (database.callbacks, database.attempts, len(database.history)) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_one_transaction_does_what_many_would(seed):
    dice, together, apart = Dice(seed), started(), started()
    asked = [dice.any_operation(together) for _ in range(30)]
    first = [outcome.refusal for outcome in together.transact(asked)]
    second = [apart.transact([operation])[0].refusal for operation in asked]
    assert [type(one) for one in first] == [type(one) for one in second]
    assert together.attempts == apart.attempts
    assert list(map(comparable, together.callbacks.values())) == list(map(comparable, apart.callbacks.values()))


def comparable(callback):
    """A callback but for its random session id."""
    return {name: getattr(callback, name) for name in callback.__dataclass_fields__ if name != "session_id"}


@pytest.mark.parametrize(("reached", "counted"), [(False, True), (True, False)])
def test_after_ten_free_results_a_lost_dial_counts_and_a_lost_customer_does_not(reached, counted):
    database, until = Database(), NOW + timedelta(seconds=30)
    database.transact([Create(fields=fields_of("1-0"), event="T01", actor=Actor.API, now=NOW)])
    for n in range(1, 12):
        database.transact([Claim(ids=("1-0",), node="n1", now=NOW, lease_until=until)])
        begin = BeginAttempt(
            callback_id="1-0", version=None, event="T30", actor=Actor.ENGINE, now=NOW, node="n1", lease_until=until
        )
        answer = AnswerAttempt(callback_id="1-0", n=n, event="T31", actor=Actor.ENGINE, now=NOW, result=RESULTS[2])
        database.transact([begin, answer] if reached else [begin])
        database.transact([Recover(ids=("1-0",), now=NOW, node="n1")])
    assert [database.attempts["1-0", n].counted for n in (10, 11)] == [False, counted]
    assert database.callbacks["1-0"].attempts == counted
