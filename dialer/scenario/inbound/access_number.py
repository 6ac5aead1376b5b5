"""Answers an access number that no application serves: asks for the code where one is needed, and routes who fits.

    answer ─► known by number of its own or by caller? ─┬─ yes ──────────────────────────────► the callback's own flow
                                                        └─ no ─► code, `match_attempts` tries ─┴─► sorry, hang up

Source: options.md §9, records.md §12; checklist E-13 to E-15, E-19.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from dialer.booking.number import same_number
from dialer.callback.call_in import CRITERIA, CallInClue, CallInRequest
from dialer.callback.options import ServiceOptions
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.house import House
from dialer.scenario.inbound.caller_line import CallerLine
from dialer.scenario.inbound.match import Matched, candidates, choose, claim
from dialer.scenario.inbound.routed_call import RoutedCall

log = structlog.get_logger(__name__)

ENTER_CODE = "enter_code.wav"
WRONG_CODE = "wrong_code.wav"
NO_RECORD = "no_record.wav"


@dataclass(frozen=True, slots=True)
class AccessNumber:
    """Serves callers of one call-in group."""

    house: House
    group: str
    adopt: Callable[[CallAttempt], asyncio.Task[None]]

    async def serve(self, line: CallerLine) -> None:
        """One call, to its end.

        Raises:
            LegGone: when the caller hung up before a match.
        """
        await line.answer()
        matched = await self._match(line)
        if matched is None:
            await line.say(NO_RECORD)
            return
        await line.close()
        if matched.scenario is not None:
            matched.scenario.route()
            await asyncio.wait({self.adopt(matched.scenario)})
        else:
            await RoutedCall.of_request(self.house, matched.request, line.leg).run()

    async def _match(self, line: CallerLine) -> Matched | None:
        house, dnis = self.house, line.leg.called_number
        ani = caller_of(line, self._options())
        open_here = await candidates(house, dnis)
        clue = CallInClue(dnis=dnis, ani=ani)
        own = choose([each for each in open_here if each.unique_dnis and not each.access_code], clue, ("dnis",))
        known = own or choose([each for each in open_here if not each.access_code], clue, ("dnis", "ani"))
        if known is not None and (matched := await claim(house, known, line.leg, ani)) is not None:
            return matched
        return await self._by_code(line, ani) if self._has_codes(open_here) else None

    async def _by_code(self, line: CallerLine, ani: str | None) -> Matched | None:
        """Asks for the code until it fits or the tries are over."""
        length = self.house.config.call_in_groups[self.group].code_length
        for attempt in range(self._tries()):
            code = await line.ask([WRONG_CODE, ENTER_CODE] if attempt else [ENTER_CODE], digits=length)
            open_here = [each for each in await candidates(self.house, line.leg.called_number) if each.access_code]
            clue = CallInClue(dnis=line.leg.called_number, code=code or None)
            found = choose(open_here, clue, CRITERIA[:2])
            if found is not None and (matched := await claim(self.house, found, line.leg, ani)) is not None:
                return matched
            log.info("access_code_wrong", group=self.group, entry=attempt + 1)
            await self.house.store.count_failed_match([each.id for each in open_here])
        return None

    def _has_codes(self, open_here: Sequence[CallInRequest]) -> bool:
        """Whether codes are asked for here, also when none is valid now: callers do not learn what is."""
        group = self.house.config.call_in_groups[self.group]
        by_service = any(options.provide_code for options in self._services())
        return group.generate_code or by_service or any(each.access_code for each in open_here)

    def _tries(self) -> int:
        return max((options.match_attempts for options in self._services()), default=self._options().match_attempts)

    def _services(self) -> list[ServiceOptions]:
        services = self.house.config.services.values()
        return [options for options in services if options.resource_group == self.group]

    def _options(self) -> ServiceOptions:
        """Options by which callers' numbers are read: of the first service that uses the group."""
        return next(iter(self._services()), None) or ServiceOptions()


def caller_of(line: CallerLine, options: ServiceOptions) -> str | None:
    """The caller's number in E.164; None when it is withheld."""
    caller = line.leg.caller
    if not any(character.isdigit() for character in caller):
        return None
    return same_number(caller, options)
