"""The in-queue offer: how long it will take, a callback instead of waiting, the number, the time, and the booking.

    EWT read out ─► now / later / stay? ─┬─ stay ─► back to the queue
                                         └─► number right? ─► day and time, read back ─► name ─► booked, good bye

Source: options.md §6 "IVR scheduled offer", §10 `callback`; checklist E-05, E-08, E-28, E-237.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from dialer.booking import Booking, CreateRequest, InvalidNumber, Refused
from dialer.booking.number import read_number
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.clock import stamp
from dialer.config.application import CallbackBlock
from dialer.routing.ewt import EwtCode
from dialer.scenario.house import House
from dialer.scenario.inbound import spoken
from dialer.scenario.inbound.caller_line import CallerLine
from dialer.scenario.inbound.name_recording import record_name
from dialer.scenario.inbound.slot import FURTHEST, nearest_free

log = structlog.get_logger(__name__)

NOW, LATER, STAY = "1", "2", "3"
YES, OTHER = "1", "2"
TRIES = 3
SAY_NAME = "say_name.wav"
NAME_S = 6.0


class NoAnswer(Exception):  # noqa: N818 - says what happened, nothing is wrong
    """The caller did not say what they want, however often they were asked."""


@dataclass(slots=True)
class Offer:
    """One offer to one caller.

    Attributes:
        ani: the caller's number, E.164; empty when withheld.
        name: id of a recording of the name that was made already.
        callback: what was booked.
        offered_at: when the choice was given.
    """

    house: House
    booking: Booking
    block: CallbackBlock
    line: CallerLine
    ani: str
    name: str | None = None
    callback: Callback | None = None
    offered_at: datetime | None = None
    ewt_s: float | None = None
    choices: list[str] = field(default_factory=list)

    async def made(self) -> bool:
        """Makes the offer where it is to be made; True when the caller took it, booked or not (`callback`).

        Raises:
            LegGone: when the caller hung up; nothing is booked then.
        """
        self.choices = self._choices()
        if not self.choices or self.line.handed_over:  # two-step transfers are not accepted here (checklist E-23)
            return False
        self.offered_at = self.house.clock.now()
        try:
            choice = await self._choose()
            if choice == STAY:
                return False
            number = await self._number()
            when = await self._time() if choice == LATER else None
        except NoAnswer:
            log.info("offer_without_answer", service=self.block.service)
            return False
        if self.block.record_name and self.name is None:
            self.name = await record_name(self.line, self.house.config.media.recordings_dir, SAY_NAME, NAME_S)
        await self._book(number, when)
        return True

    @property
    def _service(self) -> ServiceOptions:
        return self.house.config.services[str(self.block.service)]

    # --- whether ---

    def _choices(self) -> list[str]:
        """What may be offered: by the EWT, by the block, and by the service's switches."""
        now = self.house.clock.now()
        waits = self.house.waits
        queue = self.block.inbound_queue or ""
        estimate = waits.of_queue(queue, now) or waits.of_queue(str(self.block.service), now)
        nobody = estimate is not None and estimate.code is EwtCode.NO_AGENT
        self.ewt_s = estimate.seconds if estimate is not None else None
        if not nobody and (self.ewt_s or 0.0) < self.block.offer_threshold:
            return []
        at_once = self.block.immediate and self._service.immediate_enabled and not nobody
        later = self.block.scheduled and self._service.scheduled_enabled
        return [*([NOW] if at_once else []), *([LATER] if later else [])]

    # --- what ---

    async def _choose(self) -> str:
        prompts = ["wait_is_about.wav", *spoken.minutes(self.ewt_s)] if self.ewt_s else []
        prompts += ["offer_now.wav"] if NOW in self.choices else []
        prompts += ["offer_later.wav"] if LATER in self.choices else []
        return await self._one_of([*prompts, "offer_stay.wav"], [*self.choices, STAY])

    async def _number(self) -> str:
        """The number to call, E.164, said to be right by the caller."""
        number = self.ani or await self._entered_number()
        for _ in range(TRIES):
            said = ["number_is.wav", *spoken.digits(number), "number_right.wav"]
            if await self._one_of(said, [YES, OTHER]) == YES:
                return number
            number = await self._entered_number()
        raise NoAnswer

    async def _entered_number(self) -> str:
        prompts = ["enter_number.wav"]
        for _ in range(TRIES):
            entered = await self.line.ask(prompts)
            try:
                return read_number(entered, self._service)
            except InvalidNumber:
                prompts = ["number_wrong.wav", "enter_number.wav"]
        raise NoAnswer

    async def _time(self) -> datetime:
        """A free time, read back and said to be right by the caller."""
        for _ in range(TRIES):
            slot = await self._free_slot(await self._wished_time())
            if slot is None:
                await self.line.say("no_slot.wav")
                continue
            if await self._one_of(["time_is.wav", *spoken.moment(slot), "time_right.wav"], [YES, OTHER]) == YES:
                return slot
        raise NoAnswer

    async def _wished_time(self) -> datetime:
        now = self.house.clock.now().astimezone(UTC)  # without office hours there is no other zone (options.md §7)
        prompts = ["day_first.wav"]
        for _ in range(TRIES):
            day = await self.line.ask(prompts, digits=1)
            entered = await self.line.ask(["enter_time.wav"], digits=4) if day else ""
            wish = _read_time(now, day, entered)
            if wish is not None:
                return wish
            prompts = ["time_wrong.wav", "day_first.wav"]
        raise NoAnswer

    async def _free_slot(self, wish: datetime) -> datetime | None:
        now = self.house.clock.now()
        return await nearest_free(self.house.store, str(self.block.service), self._service, wish, now)

    async def _one_of(self, prompts: list[str], answers: list[str]) -> str:
        for _ in range(TRIES):
            entered = await self.line.ask(prompts, digits=1)
            if entered in answers:
                return entered
        raise NoAnswer

    # --- the booking ---

    async def _book(self, number: str, when: datetime | None) -> None:
        parameters: dict[str, object] = {
            "_customer_number": number,
            "_originating_interaction_id": self.line.leg.sip_call_id,
        }
        if when is not None:
            parameters["_desired_time"] = when.astimezone(UTC).isoformat()
        request = CreateRequest(
            str(self.block.service),
            parameters,
            origin="ivr",
            offer=self._told(),
            name_recording=self.name,
            language=self.line.language,
            channel="IVR",
        )
        try:
            self.callback = await self.booking.create(request)
        except Refused as refused:
            log.info("offer_not_booked", service=self.block.service, cause=refused.exception)
            await self.line.say("not_booked.wav")
            return
        await self.line.say("booked_now.wav" if when is None else "booked_later.wav")

    def _told(self) -> dict[str, object]:
        """How it was offered, for reporting (records.md §2 and §13)."""
        kinds: dict[tuple[str, ...], str] = {(NOW,): "ASAP", (LATER,): "SCHEDULED"}
        return {
            "type": kinds.get(tuple(self.choices), "COMBINED_SCHEDULED_AND_ASAP"),
            "timing": None,
            "threshold_s": self.block.offer_threshold,
            "inbound_queue": self.block.inbound_queue,
            "offered_at": stamp(self.offered_at),
            "ewt_s": self.ewt_s,
        }


def _read_time(now: datetime, day: str, entered: str) -> datetime | None:
    """The moment that a day and four digits mean; None when there is none such ahead within 7 days."""
    if len(entered) != 4 or not (day + entered).isdigit():
        return None
    hour, minute = int(entered[:2]), int(entered[2:])
    if hour > 23 or minute > 59:
        return None
    wish = (now + timedelta(days=int(day))).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return wish if now < wish <= now + FURTHEST else None
