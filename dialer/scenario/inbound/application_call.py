"""Runs an application's blocks for one caller, one after the other, until a block ends the call.

Every call has a way out in bounded time: a number of blocks, and a time for all that is said and asked.
Source: options.md §10; checklist E-05, E-08, E-22, E-23, E-219.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import singledispatchmethod

import structlog

from dialer.booking import Booking
from dialer.callback.call_in import CallInClue
from dialer.callback.options import ServiceOptions
from dialer.config.application import (
    VARIABLE,
    ApplicationTable,
    Block,
    CallbackBlock,
    CallInMatchBlock,
    PlayMessageBlock,
    RecordNameBlock,
    RouteCallBlock,
    SetBlock,
    TerminateBlock,
    TransferBlock,
    UserInputBlock,
)
from dialer.routing import TargetError, parse_target
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.house import House
from dialer.scenario.inbound.access_number import caller_of
from dialer.scenario.inbound.caller_line import CallerLine
from dialer.scenario.inbound.match import Matched, candidates, choose, claim
from dialer.scenario.inbound.name_recording import record_name
from dialer.scenario.inbound.offer import Offer
from dialer.scenario.inbound.routed_call import RoutedCall, call_of

log = structlog.get_logger(__name__)

MOST_BLOCKS = 500
LONGEST_S = 900.0  # for all that is said and asked; waiting for an agent and talking have limits of their own


class Went(Enum):
    """How a block went."""

    DONE = auto()
    FAILED = auto()
    OVER = auto()


@dataclass(slots=True)
class ApplicationCall:
    """One caller in one application, and in those that it transfers to.

    Attributes:
        variables: what `$name` stands for.
        matched: the request that the call belongs to, once `call_in_match` has found it.
        name: id of the recording of the caller's name, if one was made.
    """

    house: House
    booking: Booking
    adopt: Callable[[CallAttempt], asyncio.Task[None]]
    application: str
    variables: dict[str, str] = field(default_factory=dict)
    matched: Matched | None = None
    running: asyncio.Task[None] | None = None
    name: str | None = None

    async def serve(self, line: CallerLine) -> None:
        """One call, to its end.

        Raises:
            LegGone: when the caller hung up while an application spoke with them.
        """
        table = self.house.config.applications[self.application]
        line.language = table.language
        self._begin(line)
        await line.answer()
        try:
            async with asyncio.timeout(LONGEST_S) as limit:
                await self._run(line, table, limit)
        except TimeoutError:
            log.warning("application_took_too_long", application=self.application, limit_s=LONGEST_S)
        finally:
            await line.close()
            await self._let_go(line)

    def _begin(self, line: CallerLine) -> None:
        ani = caller_of(line, ServiceOptions())
        self.variables |= {
            "ani": ani or "",
            "dnis": line.leg.called_number,
            "caller_name": line.leg.caller_name,
            "application": self.application,
        }

    async def _run(self, line: CallerLine, table: ApplicationTable, limit: asyncio.Timeout) -> None:
        blocks, at = table.blocks, 0
        for _ in range(MOST_BLOCKS):
            if at >= len(blocks):
                return
            block = blocks[at]
            if isinstance(block, RouteCallBlock):
                limit.reschedule(None)  # from here on waiting and talk have their own limits
            log.debug("block", application=self.application, block=block.block, label=block.label)
            went = await self._do(block, line)
            if went is Went.OVER:
                return
            if isinstance(block, TransferBlock) and went is Went.DONE and block.application:
                self.application, at = block.application, 0
                self.variables["application"] = block.application
                blocks = self.house.config.applications[block.application].blocks
                continue
            at = _following(blocks, at, block.next if went is Went.DONE else block.on_fail)
        log.warning("application_goes_round", application=self.application, blocks=MOST_BLOCKS)

    async def _let_go(self, line: CallerLine) -> None:
        """A matched caller who was not routed leaves, and the callback is told so by the leg's end."""
        if self.running is not None:
            if not self.running.done():
                await line.leg.hangup()
            await asyncio.wait({self.running})

    def _text(self, text: str) -> str:
        return VARIABLE.sub(lambda found: self.variables.get(found[1], ""), text)

    # --- blocks ---

    @singledispatchmethod
    async def _do(self, block: Block, line: CallerLine) -> Went:  # noqa: ARG002 - what its performers get
        raise TypeError(f"no performer for {block!r}")

    @_do.register
    async def _(self, block: SetBlock, line: CallerLine) -> Went:  # noqa: ARG002 - says nothing
        self.variables |= {name: self._text(value) for name, value in block.values.items()}
        return Went.DONE

    @_do.register
    async def _(self, block: PlayMessageBlock, line: CallerLine) -> Went:
        await line.say(*map(self._text, block.files), barge_in=block.barge_in)
        return Went.DONE

    @_do.register
    async def _(self, block: UserInputBlock, line: CallerLine) -> Went:
        for _ in range(block.tries):
            entered = await line.ask(
                [self._text(block.prompt)],
                digits=block.digits,
                terminator=block.terminator,
                first_digit_s=block.timeout_s,
            )
            if len(entered) >= (block.digits or block.least_digits) and (not block.choices or entered in block.choices):
                self.variables[block.store] = entered
                return Went.DONE
        return Went.FAILED

    @_do.register
    async def _(self, block: RecordNameBlock, line: CallerLine) -> Went:
        self.name = await record_name(line, self.house.config.media.recordings_dir, block.prompt, block.longest_s)
        return Went.DONE if self.name is not None else Went.FAILED

    @_do.register
    async def _(self, block: CallbackBlock, line: CallerLine) -> Went:
        offer = Offer(self.house, self.booking, block, line, self.variables["ani"], name=self.name)
        if self.matched is not None or not await offer.made():
            return Went.DONE  # to the next block: the caller keeps waiting on the line
        if offer.callback is None:
            return Went.FAILED
        self.variables["callback.id"] = offer.callback.id
        return Went.OVER

    @_do.register
    async def _(self, block: CallInMatchBlock, line: CallerLine) -> Went:
        leg = line.leg
        dnis = leg.called_number if "dnis" in block.criteria else None
        open_here = await candidates(self.house, dnis)
        clue = CallInClue(
            dnis=leg.called_number, ani=self.variables["ani"] or None, code=self._text(block.code) or None
        )
        found = choose(open_here, clue, block.criteria)
        matched = await claim(self.house, found, leg, clue.ani) if found is not None else None
        if matched is None:
            if clue.code:
                await self.house.store.count_failed_match([request.id for request in open_here if request.access_code])
            return Went.FAILED
        self.matched = matched
        self._tell_match(matched)
        if matched.scenario is not None:
            self.running = self.adopt(matched.scenario)
        return Went.DONE

    def _tell_match(self, matched: Matched) -> None:
        """User data and routing values of what was matched, as `$match.*`."""
        service = matched.callback.service if matched.callback else matched.request.service
        options = self.house.config.services.get(service)
        values: dict[str, object] = {
            "id": matched.callback.id if matched.callback else matched.request.id,
            "service": service,
            "queue": (options.virtual_queue if options else "") or service,
            "target": matched.callback.target if matched.callback else options.target if options else "",
            "priority": matched.callback.priority if matched.callback else options.priority if options else 0,
        }
        self.variables |= {f"match.{name}": str(value) for name, value in values.items()}

    @_do.register
    async def _(self, block: RouteCallBlock, line: CallerLine) -> Went:
        queue, target, priority = self._text(block.queue), self._text(block.target), self._text(str(block.priority))
        options = self._options_of(queue)
        try:
            parse_target(target or options.target)
        except TargetError as fault:
            log.warning("call_not_routable", application=self.application, queue=queue, cause=str(fault))
            return Went.FAILED
        await line.close()
        rank = int(priority) if priority.lstrip("-").isdigit() else 0
        if self.running is not None and self.matched is not None and self.matched.scenario is not None:
            self.matched.scenario.route(target, rank)
            await asyncio.wait({self.running})
            return Went.OVER
        user_data: dict[str, object] = dict(self.matched.request.user_data) if self.matched else {}
        call = call_of(
            self.house, line.leg, options, queue, target=target or options.target, priority=rank, user_data=user_data
        )
        request = self.matched.request if self.matched else None
        await RoutedCall(self.house, call, leg=line.leg, options=options, request=request).run()
        return Went.OVER

    def _options_of(self, queue: str) -> ServiceOptions:
        """Treatments and limits of the service that has this queue; the defaults where none has."""
        services = self.house.config.services
        by_queue = (options for options in services.values() if options.virtual_queue == queue)
        return services.get(queue) or next(by_queue, None) or ServiceOptions()

    @_do.register
    async def _(self, block: TransferBlock, line: CallerLine) -> Went:
        if block.application is not None:
            return Went.DONE
        went = await line.leg.transfer(self._text(block.to))
        return Went.OVER if went else Went.FAILED

    @_do.register
    async def _(self, block: TerminateBlock, line: CallerLine) -> Went:  # noqa: ARG002 - has no particulars
        return Went.OVER


def _following(blocks: tuple[Block, ...], at: int, label: str | None) -> int:
    """Where it goes on: at a label, else at the next block."""
    if label is None:
        return at + 1
    return next(index for index, block in enumerate(blocks) if block.label == label)
