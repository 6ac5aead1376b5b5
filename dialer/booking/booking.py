"""The use cases: every door (API, command line, later the pages) goes through here, so every rule holds everywhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from dialer.booking.access import access_of_callback, access_of_service, access_wish
from dialer.booking.customer_answer import CustomerAnswers
from dialer.booking.desired_time import deadline_of, expiry_of, is_scheduled, read_desired_time
from dialer.booking.limit import Limits
from dialer.booking.number import read_number
from dialer.booking.pause import PauseBook, Pausing
from dialer.booking.query import query_of
from dialer.booking.refused import (
    BadDesiredTime,
    BadParameter,
    InvalidState,
    NoNumberFree,
    NotFound,
    Refused,
    Unavailable,
    UnknownService,
)
from dialer.booking.request import NUMBER, CreateRequest, Sorted, sort_parameters
from dialer.booking.reschedule import Rescheduling
from dialer.callback.call_in import CallInRequest
from dialer.callback.options import ServiceOptions
from dialer.callback.reason import Reason
from dialer.callback.record import IMMEDIATE, SCHEDULED, Attempt, Callback, HistoryEntry, NewCallback
from dialer.callback.state import Actor, State
from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import Bus, CallbackChanged, Rejected
from dialer.store import NoNumberFree as NoneFree
from dialer.store import Store, StoreError, UnknownCallback, VersionConflict

_log = logging.getLogger(__name__)

ACTORS: Final = {"api_v1": Actor.API, "api_v3": Actor.API, "ui": Actor.ADMIN, "ivr": Actor.IVR, "call_in": Actor.IVR}
CANCEL_TRIES: Final = 5  # a running callback changes a few times a second at most
CANCELLABLE: Final = frozenset({State.SCHEDULED, State.QUEUED, State.PAUSED, State.ROUTING})  # T80, T81


class Booking:
    """Creates, finds and cancels callbacks.

    Attributes:
        pausing: pauses and resumes services.
        answers: takes what customers' devices send back.
        rescheduling: gives booked callbacks another time.
    """

    def __init__(
        self, store: Store, config: DialerConfig, bus: Bus, clock: Clock, pauses: PauseBook | None = None
    ) -> None:
        self._store = store
        self._config = config
        self._bus = bus
        self._clock = clock
        self._limits = Limits(store)
        self._numbers = _KeyedLocks()
        self._pauses = pauses if pauses is not None else PauseBook()
        self.pausing = Pausing(store, config, bus, clock, self._pauses)
        self.answers = CustomerAnswers(store, config, bus, clock)
        self.rescheduling = Rescheduling(store, config, bus, clock)

    async def create(self, request: CreateRequest) -> Callback:
        """Books a callback: T01, T02 or T03. When it returns, the record is committed.

        Raises Refused: by the first failing check of api.md §2.1; no record exists then.
        """
        try:
            return await self._create(request)
        except Refused as refused:
            at = self._clock.now()
            self._bus.publish(Rejected(request.service, request.origin, refused.exception, refused.message, at))
            raise

    async def hand_out(self, request: CreateRequest) -> CallInRequest:
        """An access number of a service of type `builtin`, without a callback (Click-To-Call-In).

        Raises Refused: as `create`; NoNumberFree when no number of the service's group is free.
        """
        try:
            return await self._hand_out(request)
        except Refused as refused:
            at = self._clock.now()
            self._bus.publish(Rejected(request.service, request.origin, refused.exception, refused.message, at))
            raise

    async def request_access(
        self, group: str, *, callback_id: str | None = None, from_number: str = "", code: bool | None = None,
        expiry_s: float | None = None, user_data: Mapping[str, Any] | None = None,
    ) -> CallInRequest:  # fmt: skip
        """An access number of a group, for nobody in particular or for a callback that waits for the customer's call.

        Args:
            group: call-in group; of the callback's service when empty.
            callback_id: a callback in QUEUED/call_in_wait.
            from_number: the number that the customer will call from, in any notation.
            code: whether a code is wanted; None: as the group says.
            expiry_s: how long it is good for; None: as the group says.
            user_data: kept with the request.

        Raises UnknownGroup, NoNumberFree, NotFound, InvalidState, Unavailable: when it cannot be had.
        """
        if callback_id is not None:
            callback = await self.get(callback_id)
            wish = access_of_callback(self._config, callback, group)
        else:
            wish = access_wish(
                self._config, group, code=code, expiry_s=expiry_s, from_number=from_number, user_data=user_data
            )
        now = self._clock.now()
        with _store_faults():
            made = await self._store.book_access(wish, now=now)
            if callback_id is not None:  # how long its call is awaited stays as it was
                access = {**made.access(), "expires_at": callback.access.get("expires_at")}
                await self._store.update(callback_id, None, now=now, changes={"access": access})
        return made

    async def get(self, callback_id: str, service: str | None = None) -> Callback:
        """The callback with this id.

        Raises NotFound: when there is none, or it belongs to another service than `service`.
        """
        with _store_faults():
            callback = await self._store.get(callback_id)
        if callback is None or (service is not None and callback.service != service):
            raise NotFound(f"there is no callback {callback_id}" + (f" in {service}" if service else ""))
        return callback

    async def story(self, callback_id: str) -> tuple[list[Attempt], list[HistoryEntry]]:
        """Attempts and transitions of a callback, oldest first; empty when there is none."""
        with _store_faults():
            return await self._store.attempts(callback_id), await self._store.history(callback_id)

    async def query(
        self, keys: Mapping[str, str], service: str | None = None, operand: Literal["AND", "OR"] = "AND"
    ) -> list[Callback]:
        """Callbacks that fit, newest desired time first (api.md §2.5).

        Raises UnknownService: when there is no such service.
        Raises BadParameter: for a key that cannot be queried.
        """
        if service is not None and service not in self._config.services:
            raise UnknownService(f"there is no service {service!r}")
        wanted = query_of(keys, service, operand, self._config)
        if wanted is None:
            return []
        with _store_faults():
            found = await self._store.find(wanted.filter)
        return [c for c in found if wanted.fits(c, self._config)][: self._config.callback.max_per_service]

    async def cancel(
        self, callback_id: str, actor: Actor | str = Actor.API, *, service: str | None = None, user: str | None = None
    ) -> Callback:
        """Ends a callback that no agent talks to yet: T80, by the console or an administrator T81.

        Raises NotFound: when there is none, or it belongs to another service than `service`.
        Raises InvalidState: in PROCESSING or COMPLETED.
        """
        event, changes = _cancelling(Actor(actor), user)
        for _ in range(CANCEL_TRIES):
            callback = await self.get(callback_id, service)
            if callback.state not in CANCELLABLE:
                raise InvalidState(f"{callback_id} is {callback.state} and can no longer be cancelled")
            try:
                with _store_faults():
                    cancelled = await self._store.transition(
                        callback_id,
                        callback.version,
                        event,
                        actor=actor,
                        now=self._clock.now(),
                        changes=changes,
                        user=user,
                    )
            except VersionConflict:
                continue
            except UnknownCallback as error:
                raise NotFound(f"there is no callback {callback_id}") from error
            self._bus.publish(CallbackChanged(cancelled, event))
            return cancelled
        raise Unavailable(f"{callback_id} keeps changing; try again")

    async def _hand_out(self, request: CreateRequest) -> CallInRequest:
        parts = sort_parameters(request, self._enabled(request.service), self._config)
        number = read_number(parts.number, parts.options) if parts.number else ""
        wish = access_of_service(self._config, request.service, parts, number)
        now = self._clock.now()
        with _store_faults():
            await self._limits.check(request, parts, number, False, now)
        self._limits.admit(request, parts, False, now)
        stored = False
        try:
            with _store_faults():
                made = await self._store.book_access(wish, now=now)
            stored = True
        finally:
            self._limits.settle(request, parts, False, now, stored=stored)
        return made

    def _enabled(self, service: str) -> ServiceOptions:
        options = self._config.services.get(service)
        if options is None or not options.enabled:
            raise UnknownService(f"there is no service {service!r}")
        return options

    async def _create(self, request: CreateRequest) -> Callback:
        options = self._enabled(request.service)
        if options.type == "builtin":
            raise BadParameter(f"{request.service} hands out access numbers without a callback; ask for one")
        parts = sort_parameters(request, options, self._config)
        number = read_number(parts.number, parts.options) if parts.number else ""
        async with self._numbers.hold((request.service, number)):
            return await self._create_one(request, parts, number)

    async def _create_one(self, request: CreateRequest, parts: Sorted, number: str) -> Callback:
        """Checks 5 to 7 and the record; one at a time for a number in a service."""
        now = self._clock.now()
        late_refusal: BadDesiredTime | None = None  # limits come first in the order of the checks
        desired = None
        try:
            desired = read_desired_time(parts.desired_time, parts.options, now)
        except BadDesiredTime as refusal:
            late_refusal = refusal
        scheduled = late_refusal is not None or is_scheduled(desired, parts.options, now)
        with _store_faults():
            await self._limits.check(request, parts, number, scheduled, now)
        if late_refusal is not None:
            raise late_refusal
        return await self._store_new(request, parts, number, desired, scheduled, now)

    async def _store_new(
        self,
        request: CreateRequest,
        parts: Sorted,
        number: str,
        desired: datetime | None,
        scheduled: bool,
        now: datetime,
    ) -> Callback:
        new = _new_callback(request, parts, number, desired, scheduled, now)
        paused = self._pauses.paused(request.service, parts.options)
        if paused:
            new = replace(new, resume_state=State.SCHEDULED if scheduled else State.QUEUED)
        dials_in = parts.options.call_direction == "USERORIGINATED"
        at_once = dials_in and not parts.options.wait_for_agent and not scheduled
        access = access_of_service(self._config, request.service, parts, number) if at_once else None
        event = "T03" if paused else "T02" if scheduled else "T01"
        self._limits.admit(request, parts, scheduled, now)
        stored = False
        try:
            with _store_faults():
                created = await self._store.create(
                    new,
                    event=event,
                    actor=request.actor or ACTORS[request.origin],
                    now=now,
                    user=request.user,
                    access=access,
                )
            stored = True
        finally:
            self._limits.settle(request, parts, scheduled, now, stored=stored)
        self._bus.publish(CallbackChanged(created, event))
        return created


def _new_callback(
    request: CreateRequest, parts: Sorted, number: str, desired: datetime | None, scheduled: bool, now: datetime
) -> NewCallback:
    options = parts.options
    time = desired or now
    lookup = parts.lookup | ({NUMBER: number} if NUMBER in parts.lookup and number else {})
    return NewCallback(
        service=request.service,
        family=options.family,
        type=SCHEDULED if scheduled else IMMEDIATE,
        customer_number=parts.number,
        number_e164=number or None,
        desired_time=time,
        accepted_at=now,
        expires_at=expiry_of(options, time),
        deadline_at=deadline_of(options, time),
        target=options.target,
        priority=options.priority,
        channel=request.channel or options.channel,
        language=request.language,
        offer=request.offer,
        name_recording=request.name_recording,
        user_data=parts.user_data,
        props=parts.props | _header_properties(request),
        lookup=lookup,
        push_targets=_push_targets(parts.device),
        origin=request.origin,
        origination_interaction_id=parts.interaction_id,
        created_by=request.user,
    )


def _header_properties(request: CreateRequest) -> dict[str, str]:
    """Header `gms_user` is kept as property (api.md §2.1)."""
    return {"gms_user": request.headers["gms_user"]} if request.headers.get("gms_user") else {}


def _push_targets(device: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
    """The device that `_device_notification_id` and `_device_os` name."""
    token = device.get("_device_notification_id")
    return ({"channel": "FCM", "target": token, "name": device.get("_device_os", "")},) if token else ()


def _cancelling(actor: Actor, user: str | None) -> tuple[str, dict[str, object]]:
    """Transition and fields of a cancel (records.md T80, T81)."""
    if actor is Actor.ADMIN:
        return "T81", {"reason": Reason.CANCELLED_BY_ADMIN, "reason_detail": "single", "cancelled_by": user}
    return "T80", {"reason": Reason.CANCELLED, "reason_detail": str(actor)}


@contextmanager
def _store_faults() -> Iterator[None]:
    """Answers a fault of the store's surroundings in plain words; what a caller decides on passes."""
    try:
        yield
    except (VersionConflict, UnknownCallback):
        raise
    except NoneFree as none_free:
        raise NoNumberFree(str(none_free)) from none_free
    except StoreError as error:
        _log.error("the callback store does not answer: %s", error)
        raise Unavailable(f"the callback could not be stored or read: {type(error).__doc__}") from error


class _KeyedLocks:
    """One lock per key while somebody holds or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, key: tuple[str, str]) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)
