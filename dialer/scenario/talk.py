"""What may be done to a call while customer and agent talk, and the talk itself from joint to end.

Commands come from outside (an agent's desk, an operator) at any moment. One at a time is carried out; what cannot be
done now is refused with the reason. When the talk is over, whatever was under way is broken off and leaves no leg.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from dialer.callback.state import Actor
from dialer.routing import AgentState
from dialer.scenario.conversation import Conversation
from dialer.scenario.destination import Destination, NotReached, TalkRefused, parse_destination
from dialer.scenario.handover import hand_over
from dialer.scenario.party import Party, name_of
from dialer.scenario.race import LegGone
from dialer.scenario.recorder import tell_unwritable

if TYPE_CHECKING:
    from dialer.scenario.agent_leg import AgentOnLine
    from dialer.scenario.attempt import CallAttempt
    from dialer.scenario.customer import CustomerCall
    from dialer.telephony import Leg

MOST_TRANSFERS: Final = 10  # of one call: whoever sends it round in circles is stopped
MOST_PARTIES: Final = 5  # beside the customer
DIGITS: Final = re.compile(r"[0-9A-D*#]{1,32}")
Command = Callable[[], Coroutine[Any, Any, None]]
TALKS_IN_PBX: Final = "talks in the PBX"  # why an agent is Not Ready after the talk was handed over
RecordWish = Literal["on", "pause", "off"]


class TalkControl:
    """The commands of one talk. All may raise TalkRefused.

    Attributes:
        transfers: how often the call was sent on.
        last_error: why the last destination was not reached; empty when it was.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.transfers = 0
        self.last_error = ""
        self._talk = conversation
        self._under_way: tuple[str, asyncio.Task[None]] | None = None
        self._commands: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._over = False

    # --- its course ---

    async def run(self) -> Actor:
        """Waits until the talk is over; gives who ended it."""
        talk = self._talk
        try:
            if talk.attempt.service.record == "always":
                self._record_unasked()
            return await talk.run()
        finally:
            self._over = True
            await self._stop_commands()
            await talk.close()

    async def _stop_commands(self) -> None:
        running = list(self._commands)
        for command in running:
            command.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._break_off()

    def _record_unasked(self) -> None:
        try:
            self._talk.recorder.start(self._legs())
        except OSError as fault:
            tell_unwritable(self._talk.recorder.folder, fault)

    def _legs(self) -> list[Leg]:
        return [party.leg for party in self._talk.parties]

    def snapshot(self) -> dict[str, object]:
        """How the talk stands, for whoever shows it."""
        talk = self._talk
        return {
            "parties": [name_of(party) for party in talk.parties],
            "held": talk.held,
            "consulted": name_of(talk.consulted) if talk.consulted else None,
            "under_way": self._under_way[0] if self._under_way else None,
            "recording": talk.recorder.state,
            "transfers": self.transfers,
            "last_error": self.last_error,
        }

    # --- commands ---

    async def hold(self) -> None:
        """Puts the customer on hold: he hears the hold treatment, nobody hears him."""
        await self._do("hold", self._hold)

    async def retrieve(self) -> None:
        """Takes the customer off hold; breaks off what was begun meanwhile. Who was consulted joins the talk, too."""
        await self._do("retrieve", self._retrieve)

    async def transfer(self, target: str, *, attended: bool = False) -> None:
        """Sends the call on: to an agent, a service's queue, a target, a number. Returns when it is under way.

        To a queue: those who talk leave at once, the customer waits as for the first agent. To one person: they stay,
        apart from the customer, until somebody answers; when nobody does they have the customer back.

        Args:
            target: where to; empty: to who is being consulted.
            attended: only brings the person on the line to be spoken to; transfer() without target, or hanging up,
                then sends the call on.
        """
        work = partial(self._transfer, target, attended=attended) if target else self._complete
        await self._do("transfer", work, target=target, attended=attended)

    async def conference(self, target: str = "") -> None:
        """Brings a further party into the talk; without a target, who is being consulted."""
        await self._do("conference", partial(self._confer, target), target=target)

    async def hangup(self, party: str = "") -> None:
        """Ends the call; with the name of a party, only that one's part in it."""
        await self._do("hangup", partial(self._hang_up, party), party=party)

    async def record(self, wish: RecordWish) -> None:
        """Starts a recording or goes on with it, pauses it (silence in the file), or ends it."""
        await self._do("record", partial(self._record, wish), wish=wish)

    async def dtmf(self, digits: str) -> None:
        """Sends digits to the customer."""
        await self._do("dtmf", partial(self._dtmf, digits), digits=digits)

    # --- how they are carried out ---

    async def _hold(self) -> None:
        self._free()
        if self._talk.held:
            raise TalkRefused("the customer is on hold already")
        await self._talk.hold()

    async def _retrieve(self) -> None:
        talk = self._talk
        if not talk.held:
            raise TalkRefused("the customer is not on hold")
        if not talk.parties:
            raise TalkRefused("nobody is left in this call who could have the customer")
        await self._break_off()
        await talk.retrieve()

    async def _transfer(self, target: str, *, attended: bool) -> None:
        self._free()
        destination = self._destination(target)
        if self.transfers >= MOST_TRANSFERS:
            raise TalkRefused(f"this call was sent on {MOST_TRANSFERS} times already; end it, or let it be")
        if not attended:
            self.transfers += 1
            self._begin(f"transfer to {target}", partial(self._carry, destination))
        elif destination.is_queue:
            raise TalkRefused(f"{target!r} is a queue: nobody in it can be spoken to first")
        else:
            self._begin(f"consult {target}", partial(self._consult, destination))

    async def _complete(self) -> None:
        self._free()
        consulted = self._consulted()
        if self.transfers >= MOST_TRANSFERS:
            raise TalkRefused(f"this call was sent on {MOST_TRANSFERS} times already; end it, or let it be")
        self.transfers += 1
        await self._talk.pass_on(consulted)

    async def _confer(self, target: str) -> None:
        self._free()
        if not target:
            self._consulted()
            await self._talk.retrieve()
            return
        destination = self._destination(target)
        if len(self._talk.parties) >= MOST_PARTIES:
            raise TalkRefused(f"{MOST_PARTIES} parties are in this call already; let one leave first")
        self._begin(f"bring {target} into the talk", partial(self._bring_in, destination))

    async def _hang_up(self, party: str) -> None:
        talk = self._talk
        if not party:
            talk.ended_by = Actor.AGENT
            await talk.customer.leg.hangup("normal")
            return
        found = [each for each in talk.parties if name_of(each) == party]
        if not found:
            raise TalkRefused(f"{party!r} is not in this call; there is {', '.join(map(name_of, talk.parties))}")
        await found[0].leg.hangup("normal")

    async def _record(self, wish: RecordWish) -> None:
        recorder = self._talk.recorder
        if self._talk.attempt.service.record == "off":
            raise TalkRefused("this service does not record; see its option `record`")
        if wish == "on":
            try:
                recorder.start(self._legs())
            except OSError as fault:
                tell_unwritable(recorder.folder, fault)
                raise TalkRefused(f"the recording cannot be made: {fault.strerror}") from fault
        elif wish == "pause":
            recorder.pause()
        else:
            await recorder.stop()

    async def _dtmf(self, digits: str) -> None:
        if not DIGITS.fullmatch(digits):
            raise TalkRefused(f"{digits!r} are no digits: 0 to 9, A to D, * and #, at most 32")
        if not await self._talk.customer.leg.send_dtmf(digits):
            raise TalkRefused("the customer's line takes no digits now")

    async def _do(self, name: str, command: Command, **arguments: str | bool) -> None:
        """Carries out a command, one at a time; it is finished also when nobody waits for it any more."""
        if self._over:
            raise TalkRefused("the call has ended")
        words = " ".join([name, *(str(value) for value in arguments.values() if isinstance(value, str) and value)])
        self._talk.attempt.story.given("routing", f"asked to {words}", "command", command=name, arguments=arguments)
        task = asyncio.create_task(self._alone(command), name="talk-command")
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        await asyncio.wait({task})
        if task.cancelled():
            raise TalkRefused("the call has ended meanwhile")
        fault = task.exception()
        if isinstance(fault, TalkRefused):
            raise fault
        if fault is not None:
            self._talk.fail(fault)
            raise TalkRefused("the call cannot go on") from fault

    async def _alone(self, command: Command) -> None:
        async with self._lock:
            await command()

    # --- what takes a while ---

    async def _carry(self, destination: Destination) -> None:
        talk = self._talk
        talk.bringing = True
        await talk.keep_waiting()
        if destination.is_queue:
            await talk.send_away(list(talk.parties))
        party = await talk.bring(destination)
        talk.enter(party)
        await talk.pass_on(party)

    async def _consult(self, destination: Destination) -> None:
        talk = self._talk
        await talk.hold()
        party = await talk.bring(destination)
        talk.enter(party)
        talk.consulted = party
        await talk.join()

    async def _bring_in(self, destination: Destination) -> None:
        party = await self._talk.bring(destination)
        self._talk.enter(party)
        await self._talk.join()

    def _begin(self, what: str, work: Command) -> None:
        self.last_error = ""
        self._under_way = (what, asyncio.create_task(self._watched(work), name=f"talk-{what}"))

    async def _watched(self, work: Command) -> None:
        """Carries something out; a destination that is not reached gives the customer back to whom he talked with."""
        talk = self._talk
        try:
            await work()
        except NotReached as failure:
            self.last_error = str(failure)
            talk.attempt.story.tell("routing", f"not reached: {failure}")
            await self._give_back()
        except LegGone:
            pass  # the customer hung up: run() sees it
        except Exception as fault:  # noqa: BLE001 - run() raises it again
            talk.fail(fault)
        finally:
            talk.bringing = False
            self._under_way = None
            talk.look_again()

    async def _give_back(self) -> None:
        talk = self._talk
        if talk.parties:
            if talk.held:
                await talk.retrieve()
            return
        talk.bringing = True  # not over before the customer has been told
        await talk.nobody_came()
        talk.ended_by = Actor.ENGINE

    async def _break_off(self) -> None:
        """Ends what is under way."""
        if self._under_way is not None:
            _, task = self._under_way
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._under_way = None

    def _free(self) -> None:
        if self._under_way is not None:
            raise TalkRefused(f"something is under way: {self._under_way[0]}; retrieve breaks it off")

    def _consulted(self) -> Party:
        if self._talk.consulted is None:
            raise TalkRefused("nobody is being consulted; name a target")
        return self._talk.consulted

    def _destination(self, target: str) -> Destination:
        return parse_destination(target, self._talk.attempt.house)


async def talk(attempt: CallAttempt, customer: CustomerCall, agent: AgentOnLine) -> Actor:
    """The talk of two who are joined, to its end; gives who ended it. At most the legs of these two are left then."""
    if attempt.service.agent_leg == "refer" and await hand_over(customer, agent, attempt.service, attempt.story):
        await _leave_to_pbx(attempt, agent)
        return Actor.ENGINE
    control = attempt.control = TalkControl(Conversation(attempt, customer, agent))
    try:
        return await control.run()
    finally:
        attempt.control = None


async def _leave_to_pbx(attempt: CallAttempt, agent: AgentOnLine) -> None:
    """The agent talks on where we do not see it: Not Ready until somebody says otherwise."""
    attempt.agent = None
    await agent.signals.close()
    house, name = attempt.house, agent.agent.id
    house.router.release(name, house.clock.now(), AgentState.NOT_READY, key=attempt.callback.id)
    if house.pool.state(name) is AgentState.NOT_READY:
        house.pool.set_state(name, AgentState.NOT_READY, house.clock.now(), TALKS_IN_PBX)
