"""Finds the call-in request that a call belongs to, and makes the call its own.

Source: records.md §12, options.md §9 and §10; checklist E-13 to E-15, E-19, E-219.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from dialer.booking import open_call_ins
from dialer.callback.call_in import CallInClue, CallInRequest, fits, tells_apart
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.scenario.house import House
from dialer.scenario.inbound.user_originated import UserOriginated
from dialer.store import AttemptConflict, RequestGone, UnknownCallback, VersionConflict
from dialer.telephony import IncomingLeg

log = structlog.get_logger(__name__)

SETTLING_S = 3.0  # a callback that was booked this moment, or comes back from a lost node, is not in its place yet
LOOK_EVERY_S = 0.1
ON_ITS_WAY = frozenset({Phase.SUBMITTING, Phase.WAITING})


@dataclass(frozen=True, slots=True)
class Matched:
    """A request that is this caller's.

    Attributes:
        request: it, no longer active.
        callback: whose it is, as it was booked; None for a Click-To-Call-In without one.
        scenario: the callback's own call flow, begun with this call; it has not run yet.
    """

    request: CallInRequest
    callback: Callback | None = None
    scenario: UserOriginated | None = None


async def candidates(house: House, dnis: str | None) -> list[CallInRequest]:
    """Requests that a call to this number may mean; those of all groups when the number does not count."""
    return await open_call_ins(house.store, house.config, dnis, house.clock.now())


def choose(requests: Sequence[CallInRequest], clue: CallInClue, criteria: Sequence[str]) -> CallInRequest | None:
    """The request that the clue names; None when none fits, or several do and nothing tells them apart."""
    found = [request for request in requests if fits(request, clue, criteria)]
    certain = [request for request in found if tells_apart(request, criteria)]
    if certain:
        return certain[-1]  # of several by one caller the newest
    return found[0] if len(found) == 1 else None


async def claim(house: House, request: CallInRequest, leg: IncomingLeg, ani: str | None) -> Matched | None:
    """Makes the request this call's own; None when somebody else was faster, or its callback does not wait any more."""
    try:
        if request.callback_id is None:
            await house.store.take_call_in(request.id, ani=ani, now=house.clock.now())
            return Matched(request)
        callback = await _waiting(house, request.callback_id)
        if callback is None:
            return None
        scenario = UserOriginated(house, callback, leg=leg, request=request)
        await scenario.begin(ani)
    except (RequestGone, AttemptConflict, VersionConflict, InvalidTransition, UnknownCallback) as conflict:
        log.info("call_in_not_matched", request=request.id, callback=request.callback_id, cause=str(conflict))
        return None
    return Matched(request, callback, scenario)


async def _waiting(house: House, callback_id: str) -> Callback | None:
    """The callback once it waits for the call; None when it does not, and is not about to."""
    until = house.clock.monotonic() + SETTLING_S
    while True:
        callback = await house.store.get(callback_id)
        if callback is not None and callback.phase is Phase.CALL_IN_WAIT:
            return callback
        coming = callback is not None and callback.state is State.QUEUED and callback.phase in ON_ITS_WAY
        if not coming or house.clock.monotonic() >= until:
            return None
        await asyncio.sleep(LOOK_EVERY_S)
