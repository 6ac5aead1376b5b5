"""A talk in progress: the customer, who talks with him, who hears whom, and when it is over.

    talking ─► on hold ─► talking        the customer hears the hold treatment, the others each other
       │  └──► sent on: the customer waits, the next one answers, the former leave (T71)
       └─────► conference: one more hears all, and is heard

It is over when the customer hangs up, or when nobody is left for him to talk with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dialer.callback.state import Actor
from dialer.callback.treatment import parse_treatment
from dialer.routing import AgentState
from dialer.scenario.agent_leg import AgentOnLine
from dialer.scenario.destination import Destination, Reaching
from dialer.scenario.party import Party, dismiss, name_of
from dialer.scenario.race import while_up
from dialer.scenario.recorder import CallRecorder
from dialer.scenario.treating import NEXT_REPRESENTATIVE, Treating

if TYPE_CHECKING:
    from dialer.scenario.attempt import CallAttempt
    from dialer.scenario.customer import CustomerCall


class Conversation:
    """One talk.

    Attributes:
        parties: who talks with the customer, in the order in which they came.
        held: the customer is on hold; the parties hear each other.
        consulted: who was brought in while the customer is on hold, to be spoken to first.
        bringing: somebody is being called for the customer, so that he is not left though nobody is there now.
        ended_by: set before the customer's leg is ended here.
        recorder: of the talk.
    """

    def __init__(self, attempt: CallAttempt, customer: CustomerCall, agent: AgentOnLine) -> None:
        self.attempt = attempt
        self.customer = customer
        self.parties: list[Party] = [agent]
        self.held = False
        self.consulted: Party | None = None
        self.bringing = False
        self.ended_by: Actor | None = None
        self.recorder = CallRecorder(
            attempt.house.config.media.recordings_dir, attempt.story, customer.leg, customer.recorded
        )
        self._charge: list[Party] = [agent]  # all whose legs are still to be ended
        self._fault: BaseException | None = None
        self._changed = asyncio.Event()
        self._joining = asyncio.Lock()

    # --- its course ---

    async def run(self) -> Actor:
        """Waits until it is over; gives who ended it."""
        while True:
            await self._until_something_changes()
            if self._fault is not None:
                raise self._fault
            if self.customer.leg.ended.done():
                return self.ended_by or Actor.CUSTOMER
            for party in [party for party in self.parties if party.leg.ended.done()]:
                await self._left(party)
            if not self.parties and not self.bringing:
                return self.ended_by or Actor.AGENT

    async def close(self) -> None:
        """Ends the recording and every leg but those of the customer and of the attempt's own agent."""
        await self.recorder.stop()
        for party in list(self._charge):
            if party is not self.attempt.agent:
                await self._let_go(party)

    def fail(self, fault: BaseException) -> None:
        """Has run() raise what went wrong in a command."""
        self._fault = fault
        self.look_again()

    def look_again(self) -> None:
        """Has run() see whether it is over."""
        self._changed.set()

    async def _until_something_changes(self) -> None:
        """Until a leg ends, or the parties have changed."""
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        awaited: set[asyncio.Future[Any]] = {changed, self.customer.leg.ended}
        awaited.update(party.leg.ended for party in self.parties)
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            await asyncio.gather(changed, return_exceptions=True)

    async def _left(self, party: Party) -> None:
        """Somebody hung up: the others go on."""
        if party not in self.parties:
            return
        self.parties.remove(party)
        its_own = party is self.attempt.agent
        if not self.parties and not self.bringing:
            return  # the last one: it belongs to the attempt, to its very end
        self.attempt.story.tell("media", f"{name_of(party)} has left")
        await self._let_go(party)
        await self._succeed()
        if self.held and self.parties and (self.consulted is not None or its_own):
            await self.retrieve()  # consulted in vain; or consulted and hung up, which sends the call on
        self._sound_changed()

    # --- who hears whom ---

    async def hold(self) -> None:
        """Parts the customer from the others, and plays the hold treatment to him.

        His telephone is not put on hold by SIP: then the network might play what it likes, and coming back would take a
        round trip.
        """
        await self._part()
        await self.customer.play(parse_treatment(self.attempt.service.treatment_on_hold, None), "on_hold", loop=True)

    async def keep_waiting(self) -> None:
        """Parts the customer from the others, and lets him wait for the next one as for the first."""
        await self._part()
        treatment = parse_treatment(self.attempt.service.treatment_waiting_for_agent, NEXT_REPRESENTATIVE)
        await self.customer.play(treatment, "waiting_for_agent", loop=True)

    async def retrieve(self) -> None:
        """Lets the customer hear the others, and they him."""
        self.held = False
        self.consulted = None
        await self.customer.stop_playing()
        await self.join()

    async def join(self) -> None:
        """Makes it so that everybody hears whom he should."""
        user_agent = self.attempt.house.user_agent
        async with self._joining:  # who comes last finds what has been decided last
            legs = [party.leg for party in self.parties]
            if self.held:
                await user_agent.conference([self.customer.leg])
                await user_agent.conference(legs)
            else:
                await user_agent.conference([self.customer.leg, *legs])
        self._sound_changed()

    async def _part(self) -> None:
        self.held = True
        await self.customer.stop_playing()
        await self.join()

    def _sound_changed(self) -> None:
        """The recording follows, and run() looks again."""
        self.recorder.follow([party.leg for party in self.parties])
        self.recorder.hold(self.held)
        self._changed.set()

    # --- who has the call ---

    async def bring(self, destination: Destination) -> Party:
        """Gets somebody on the line, who is joined with nobody yet.

        Raises:
            NotReached: when nobody answers.
            LegGone: when the customer hangs up meanwhile.
        """
        attempt = self.attempt
        busy = frozenset(party.agent.id for party in self._charge if isinstance(party, AgentOnLine))
        reaching = Reaching(attempt.house, attempt.service, attempt.ledger, busy)
        self.bringing = True
        try:
            return await while_up(self.customer.leg, reaching.reach(destination))
        except BaseException:
            await reaching.close()
            raise
        finally:
            self.bringing = False
            self._changed.set()

    def enter(self, party: Party) -> None:
        """Takes somebody in who answered; join() lets him be heard."""
        self._charge.append(party)
        self.parties.append(party)
        if isinstance(party, AgentOnLine):
            house = self.attempt.house
            house.pool.set_state(party.agent.id, AgentState.TALKING, house.clock.now())

    async def send_away(self, parties: Sequence[Party]) -> None:
        """Ends the legs of some."""
        self.parties = [party for party in self.parties if party not in parties]
        for party in parties:
            await self._let_go(party)
        await self._succeed()
        self._sound_changed()

    async def pass_on(self, party: Party) -> None:
        """The call is somebody else's: the customer hears the new one, the former leave."""
        former = [each for each in self.parties if each is not party]
        self.parties = [party]
        await self.retrieve()
        await self.send_away(former)

    async def nobody_came(self) -> None:
        """The customer waited in vain, and nobody is left: he is told so."""
        attempt = self.attempt
        await Treating(attempt.house, attempt.service, attempt.story, self.customer).no_agent()

    async def _succeed(self) -> None:
        """Writes who has the call when that has changed (T71)."""
        attempt = self.attempt
        if not self.parties or attempt.agent in self.parties:
            return
        heir = next((party for party in self.parties if isinstance(party, AgentOnLine)), None)
        if heir is None and attempt.agent is None and attempt.ledger.callback.transferred:
            return  # it is a number's already
        note = f"to {name_of(heir or self.parties[0])}"
        attempt.agent = heir
        attempt.story.tell("routing", f"call passed on {note}")
        agent_id = attempt.ledger.callback.agent_id if heir is None else heir.agent.id
        await attempt.ledger.move("T71", actor=Actor.AGENT, note=note, agent_id=agent_id)

    async def _let_go(self, party: Party) -> None:
        """Ends a party's leg."""
        await dismiss(self.attempt.house, party, self.attempt.callback.id)
        if party in self._charge:
            self._charge.remove(party)
        if self.attempt.agent is party and not self.parties:
            self.attempt.agent = None
