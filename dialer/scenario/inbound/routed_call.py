"""A call to an agent that is no callback: no record, no attempt, but the same waiting, search and talk.

The caller of a Click-To-Call-In, and whoever an application routes.
Source: checklist E-12, E-219; options.md §10 `route_call`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from dialer.callback.call_in import CallInRequest
from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.record import AttemptResult, Callback, JournalEntry
from dialer.callback.state import Actor, Phase, Position, State
from dialer.callback.transition import resolve
from dialer.scenario.customer import CustomerCall
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger
from dialer.scenario.outcome import Outcome
from dialer.scenario.story import Story, StoryWriter
from dialer.scenario.user_terminated import UserTerminated
from dialer.telephony import IncomingLeg

log = structlog.get_logger(__name__)

KEPT = frozenset({"agent_id", "call_result", "reason", "reason_detail", "survey_route_point", "user_data"})


class Untold(StoryWriter):
    """Keeps no story: a call without a record has nothing to keep it with; its steps still go to the bus."""

    def add(self, callback_id: str, entry: JournalEntry) -> None:
        """Lets the step pass."""
        log.debug("call_step", call=callback_id, step=entry.text)


@dataclass(slots=True)
class CallLedger(Ledger):
    """Follows the same transitions as a callback, in memory alone."""

    async def move(
        self, event: str, *, to: Position | None = None, actor: Actor = Actor.ENGINE, note: str = "", **changes: object
    ) -> None:
        """Makes a transition of this call."""
        self._go(event, to, actor, note, changes)

    def _go(self, event: str, to: Position | None, actor: Actor, note: str, changes: Mapping[str, object]) -> None:
        target = resolve(event, self.callback.position, to, actor=actor)
        assert target is not None
        known: dict[str, Any] = {name: value for name, value in changes.items() if name in KEPT}
        self.callback = replace(self.callback, state=target[0], phase=target[1], last_event=event, **known)
        self.story.tell("state", f"{event} {note}".strip(), event=event)

    async def reached(self, result: AttemptResult, event: str = "T31") -> None:
        """The caller is on the line from the beginning."""

    async def end_attempt(
        self, event: str, result: AttemptResult, *, actor: Actor = Actor.ENGINE, note: str = "", **changes: object
    ) -> None:
        """The call is over."""
        self._go(event, None, actor, note, {"call_result": result.call_result, **changes})
        log.info("inbound_call_over", call=self.callback.id, reason=self.callback.reason, agent=self.callback.agent_id)

    async def close_attempt(self, result: AttemptResult) -> None:
        """Nothing is open in the store."""

    async def read(self) -> None:
        """Nobody else knows of this call."""


@dataclass(slots=True, kw_only=True)
class RoutedCall(UserTerminated):
    """A caller who waits for an agent.

    Attributes:
        leg: the caller's leg, answered.
        options: how the call is routed; its `target`, treatments and limits.
        request: the call-in request that it was matched with.
    """

    leg: IncomingLeg
    options: ServiceOptions
    request: CallInRequest | None = field(default=None)

    def __post_init__(self) -> None:
        house = self.house
        self.service = self.options
        self.story = Story(self.callback.id, house.clock, house.bus, Untold(house.store))
        self.ledger = CallLedger(house, self.callback, self.story)

    @classmethod
    def of_request(cls, house: House, request: CallInRequest, leg: IncomingLeg) -> RoutedCall:
        """A matched Click-To-Call-In, by the options of the service that handed its number out."""
        options = house.config.services[request.service]
        return cls(
            house,
            call_of(house, leg, options, request.service, user_data=dict(request.user_data)),
            leg=leg,
            options=options,
            request=request,
        )

    async def _attempt(self) -> None:
        self.outcome = Outcome(CallResult.ANSWER, "off", answered_at=self.house.clock.now(), connect=True)
        customer = self.customer = CustomerCall(
            self.house, self.service, self.story, self.leg, language=self.callback.language
        )
        try:
            await self._serve(customer)
        finally:
            if self.request is not None:
                await self.house.store.complete_call_in(self.request.id, now=self.house.clock.now())


def call_of(
    house: House, leg: IncomingLeg, options: ServiceOptions, queue: str, *, target: str | None = None,
    priority: int | None = None, user_data: dict[str, object] | None = None,
) -> Callback:  # fmt: skip
    """A record of the call as scenarios read one; it is stored nowhere."""
    now = house.clock.now()
    return Callback(
        id=f"call-{uuid.uuid4()}",
        service=queue,
        family=options.family,
        state=State.ROUTING,
        phase=Phase.AGENT_WAIT,
        customer_number=leg.caller,
        desired_time=now,
        created_at=now,
        accepted_at=now,
        queued_at=now,
        updated_at=now,
        target=options.target if target is None else target,
        priority=options.priority if priority is None else priority,
        user_data=user_data or {},
        origin="call_in",
        node=house.node,
    )
