"""The worker: claims due callbacks under a lease, releases dials as agents and pace allow, recovers after a crash."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.events import CallbackChanged, Event, NodeState
from dialer.node.admission import Admission, Submissions
from dialer.node.limits import TimeLimits
from dialer.node.line import Line, queued_at
from dialer.node.pace import Pacer
from dialer.node.release import Release
from dialer.node.service_pause import ServicePauses
from dialer.routing import Ageing, Target
from dialer.scenario import CallAttempt, House, Interruption, Overtaken, attempt_of
from dialer.store import AttemptConflict, CallbackFilter, StoreError

log = structlog.get_logger(__name__)

CLAIM_EVERY_S = 0.5
LIMITS_EVERY_S = 1.0  # records.md §3: time limits are checked at least once per second
CLAIM_BATCH = 200
NUMBER_BUSY_WAIT_S = 1.0
ENDED_FROM_OUTSIDE = frozenset({"T63", "T80", "T81", "T83", "T84"})
MOVED_FROM_OUTSIDE = frozenset({"T20", "T70"})
MOVED_ON = (
    CallbackFilter(states=frozenset({State.COMPLETED, State.PAUSED})),
    CallbackFilter(phases=frozenset({Phase.SNOOZED})),
)
"""Where no scenario has anything to do."""


@dataclass(slots=True)
class Session:
    """A running scenario and the task that runs it."""

    scenario: CallAttempt
    task: asyncio.Task[None]


class Node:
    """One worker on one store.

    Args:
        house: the parts it works with.
        calls_per_second: pace of dials to customers.
        max_sessions: callbacks in progress at once; each may need two channels.

    Attributes:
        unusable: ids of callbacks that this configuration cannot dial; held, so that nobody takes them again and again.
    """

    def __init__(self, house: House, *, calls_per_second: float, max_sessions: int) -> None:
        self.house = house
        self.sessions: dict[str, Session] = {}
        self.line = Line(lambda callback: Ageing.of(house.config.options_for(callback)))
        self._aside: dict[str, Callback] = {}  # for a moment: see _set_aside
        self.unusable: set[str] = set()
        self._awaited: dict[str, Callback] = {}  # their customers are to call us
        self.draining = False
        self._store_faults: dict[str, str] = {}  # by the loop that met them
        self.scheduler_lag_s = 0.0
        self._max_sessions = max_sessions
        self._pacer = Pacer(calls_per_second, 0.0)
        self._release = Release(
            house.pool, house.config, house.router.walks, house.waits.near_enough, house.pauses.paused
        )
        self._limits = TimeLimits(house, self.line, self._release)
        self._pauses = ServicePauses(house, self.abort_dials)
        self._suspects: dict[str, int] = {}  # versions of callbacks on a call here that seem to have ended
        self._admission = Admission(house.config)
        self._submissions = Submissions(house)
        self._wake = asyncio.Event()
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: list[Callable[[], None]] = []

    # --- life ---

    async def start(self) -> None:
        """Takes back what an earlier life of this node left behind, then begins to work."""
        house = self.house
        self._pacer.now = house.clock.monotonic()
        recovered = await house.store.recover(now=house.clock.now(), node=house.node)
        self._tell_recovered(recovered)
        await self._pauses.learn()
        self._unsubscribe = [
            house.bus.subscribe(self._on_event),
            house.pool.subscribe(lambda *_: self._wake.set()),
        ]
        self._join_routing()
        loops: list[tuple[str, Callable[[], Awaitable[None]], float]] = [
            ("claim", self._claim, CLAIM_EVERY_S),
            ("lease", self._renew, house.lease_s / 3),
            ("recover", self._recover, house.lease_s / 2),
            ("limits", self._check_limits, LIMITS_EVERY_S),
        ]
        self._tasks = [asyncio.create_task(self._repeat(*loop), name=f"node-{loop[0]}") for loop in loops]
        self._tasks.append(asyncio.create_task(self._dispatch_loop(), name="node-dispatch"))
        house.bus.publish(NodeState(house.node, "started", house.clock.now(), f"{len(recovered)} callbacks recovered"))

    async def stop(self, deadline_s: float) -> None:
        """No new dials; running calls finish, or are released when the deadline comes."""
        self.draining = True
        house = self.house
        house.bus.publish(NodeState(house.node, "draining", house.clock.now(), f"{len(self.sessions)} calls running"))
        tasks = [session.task for session in self.sessions.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=deadline_s)
        running = list(self.sessions)
        await asyncio.gather(
            *(self._interrupt(session, Interruption.SHUTDOWN) for session in list(self.sessions.values()))
        )
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        waiting = [*self.line.ids(), *self._aside, *self.unusable, *self._awaited, *running]
        await house.store.release(waiting, now=house.clock.now(), node=house.node)
        house.bus.publish(NodeState(house.node, "stopped", house.clock.now()))

    def _join_routing(self) -> None:
        """Lets routing count the line in its statistics, and call for attention when something is due."""
        house, loop = self.house, asyncio.get_running_loop()
        house.router.statistics.add_queue(self._waiting_targets)
        house.router.statistics.expected_wait = house.waits.expected_wait
        house.router.alarm = lambda after_s: loop.call_later(after_s, lambda: house.router.advance(house.clock.now()))

    def _waiting_targets(self) -> list[tuple[Target, datetime]]:
        return [(self._release.target(callback.target), queued_at(callback)) for callback in self.line]

    def submit(self, callback: Callback | None = None) -> None:  # noqa: ARG002 - a hint; the store is the truth
        """Says that something may be due now."""
        self._due.set()

    @property
    def calls_active(self) -> int:
        """Callbacks being dialled or on the line."""
        return len(self.sessions)

    # --- loops ---

    async def _repeat(self, name: str, step: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Runs a step for ever; what goes wrong is said: of the store once, of ours each time."""
        while True:
            try:
                await step()
                self._store_is(name, None)
            except StoreError as fault:
                self._store_is(name, f"{name}: {fault}")
            except Exception:
                log.exception("node_loop_failed", loop=name)
            if name == "claim":
                await self._sleep_or_due(every_s)
            else:
                await asyncio.sleep(every_s)

    async def _sleep_or_due(self, every_s: float) -> None:
        try:
            async with asyncio.timeout(every_s):
                await self._due.wait()
        except TimeoutError:
            pass
        self._due.clear()

    @property
    def store_fault(self) -> str | None:
        """What the store last answered when it could not do as asked; None when all is well."""
        return next(iter(self._store_faults.values()), None)

    def _store_is(self, loop: str, fault: str | None) -> None:
        """Notes how a loop fared with the store: one that only reads cannot say that writing works again."""
        before = self.store_fault
        if fault is None:
            self._store_faults.pop(loop, None)
        else:
            self._store_faults[loop] = fault
        now = self.store_fault
        if (before is None) == (now is None):
            return
        state = "db_up" if now is None else "db_down"
        log.log(20 if now is None else 40, state, cause=now or "")
        self.house.bus.publish(NodeState(self.house.node, state, self.house.clock.now(), now or ""))

    async def _claim(self) -> None:
        """Takes due callbacks into the line, as many as this node may work on."""
        if self.draining:
            return
        house = self.house
        if not house.listener.running:
            await self._submissions.refused("the detection of this node has stopped")
            return
        self._submissions.accepted()
        self._admission.refresh()
        room = CLAIM_BATCH
        while room > 0:
            claimed = await house.store.claim(
                house.node,
                now=house.clock.now(),
                limit=CLAIM_BATCH,
                lease_s=house.lease_s,
                admit=self._admission.admit,
            )
            for callback in claimed:
                self._accept(callback)
            room = CLAIM_BATCH if len(claimed) == CLAIM_BATCH else 0
        self._wake.set()

    def _accept(self, callback: Callback) -> None:
        self.house.bus.publish(CallbackChanged(callback, callback.last_event))
        if not callback.open:
            return  # refused (T07, T87)
        try:
            self.house.config.options_for(callback)
            self._release.target(callback.target)
        except (KeyError, ValueError) as fault:
            self.unusable.add(callback.id)
            log.error(  # noqa: TRY400 - what is wrong is the configuration, not the code that reads it
                "callback_cannot_be_dialled",
                callback=callback.id,
                service=callback.service,
                cause=type(fault).__name__,
                mend="add its service to the configuration again, as it was, and restart; or cancel the callback",
            )
            return
        self.line.add(callback)

    async def _renew(self) -> None:
        house = self.house
        await house.store.heartbeat(
            now=house.clock.now(),
            node=house.node,
            region=house.config.node.region,
            sessions=len(self.sessions),
            draining=self.draining,
        )
        while True:
            held = [*self.line.ids(), *self.sessions, *self._aside, *self.unusable, *self._awaited]
            asked = house.clock.monotonic()
            kept = await house.store.renew(held, now=house.clock.now(), node=house.node, lease_s=house.lease_s)
            if house.clock.monotonic() - asked < house.lease_s / 3:
                break  # else the store was held up for so long that what was renewed is nearly over
        for lost in (callback_id for callback_id in held if callback_id not in kept):
            await self._lost(lost)

    async def _lost(self, callback_id: str) -> None:
        """Another node owns it now, or it was completed from outside."""
        self.line.remove(callback_id)
        self._aside.pop(callback_id, None)
        self._awaited.pop(callback_id, None)
        self.unusable.discard(callback_id)
        self.house.router.walks.forget(callback_id)
        self.house.waits.lost(callback_id, self.house.clock.now())
        session = self.sessions.get(callback_id)
        if session is not None and not session.task.done():
            fresh = await self.house.store.get(callback_id)
            if fresh is None or fresh.node != self.house.node or fresh.state is State.COMPLETED:
                log.warning("lease_lost", callback=callback_id)
                await self._interrupt(session, Interruption.CANCELLED)

    async def _recover(self) -> None:
        """Takes over what others have lost; never our own, whose leases a clock that was set may have ended."""
        await self._renew()
        self._tell_recovered(await self.house.store.recover(now=self.house.clock.now()))

    def _tell_recovered(self, recovered: list[Callback]) -> None:
        for callback in recovered:
            log.info("recovered", callback=callback.id, state=callback.state)
            self.house.bus.publish(CallbackChanged(callback, callback.last_event))
        if recovered:
            self._due.set()

    async def _look_for_moved(self) -> None:
        """Ends sessions whose callbacks another process has ended or put off: its bus is not ours, its store is.

        What is seen once may be our own change on its way; what is seen twice is not.
        """
        suspects: dict[str, int] = {}
        for wanted in MOVED_ON if self.sessions else ():
            here = replace(wanted, ids=frozenset(self.sessions), limit=len(self.sessions))
            for fresh in await self.house.store.find(here):
                session = self.sessions.get(fresh.id)
                if session is None or session.scenario.ledger.callback.version >= fresh.version:
                    continue
                if self._suspects.get(fresh.id) == fresh.version:
                    self._let_go(fresh, Interruption.MOVED if fresh.open else Interruption.CANCELLED)
                else:
                    suspects[fresh.id] = fresh.version
        self._suspects = suspects

    async def _check_limits(self) -> None:
        await self._look_for_moved()
        await self._pauses.obey()
        if await self._limits.check():
            self._due.set()
        self._wake.set()  # time alone may let somebody be dialled

    # --- dispatch ---

    async def _dispatch_loop(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = self.house.clock.monotonic()
            try:
                wait_s = self._dispatch()
            except Exception:
                log.exception("node_loop_failed", loop="dispatch")
                wait_s = LIMITS_EVERY_S
            self.scheduler_lag_s = self.house.clock.monotonic() - began
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                self._wake.set()

    def _dispatch(self) -> float:
        """Starts what may be dialled now. Returns seconds to wait for the pace, 0 when nothing waits for it."""
        if self.draining or not self.house.listener.running:
            return 0.0
        in_flight = Counter(
            session.scenario.callback.target for session in self.sessions.values() if session.scenario.needs_agent
        )
        in_flight.update(callback.target for callback in self._awaited.values() if self._release.needs_agent(callback))
        for callback in self._release.releasable(self.line, in_flight, self.house.clock.now()):
            now = self.house.clock.monotonic()
            if len(self.sessions) >= self._max_sessions:
                return 0.0
            if not self._pacer.take(now):
                return self._pacer.wait_s(now)
            scenario = attempt_of(self.house, callback)
            if scenario.reserve():
                self.line.remove(callback.id)
                self.adopt(scenario)
        return 0.0

    def adopt(self, scenario: CallAttempt) -> asyncio.Task[None]:
        """Runs a scenario as this node's own: its lease is renewed, and it is ended when its record is."""
        callback = scenario.callback
        self._awaited.pop(callback.id, None)
        task = asyncio.create_task(self._run(scenario), name=f"callback-{callback.id}")
        self.sessions[callback.id] = Session(scenario, task)
        task.add_done_callback(lambda _: self._ended(callback.id, task))
        return task

    def _ended(self, callback_id: str, task: asyncio.Task[None]) -> None:
        """Forgets a session, unless the callback's next attempt has begun already."""
        session = self.sessions.get(callback_id)
        if session is not None and session.task is task:
            del self.sessions[callback_id]
            left = session.scenario.ledger.callback
            if left.phase is Phase.CALL_IN_WAIT:
                self._awaited[callback_id] = left
        self._wake.set()

    async def _run(self, scenario: CallAttempt) -> None:
        try:
            await scenario.run()
            self._put_back(scenario)
        except AttemptConflict as busy:
            # Another callback is on a call to the same number: this one keeps its place and waits for that call's end.
            log.debug("number_busy_here", callback=scenario.callback.id, cause=str(busy))
            self._set_aside(scenario.ledger.callback, NUMBER_BUSY_WAIT_S)
        except StoreError as fault:
            # The record keeps its lease; when that ends, recovery closes the attempt and carries the callback on.
            log.warning("callback_left_to_recovery", callback=scenario.callback.id, cause=str(fault))
            self._store_is("lease", str(fault))  # the next renewal, which writes, says whether it is over
        except Exception as fault:
            log.exception("callback_failed", callback=scenario.callback.id)
            await self._fail(scenario, fault)

    def _put_back(self, scenario: CallAttempt) -> None:
        """A callback that went back into the queue here keeps its place; it may be started again after its pause."""
        callback = scenario.ledger.callback
        if scenario.again_in_s is not None and callback.phase is Phase.WAITING:
            self._set_aside(callback, scenario.again_in_s)

    def _set_aside(self, callback: Callback, for_s: float) -> None:
        """Keeps a callback for so many seconds from being started again."""
        self._aside[callback.id] = callback
        asyncio.get_running_loop().call_later(for_s, self._line_up, callback.id)

    def _line_up(self, callback_id: str) -> None:
        """Puts a callback that stood aside back into its place, unless it is no longer this node's."""
        callback = self._aside.pop(callback_id, None)
        if callback is not None:
            self.line.add(callback)
            self._wake.set()

    async def _fail(self, scenario: CallAttempt, fault: Exception) -> None:
        """An unhandled error ends the callback as FAIL_ERROR (T88); its legs are gone already."""
        try:
            await scenario.fail(fault)
        except (StoreError, Overtaken) as store_fault:
            log.warning("callback_left_to_recovery", callback=scenario.callback.id, cause=str(store_fault))

    # --- from outside ---

    def _on_event(self, event: Event) -> None:
        """A record completed by somebody else ends its scenario; a new one may be due."""
        if not isinstance(event, CallbackChanged):
            return
        callback = event.callback
        self.house.waits.moved(callback, self.house.clock.now())
        if callback.phase is not Phase.CALL_IN_WAIT:
            self._awaited.pop(callback.id, None)
        if not callback.open:
            self.house.router.walks.forget(callback.id)
        if event.event in {"T01", "T12", "T23"}:
            self._due.set()
        if event.event in ENDED_FROM_OUTSIDE:
            self._let_go(callback, Interruption.CANCELLED)
        elif event.event in MOVED_FROM_OUTSIDE:
            self._let_go(callback, Interruption.MOVED)

    def _let_go(self, callback: Callback, why: Interruption) -> None:
        """Forgets a callback that somebody else has moved on, and ends its scenario; not when that moved it itself."""
        self.line.remove(callback.id)
        self._aside.pop(callback.id, None)
        self.unusable.discard(callback.id)
        session = self.sessions.get(callback.id)
        if session is not None and session.scenario.ledger.callback.version != callback.version:
            self._interrupt_soon(session, why)

    def _interrupt_soon(self, session: Session, why: Interruption) -> None:
        task = asyncio.create_task(self._interrupt(session, why))
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    def abort_dials(self, service: str) -> None:
        """Breaks off dials of a service that nobody has answered yet."""
        for session in self.sessions.values():
            if session.scenario.callback.service == service and session.scenario.rings:
                self._interrupt_soon(session, Interruption.ABORTED)

    async def _interrupt(self, session: Session, why: Interruption) -> None:
        await session.scenario.interrupt(why, session.task)
