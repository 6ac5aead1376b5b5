"""The writer with a transactor that writes nothing: who waits for what, and who is told what."""

import asyncio

import pytest

from dialer.callback.errors import DialerError
from dialer.store import StoreClosed, transaction, writer
from dialer.store.writer import Writer


class RefusedError(DialerError):
    """No."""


class Ask:
    """An operation that gives its name back, or is refused, or breaks what is written with it."""

    ids = ()
    dials = False

    def __init__(self, name, error=None):
        self.name = name
        self.error = error

    def apply(self, stage):
        if isinstance(self.error, DialerError):
            raise self.error
        return self.name


class Hands:
    """A transactor whose commits wait until they are let go."""

    def __init__(self):
        self.batches = []
        self.go = asyncio.Event()
        self.go.set()
        self.failures = []

    async def transact(self, work):
        value = work(None)
        await self.go.wait()
        if self.failures:
            raise self.failures.pop(0)
        return value

    async def close(self):
        self.go.set()


@pytest.fixture
async def hands(monkeypatch):
    made = Hands()
    monkeypatch.setattr(writer, "SPACING_S", 0.0)

    def run(_connection, operations):
        made.batches.append([operation.name for operation in operations])
        broken = next((one.error for one in operations if isinstance(one.error, ValueError)), None)
        if broken is not None:
            raise broken
        return [transaction.apply(transaction.Desk(), operation) for operation in operations]

    monkeypatch.setattr(transaction, "run", run)
    return made


@pytest.fixture
async def pen(hands):
    made = Writer(hands, url="sqlite:///x", busy_s=1.0)
    made.start()
    yield made
    hands.go.set()
    await made.stop()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_asked_while_a_transaction_runs_shares_the_next_one(pen, hands):
    hands.go.clear()
    asked = [asyncio.create_task(pen.submit(Ask(0)))]
    await settle()
    asked += [asyncio.create_task(pen.submit(Ask(n))) for n in range(1, 6)]
    await settle()
    hands.go.set()
    assert await asyncio.gather(*asked) == [0, 1, 2, 3, 4, 5]
    assert hands.batches == [[0], [1, 2, 3, 4, 5]]
    assert pen.transactions == 2


async def test_nobody_is_answered_before_the_commit(pen, hands):
    hands.go.clear()
    asked = asyncio.create_task(pen.submit(Ask("x")))
    await settle()
    assert hands.batches == [["x"]]
    assert not asked.done()
    hands.go.set()
    assert await asked == "x"


async def test_one_that_is_refused_is_told_alone(pen):
    answers = await asyncio.gather(
        pen.submit(Ask(1)), pen.submit(Ask(2, RefusedError())), pen.submit(Ask(3)), return_exceptions=True
    )
    assert [answers[0], type(answers[1]), answers[2]] == [1, RefusedError, 3]


async def test_one_that_breaks_the_transaction_is_found_and_the_others_are_written(pen, hands):
    hands.go.clear()
    first = asyncio.create_task(pen.submit(Ask(0)))
    await settle()
    asked = [asyncio.create_task(pen.submit(Ask(n, ValueError("bad") if n == 2 else None))) for n in (1, 2, 3)]
    await settle()
    hands.go.set()
    answers = await asyncio.gather(first, *asked, return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [0, 1, 3]
    assert isinstance(answers[2], Exception)
    assert hands.batches == [[0], [1, 2, 3], [1], [2], [3]]


async def test_a_request_whose_caller_has_gone_is_not_written(pen, hands):
    hands.go.clear()
    first = asyncio.create_task(pen.submit(Ask(0)))
    await settle()
    gone, kept = asyncio.create_task(pen.submit(Ask(1))), asyncio.create_task(pen.submit(Ask(2)))
    await settle()
    gone.cancel()
    await settle()
    hands.go.set()
    await asyncio.gather(first, kept)
    assert hands.batches == [[0], [2]]


async def test_a_caller_that_goes_while_its_write_is_committed_disturbs_nobody(pen, hands):
    hands.go.clear()
    gone, kept = asyncio.create_task(pen.submit(Ask(1))), asyncio.create_task(pen.submit(Ask(2)))
    await settle()
    gone.cancel()
    await settle()
    hands.go.set()
    assert await kept == 2
    assert gone.cancelled()
    assert await pen.submit(Ask(3)) == 3


async def test_work_of_its_own_has_a_transaction_of_its_own_in_its_turn(pen, hands):
    hands.go.clear()
    order = []
    asked = [asyncio.create_task(pen.submit(Ask(0)))]
    await settle()
    asked += [
        asyncio.create_task(pen.submit(Ask(1))),
        asyncio.create_task(pen.run(lambda _: order.append(list(hands.batches)))),
        asyncio.create_task(pen.submit(Ask(2))),
    ]
    await settle()
    hands.go.set()
    await asyncio.gather(*asked)
    assert order == [[[0], [1]]]
    assert hands.batches == [[0], [1], [2]]


async def test_an_unknown_fault_goes_to_who_asked_and_the_writer_goes_on(pen, hands):
    hands.failures = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await pen.submit(Ask(1))
    hands.failures = [RuntimeError("broken again")]
    with pytest.raises(RuntimeError, match="broken again"):
        await pen.run(lambda _: None)
    assert await pen.submit(Ask(2)) == 2


async def test_stopping_writes_what_was_asked_for_and_takes_no_more(hands):
    pen = Writer(hands, url="sqlite:///x", busy_s=1.0)
    pen.start()
    hands.go.clear()
    asked = [asyncio.create_task(pen.submit(Ask(n))) for n in range(4)]
    await settle()
    stopping = asyncio.create_task(pen.stop())
    await settle()
    with pytest.raises(StoreClosed):
        await pen.submit(Ask(9))
    hands.go.set()
    assert await asyncio.gather(*asked) == [0, 1, 2, 3]
    await stopping


async def test_nobody_waits_for_a_writer_that_was_ended_from_outside(hands):
    pen = Writer(hands, url="sqlite:///x", busy_s=1.0)
    pen.start()
    hands.go.clear()
    asked = [asyncio.create_task(pen.submit(Ask(n))) for n in range(3)]
    await settle()
    asked.append(asyncio.create_task(pen.submit(Ask(3))))
    await settle()
    pen._task.cancel()
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
    assert isinstance(answers[3], StoreClosed)
    assert all(isinstance(one, BaseException) for one in answers)
    with pytest.raises(StoreClosed):
        await pen.submit(Ask(4))


async def test_a_batch_is_bounded(pen, hands):
    hands.go.clear()
    asked = [asyncio.create_task(pen.submit(Ask("first")))]
    await settle()
    asked += [asyncio.create_task(pen.submit(Ask(n))) for n in range(writer.BATCH_LIMIT + 10)]
    await settle()
    hands.go.set()
    await asyncio.gather(*asked)
    assert [len(batch) for batch in hands.batches] == [1, writer.BATCH_LIMIT, 10]
