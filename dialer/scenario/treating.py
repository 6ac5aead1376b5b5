"""The four treatments of a callback, played when their moment comes. Source: options.md §5."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from dialer.callback.options import ServiceOptions
from dialer.callback.treatment import Treatment, parse_treatment
from dialer.detection import Verdict
from dialer.scenario.customer import CustomerCall
from dialer.scenario.house import House
from dialer.scenario.race import LegGone, while_up
from dialer.scenario.story import Story

NEXT_REPRESENTATIVE = "GMSApplications/next_customer_rep.wav"
ALL_AGENTS_BUSY = "GMSApplications/all_agents_busy.wav"
ANSWERING_MACHINE = "GMSApplications/call_fail_ans_machine.wav"
LONGEST_S = 120.0  # a treatment after which we hang up must end, whatever its file or its hints say


@dataclass(slots=True)
class Treating:
    """Plays treatments to one customer."""

    house: House
    service: ServiceOptions
    story: Story
    customer: CustomerCall
    _task: asyncio.Task[None] | None = field(default=None)

    # --- while waiting ---

    def start_waiting(self) -> None:
        """Starts the welcome, then the waiting treatment in a loop, until `stop`."""
        self._task = asyncio.create_task(self._wait_treated(), name="waiting-treatment")

    async def stop(self) -> None:
        """Silences the customer's treatments at once."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.customer.stop_playing()

    async def _wait_treated(self) -> None:
        welcome = parse_treatment(self.service.treatment_customer_connect, None)
        if welcome is not None:
            playback = await self.customer.play(welcome, "customer_connect")
            if playback is not None:
                await playback.finished
        await self.customer.play(
            parse_treatment(self.service.treatment_waiting_for_agent, NEXT_REPRESENTATIVE),
            "waiting_for_agent",
            loop=True,
        )

    async def welcome(self) -> None:
        """Greets a customer whose agent is on the line already, to the end, where the service has a greeting."""
        greeting = parse_treatment(self.service.treatment_customer_connect, None)
        if greeting is not None:
            await self._play_out(greeting, "customer_connect")

    async def no_agent(self) -> None:
        """Tells the customer that nobody can be had, to the end."""
        await self.stop()
        await self._play_out(
            parse_treatment(self.service.treatment_find_agent_fail, ALL_AGENTS_BUSY), "find_agent_fail"
        )

    # --- a machine ---

    async def machine(self) -> Verdict | None:
        """Leaves the message on a machine, after its beep where that is asked for.

        Returns:
            The verdict as it stands then: `machine_beep` once a beep was heard.
        """
        treatment = parse_treatment(self.service.treatment_call_failure_answering_machine, ANSWERING_MACHINE)
        if treatment is None:
            self.story.tell("treatment", "call_failure_answering_machine: off")
            return None
        try:
            if treatment.am_beep_detection:
                await self._wait_for_beep()
            await self._play_out(treatment, "call_failure_answering_machine")
        except LegGone:
            self.story.tell("treatment", "the machine hung up first")
        return self.customer.hearing.verdict if self.customer.hearing else None

    async def _wait_for_beep(self) -> None:
        hearing = self.customer.hearing
        if hearing is None:
            return
        try:
            async with asyncio.timeout(self.service.beep_timeout):
                beep = await while_up(self.customer.leg, hearing.wait_beep_end())
        except TimeoutError:
            self.story.tell("timer", f"no beep within {self.service.beep_timeout} s, the treatment starts anyway")
            return
        if beep is not None:
            self.story.tell("detection", f"beep over at {beep.at_s:.2f} s", at_s=beep.at_s)

    async def _play_out(self, treatment: Treatment | None, name: str) -> None:
        """Plays a treatment to its end, or until the customer's side is gone."""
        playback = await self.customer.play(treatment, name)
        if playback is None:
            return

        async def until_finished() -> None:
            async with asyncio.timeout(LONGEST_S):
                await playback.finished

        try:
            await while_up(self.customer.leg, until_finished())
        except LegGone:
            self.story.tell("treatment", f"{name}: the other side hung up before its end")
        except TimeoutError:
            self.story.tell("timer", f"{name}: ended after {LONGEST_S:.0f} s")
