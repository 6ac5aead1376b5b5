"""A batch that is killed at random instants, again and again; run by `test_store_crash.py` as a process of its own.

    python crash_batch.py URL KILLS SEED FOLDER

One process without threads forks the batch, kills it with SIGKILL, then forks a check of what the batch had been told
was written. What was told is kept in a file that each write appends to after it was acknowledged.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dialer.callback.call_result import CallResult
from dialer.callback.errors import DialerError
from dialer.callback.record import AttemptResult, NewCallback
from dialer.callback.state import Phase, State
from dialer.store import AttemptConflict, CallbackFilter, Store

BOOKERS = 8
NUMBERS = 200


class Told:
    """What the batch was told is written, in a file that outlives it."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def tell(self, kind: str, callback_id: str, number: int) -> None:
        os.write(self._file, f"{kind} {callback_id} {number}\n".encode())


def now() -> datetime:
    return datetime.now(UTC)


async def batch(url: str, told: Told) -> None:
    """Book, claim, dial, answer, end: forever."""
    store = await Store.open(url, node="n1")
    for callback in await store.recover(now=now(), node="n1", limit=10_000):
        told.tell("version", callback.id, callback.version)
    async with asyncio.TaskGroup() as group:
        for _ in range(BOOKERS):
            group.create_task(booker(store, told))
        while True:
            for callback in await store.claim(now=now(), limit=50, lease_s=60):
                told.tell("version", callback.id, callback.version)
                group.create_task(call(store, callback, told))
            await asyncio.sleep(0.005)


async def booker(store: Store, told: Told) -> None:
    while True:
        number = f"+1650{random.randrange(NUMBERS):07d}"
        new = NewCallback(service="S", customer_number=number, number_e164=number)
        callback = await store.create(new, event="T01", actor="api", now=now())
        told.tell("version", callback.id, callback.version)
        await asyncio.sleep(0.002)


async def call(store: Store, callback, told: Told) -> None:
    try:
        await one_call(store, callback, told)
    except AttemptConflict:
        await asyncio.sleep(0.02)
        await store.release([callback.id], now=now())


async def one_call(store: Store, callback, told: Told) -> None:
    callback, attempt = await store.begin_attempt(callback.id, callback.version, now=now(), lease_s=60)
    told.tell("begun", callback.id, attempt.n)
    told.tell("version", callback.id, callback.version)
    await asyncio.sleep(random.random() * 0.02)
    if random.random() < 0.5:
        busy = AttemptResult(call_result=CallResult.BUSY, sip_status=486)
        last = callback.attempts >= 2
        changes = {"reason": "FAIL_CALL_TO_CUSTOMER"} if last else {"next_dial_at": now() + timedelta(seconds=0.05)}
        callback = await store.end_attempt(
            attempt, event="T34" if last else "T32", actor="engine", now=now(), result=busy, changes=changes
        )
    else:
        answer = AttemptResult(call_result=CallResult.ANSWER, verdict="human", answered_at=now())
        callback, _ = await store.answer_attempt(attempt, now=now(), result=answer)
        told.tell("version", callback.id, callback.version)
        for event, actor in (("T35a", "engine"), ("T35", "agent")):
            callback = await store.transition(callback.id, callback.version, event, actor=actor, now=now())
            told.tell("version", callback.id, callback.version)
            await asyncio.sleep(random.random() * 0.01)
        callback = await store.end_attempt(attempt, event="T73", actor="customer", now=now(), result=answer)
    told.tell("ended", callback.id, attempt.n)
    told.tell("version", callback.id, callback.version)


async def check(url: str, told_file: str, *, recover: bool) -> dict[str, object]:
    """Compare what was told with what is there."""
    store = await Store.open(url, node="checker")
    try:
        faults = await _faults(store, lines_of(told_file))
        live = await store.open_attempts()
        faults += [
            f"two live attempts to {number}" for number, n in Counter(one.number for one in live).items() if n > 1
        ]
        if recover:
            faults += await _recovery_faults(store, live)
        everything = await store.find(CallbackFilter(limit=1_000_000))
        return {"faults": faults, "callbacks": len(everything), "live": len(live)}
    finally:
        await store.close()


def lines_of(path: str) -> list[str]:
    """Whole lines of a file; none when it is not there."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []


async def _faults(store: Store, told: list[str]) -> list[str]:
    found = {one.id: one for one in await store.find(CallbackFilter(limit=1_000_000))}
    faults = []
    for line in told:
        kind, callback_id, number = line.split()
        callback = found.get(callback_id)
        if callback is None:
            faults.append(f"{callback_id} is lost")
        elif kind == "version" and callback.version < int(number):
            faults.append(f"{callback_id} is back at version {callback.version} from {number}")
        elif kind == "begun" and callback.dials < int(number):
            faults.append(f"{callback_id} forgot attempt {number}")
    for callback in random.sample(sorted(found.values(), key=lambda one: one.id), min(40, len(found))):
        faults += await _inconsistent(store, callback)
    return faults


async def _inconsistent(store: Store, callback) -> list[str]:
    history, attempts = await store.history(callback.id), await store.attempts(callback.id)
    faults = []
    places = [(entry.to_state, entry.to_phase) for entry in history]
    starts = [(entry.from_state, entry.from_phase) for entry in history]
    if places[:-1] != starts[1:] or places[-1] != callback.position:
        faults.append(f"history of {callback.id} has a gap")
    if [attempt.n for attempt in attempts] != list(range(1, callback.dials + 1)):
        faults.append(f"attempts of {callback.id} are {[attempt.n for attempt in attempts]}, dials {callback.dials}")
    if sum(bool(attempt.counted) for attempt in attempts) != callback.attempts:
        faults.append(f"{callback.id} counts {callback.attempts} attempts")
    on_call = callback.phase is Phase.DIALING or callback.state in {State.ROUTING, State.PROCESSING}
    if on_call != any(attempt.open for attempt in attempts):
        faults.append(f"{callback.id} in {callback.position} has open attempts {on_call}")
    return faults


async def _recovery_faults(store: Store, live) -> list[str]:
    before = {one.callback_id: one for one in live}
    await store.recover(now=now(), node="n1", limit=1_000_000)
    faults = [f"{one.callback_id} is still on a call" for one in await store.open_attempts()]
    for callback_id, attempt in before.items():
        callback = await store.get(callback_id)
        closed = (await store.attempts(callback_id))[attempt.n - 1]
        connected = callback.state is State.COMPLETED
        expected = CallResult.ANSWER if connected else CallResult.STALE
        if closed.call_result != expected or callback.phase not in {Phase.SUBMITTING, None}:
            faults.append(f"{callback_id}: attempt ended {closed.call_result!r} in {callback.position}")
    return faults


def forked(work) -> int:
    """Run `work` in a child of ours."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except DialerError as error:
            print(json.dumps({"faults": [repr(error)]}), flush=True)
        finally:
            os._exit(status)
    return pid


def wait_until_grown(path: Path, *, limit_s: float = 30.0) -> None:
    """Wait until the batch has been told of a write."""

    def size() -> int:
        return path.stat().st_size if path.exists() else 0

    before, deadline = size(), time.monotonic() + limit_s
    while size() == before and time.monotonic() < deadline:
        time.sleep(0.005)


def main() -> None:
    """Kill and check."""
    url, kills, seed, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    dice = random.Random(seed)
    told_file, checked = str(folder / "told"), folder / "checked"

    def judge(*, recover: bool) -> None:
        checked.write_text(json.dumps(asyncio.run(check(url, told_file, recover=recover))))

    for n in range(kills):
        random.seed(dice.random())
        pid = forked(lambda: asyncio.run(batch(url, Told(told_file))))
        if n % 5:  # while it works; else while it may still be opening the database or recovering
            wait_until_grown(Path(told_file))
        time.sleep(dice.uniform(0.0, 0.3))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        pid = forked(lambda last=n == kills - 1, even=n % 2 == 0: judge(recover=last or even))
        _, status = os.waitpid(pid, 0)
        report = json.loads(checked.read_text()) if status == 0 else {"faults": [f"the check ended with {status}"]}
        told = len(lines_of(told_file))
        print(json.dumps({"killed": killed, "told": told, **report}), flush=True)


if __name__ == "__main__":
    main()
