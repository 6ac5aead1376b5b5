"""Where a call can be transferred to, or who can be brought into it: agents, a queue, a number."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from dialer.callback.errors import DialerError
from dialer.callback.options import ServiceOptions
from dialer.routing import Agent, Target, TargetError, parse_target
from dialer.scenario.agent_leg import AgentSearch, NoAgentReached
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger
from dialer.scenario.leg_story import LegStory, words_of_end
from dialer.scenario.outward import outward_request, prefixed
from dialer.scenario.party import Guest, Party, dismiss
from dialer.scenario.signals import Signals
from dialer.telephony import Ended

NUMBER = re.compile(r"\+?[0-9*#]{1,20}")
SIP_ADDRESS = re.compile(r"sips?:[^\s<>@]{1,64}@[^\s<>@]{1,128}")


class TalkRefused(DialerError):  # noqa: N818 - a refusal, not a fault
    """This cannot be done with the call now."""


class NotReached(DialerError):  # noqa: N818 - says what happened, nothing is wrong
    """Nobody answered at the destination."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A place to go to; either agents or a number.

    Attributes:
        text: as it was asked for.
        target: which agents.
        number: digits, or a SIP address.
    """

    text: str
    target: Target | None = None
    number: str = ""

    @property
    def is_queue(self) -> bool:
        """Whether the customer waits there for whoever is free, instead of for one person."""
        return self.target is not None and not self.target.is_single_persons


def parse_destination(text: str, house: House) -> Destination:
    """Reads a destination: a number, a SIP address, the name of a service (its queue), an agent's id, or a target.

    Raises:
        TalkRefused: when it is none of these, or no agent matches it.
    """
    wanted = text.strip()
    if NUMBER.fullmatch(wanted) or SIP_ADDRESS.fullmatch(wanted):
        return Destination(wanted, number=wanted)
    agents = {status.agent.id: status.agent for status in house.pool.all()}
    if wanted in house.config.services:
        target = _target(house.config.services[wanted].target, wanted)
    elif wanted in agents:
        target = _target(f"{wanted}@dialer.A", wanted)
    else:
        target = _target(wanted, wanted)
    if not any(target.matches(agent) for agent in agents.values()):
        raise TalkRefused(f"no agent matches {wanted!r}; name a number, an agent, a service or a target")
    return Destination(wanted, target=target)


def _target(text: str, wanted: str) -> Target:
    try:
        return parse_target(text)
    except TargetError as fault:
        raise TalkRefused(f"{wanted!r} is no number, agent, service or target: {fault}") from fault


class QuietSearch(AgentSearch):
    """A search during a talk: the record stays in PROCESSING, whoever is rung."""

    __slots__ = ()

    async def _tell_ringing(self, agent: Agent) -> None:
        """Nothing is written: the talk has its agent until another one answers (T71)."""

    async def _tell_failed(self) -> None:
        """Nothing is written either."""


@dataclass(slots=True)
class Reaching:
    """Brings somebody on the line for a callback that talks already; its record stays where it is meanwhile.

    Attributes:
        excluded: ids of agents who are on this call, or sent it on.
        party: who answered, there also when nobody waited for it any more.
    """

    house: House
    service: ServiceOptions
    ledger: Ledger
    excluded: frozenset[str] = frozenset()
    party: Party | None = None

    async def reach(self, destination: Destination) -> Party:
        """Rings whoever is there until somebody answers.

        Raises:
            NotReached: when nobody did.
        """
        limit_s = self.service.max_wait_on_call if destination.is_queue else self.service.agent_reserve_timeout
        try:
            async with asyncio.timeout(limit_s):
                if destination.target is not None:
                    return await self._agent(destination.target)
                return await self._number(destination.number)
        except TimeoutError as late:
            raise NotReached(f"nobody answered at {destination.text} within {limit_s:g} s") from late

    async def close(self) -> None:
        """Lets go of whoever answered and is not wanted any more."""
        if self.party is not None:
            party, self.party = self.party, None
            await dismiss(self.house, party, self.ledger.callback.id)

    async def _agent(self, target: Target) -> Party:
        search = QuietSearch(self.house, self.service, self.ledger, target, refused=set(self.excluded))
        try:
            return await search.find()
        except NoAgentReached as failure:
            raise NotReached(str(failure)) from failure
        finally:
            self.party = search.on_line

    async def _number(self, number: str) -> Party:
        callback, story = self.ledger.callback, self.ledger.story
        dialled = number if ":" in number else prefixed(self.service, number)
        request = outward_request(self.house.config, self.service, callback.id, dialled)
        leg = await self.house.user_agent.dial(request)
        story.tell("sip", f"INVITE {request.number} through {request.gateway}", number=number, gateway=request.gateway)
        signals = Signals(leg, LegStory(story, number, leg.id).tell)
        guest: Guest | None = None
        try:
            reply = await signals.answer_or_end()
            if isinstance(reply, Ended):
                raise NotReached(f"{leg.number}: {words_of_end(reply.end)}")
            guest = self.party = Guest(number, leg, signals)
        finally:
            if guest is None:
                await leg.hangup("no_answer")
                await signals.close()
        return guest
