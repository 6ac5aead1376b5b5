"""The customer's leg: dialled, listened to, judged; then treated.

Source: scenario "User Terminated Immediate", stage "Start Callback"; results by records.md §6.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.treatment import Treatment
from dialer.callback.verdict import Action, action_of_verdict
from dialer.detection import Evidence, Finding, Verdict
from dialer.scenario.hearing import Hearing
from dialer.scenario.house import House
from dialer.scenario.leg_story import LegStory
from dialer.scenario.outcome import Outcome, is_decisive, outcome_of_end, outcome_of_loss, outcome_of_verdict
from dialer.scenario.recorder import HeardRecorder
from dialer.scenario.signals import Signals
from dialer.scenario.story import Story
from dialer.scenario.tone_plan import country_of
from dialer.telephony import (
    Answered,
    DialRequest,
    Ended,
    FirstRtp,
    Leg,
    LegEnd,
    LegEvent,
    MediaUp,
    Playback,
    PlaybackStarted,
    Playlist,
    Progress,
    Ringing,
    UnplayableSound,
)

log = structlog.get_logger(__name__)

VERDICT_GRACE_S = 2.0  # audio that stalls must not hold a customer for ever: the audio's own limits plus this
VERDICT_FACTS = ("name", "call_result", "confidence", "at_s", "phase", "probabilities", "parameters_hash")
TOLD_EVIDENCE = frozenset({"ringback", "beep_end"})  # those that a scenario decides by
END_WAIT_S = 5.0  # a leg that was told to end does so within SIP's own timers; then it is given up


@dataclass(slots=True)
class CustomerCall:
    """One dial attempt to the customer, from the INVITE to the point where we know who is there.

    Attributes:
        answered_mono: clock reading of the answer; verdict and treatment times count from it.
        language: in which the customer is spoken to.
        country: whose tones are expected.
        heard: keeps what the detectors hear, where the service wants that.
        recorded: files of the talk, in order.
    """

    house: House
    service: ServiceOptions
    story: Story
    leg: Leg
    answered_at: datetime | None = None
    answered_mono: float | None = None
    verdict_mono: float | None = None
    media: MediaUp | None = None
    hearing: Hearing | None = None
    heard: HeardRecorder | None = None
    playback: Playback | None = None
    ringback_heard: bool = False
    language: str | None = None
    country: str | None = None
    timings: dict[str, object] = field(default_factory=dict)
    recorded: list[Path] = field(default_factory=list)
    signals: Signals = field(init=False)
    _words: LegStory = field(init=False)

    def __post_init__(self) -> None:
        self.signals = Signals(self.leg, self._observe)
        self._words = LegStory(self.story, "customer", self.leg.id)

    @classmethod
    async def dial(
        cls, house: House, service: ServiceOptions, story: Story, callback: Callback, request: DialRequest
    ) -> CustomerCall:
        """Places the call; the attempt's row must be committed before."""
        country = country_of(callback.number) or house.config.detection.country
        leg = await house.user_agent.dial(request)
        story.tell(
            "sip", f"INVITE {request.number} through {request.gateway}", number=request.number, gateway=request.gateway
        )
        return cls(house, service, story, leg, language=callback.language, country=country)

    async def reach(self) -> Outcome:
        """Waits until it is known who or what is at the other end, or that nobody is."""
        outcome = await self._until_answered()
        if outcome is None:
            outcome = await self._until_judged()
        return outcome

    async def _until_answered(self) -> Outcome | None:
        """None when the call was answered."""
        clock = self.house.clock
        setup_until = clock.monotonic() + self.service.setup_timeout
        ring_until = clock.monotonic() + self.service.ring_timeout
        progressed = False
        while True:
            limit = ring_until if progressed else min(setup_until, ring_until)
            signal = await self.signals.next(max(0.0, limit - clock.monotonic()))
            match signal:
                case None | Ended():
                    return await self._not_answered(signal)
                case Answered() | Ringing() | Progress() if self.service.reject_forwarded and self.leg.facts.forwarded:
                    return await self._forwarded()
                case Answered(at=at):
                    self._answered(at)
                    return None
                case MediaUp():
                    self._listen(signal, answered=False)
                case Ringing() | Progress():
                    progressed = True
                case Evidence(kind="ringback"):
                    self.ringback_heard = True
                case Verdict() if is_decisive(signal):
                    self._heard()
                    if self.service.cancel_on_early_tone:
                        return outcome_of_verdict(signal, end=await self._release("tone"))
                case _:
                    pass

    async def _until_judged(self) -> Outcome:
        """Answered: a person, a machine, a tone, silence, or nobody by the limit."""
        if not self.service.detect:
            return Outcome(CallResult.ANSWER, "off", answered_at=self.answered_at, connect=True)
        clock = self.house.clock
        media_until = clock.monotonic() + self.service.media_timeout
        verdict_until = clock.monotonic() + self._patience_s()
        while True:
            media_due = self.leg.timestamps.first_rtp is None
            limit = min(media_until, verdict_until) if media_due else verdict_until
            signal = await self.signals.next(max(0.0, limit - clock.monotonic()))
            match signal:
                case None if media_due and clock.monotonic() >= media_until:
                    self.story.tell("timer", f"no RTP within {self.service.media_timeout} s after the answer")
                    return Outcome(
                        CallResult.NO_ESTABLISHED,
                        "no_media",
                        end=await self._release("no_media"),
                        answered_at=self.answered_at,
                    )
                case None:
                    return self._undecided({})
                case MediaUp():
                    self._listen(signal, answered=True)
                case FirstRtp():
                    verdict_until = clock.monotonic() + self._patience_s()
                case Ended(end=end):
                    return await self._ended_before_verdict(end)
                case Verdict() as verdict if is_decisive(verdict):
                    self._heard()
                    return self._judged(verdict)
                case _:
                    pass

    def _patience_s(self) -> float:
        settings = self.house.config.detection
        if self.service.detect_time_limit_ms:
            return self.service.detect_time_limit_ms / 1000
        return settings.silence_limit_s + settings.answered_limit_s + VERDICT_GRACE_S

    def _listen(self, media: MediaUp, *, answered: bool) -> None:
        """Starts to listen; media that is up before the answer is kept for it when early media is not to be heard."""
        self.media = media
        if self.hearing is not None or media.tap_row is None or not self.service.detect:
            return
        if not answered and not self.service.detect_early_media:
            return
        self.hearing = self.house.listener.listen(
            media.tap_row, media.tap_start, country=self.country,
            answered=answered,
        )  # fmt: skip
        self.signals.attach(self.hearing, self._noticed)
        if self.service.record_detection:
            folder = self.house.config.media.recordings_dir
            self.heard = HeardRecorder.start(folder, self.story, self.leg, self.hearing, self.country)

    def _answered(self, at: float) -> None:
        self.answered_at = self.house.clock.now()
        self.answered_mono = at
        if self.hearing is not None:
            self.hearing.answered()
        elif self.media is not None:
            self._listen(self.media, answered=True)

    def _heard(self) -> None:
        self.verdict_mono = self.house.clock.monotonic()
        if self.answered_mono is not None:
            self.timings["answer_to_verdict_ms"] = round((self.verdict_mono - self.answered_mono) * 1000, 1)

    def _noticed(self, finding: Finding) -> None:
        """Tells what was heard, as soon as it is known, to whoever reads or reruns the story."""
        if isinstance(finding, Verdict):
            why = "; ".join(f"{evidence.at_s:.2f} s {evidence.text}" for evidence in finding.evidence)
            words = f"{finding.name} ({finding.confidence:.2f}) after {finding.at_s:.2f} s: {why}"
            facts = {name: getattr(finding, name) for name in VERDICT_FACTS}
            self.story.given("detection", words, "finding", leg=self.leg.id, **facts)
        elif finding.kind in TOLD_EVIDENCE:
            facts = {"kind": finding.kind, "text": finding.text, "at_s": finding.at_s, "data": finding.data}
            self.story.given("detection", finding.text, "finding", leg=self.leg.id, evidence=facts)

    def _judged(self, verdict: Verdict) -> Outcome:
        if verdict.name == "undecided":
            return self._undecided(outcome_of_verdict(verdict).evidence)
        outcome = outcome_of_verdict(verdict, answered_at=self.answered_at)
        return replace(outcome, connect=self._goes_on(verdict.name))

    def _undecided(self, evidence: dict[str, object]) -> Outcome:
        connect = self._goes_on("undecided")
        result = CallResult.ANSWER if connect else CallResult.UNKNOWN
        return Outcome(result, "undecided", evidence, None, self.answered_at, connect)

    def _goes_on(self, verdict: str) -> bool:
        """Whether the service has the call connected after this verdict."""
        service = self.service
        action = action_of_verdict(
            verdict, undecided_as=service.undecided_as,
            on_machine=service.on_machine, on_fax=service.on_fax, on_silence=service.on_silence,
        )  # fmt: skip
        return action is Action.GO_ON

    async def _forwarded(self) -> Outcome:
        """The call went to somebody else's telephone, and the service does not want that (`reject_forwarded`)."""
        self.story.tell("sip", "customer: forwarded (181, History-Info or Diversion), released")
        return Outcome(CallResult.FORWARDED, end=await self._release("forwarded"))

    async def _not_answered(self, ended: Ended | None) -> Outcome:
        """The leg ended, or (None) nobody answered in time."""
        return await self._timer_ran_out() if ended is None else await self._ended_before_answer(ended.end)

    async def _timer_ran_out(self) -> Outcome:
        progress = self.leg.progress
        self.story.tell("timer", f"no answer in time, progress was {progress}", progress=progress)
        end = await self._release("timer")
        heard = await self._last_verdict()
        if heard is not None:
            return outcome_of_verdict(heard, end)
        return outcome_of_end(end, self.house.config, timer_progress=progress, ringback_heard=self.ringback_heard)

    async def _ended_before_answer(self, end: LegEnd) -> Outcome:
        heard = await self._last_verdict()
        if heard is not None:
            return outcome_of_verdict(heard, end)
        if end.cause == "unauthorized":
            self._tell_refused(end)
        health = self.house.user_agent.gateway_health(self.leg.gateway)
        down = health.known and not health.up
        if down:
            words = f"gateway {health.name} does not answer us; the refusal is its own"
            self.story.given("sip", words, "gateway", gateway=health.name)
        return outcome_of_end(end, self.house.config, from_own_gateway=down)

    def _tell_refused(self, end: LegEnd) -> None:
        """Our own credentials are wrong: no customer can be called through this gateway before that is mended."""
        where = f"[gateway.{self.leg.gateway}]"
        self.story.tell("sip", f"{where} refuses our credentials ({end.sip_status}); check its user and password")
        log.warning(
            "gateway_refuses_us", gateway=self.leg.gateway, sip_status=end.sip_status, mend=f"user, password of {where}"
        )

    async def _ended_before_verdict(self, end: LegEnd) -> Outcome:
        heard = await self._last_verdict()
        if heard is not None and heard.name not in {"human", "undecided", "silence"}:
            return outcome_of_verdict(heard, end, self.answered_at)
        return outcome_of_loss(end, self.answered_at)

    async def _last_verdict(self) -> Verdict | None:
        """What had been heard up to the end, if it decides anything."""
        if self.hearing is None:
            return None
        before = self.hearing.verdict
        verdict = await self.hearing.finish()
        if verdict is None or not is_decisive(verdict):
            return None
        if verdict is not before:
            self._heard()
        return verdict

    async def _release(self, cause: str) -> LegEnd:
        """Hangs up (or cancels) and waits for the leg's end."""
        await self.leg.hangup(cause)
        return await asyncio.wait_for(asyncio.shield(self.leg.ended), END_WAIT_S)

    async def hang_up(self, cause: str = "normal") -> LegEnd:
        """Ends the leg and everything that hangs on it; returns how it ended. Safe to call again."""
        self.stop_listening()
        end = self.leg.end or await self._release(cause)
        await self.signals.close()
        return end

    async def play(self, treatment: Treatment | None, name: str, *, loop: bool = False) -> Playback | None:
        """Starts a treatment on the leg; None when it is off, its sound cannot be had, or the leg is gone.

        Args:
            treatment: what to play; None = off.
            name: which treatment it is, for the story.
            loop: repeat until stopped, unless the treatment's hints say otherwise.
        """
        path = await self.house.library.locate(treatment, self.language) if treatment else None
        if treatment is None or path is None or self.leg.end is not None:
            self.story.tell("treatment", f"{name}: nothing to play", treatment=name)
            return None
        playlist = Playlist(
            files=(path,),
            loop=loop if treatment.loop is None else treatment.loop,
            delay_ms=treatment.delay_ms,
            max_duration_s=treatment.max_duration_s,
        )
        try:
            self.playback = await self.leg.play(playlist)
        except UnplayableSound as fault:
            log.warning("treatment_unplayable", file=str(path), cause=fault.why)
            self.story.tell("treatment", f"{name}: {path.name} cannot be played: {fault.why}", treatment=name)
            return None
        self.story.tell("treatment", f"{name}: {path.name}", treatment=name, file=path.name)
        return self.playback

    @property
    def kept(self) -> dict[str, object]:
        """The call's recordings, as its attempt names them."""
        kept: dict[str, object] = {}
        if self.heard is not None:
            kept["heard"] = self.heard.facts()
        if self.recorded:
            kept["recordings"] = [str(path) for path in self.recorded]
        return kept

    def stop_listening(self) -> None:
        """Hears no more of the leg: from now on its audio is for people."""
        if self.hearing is not None:
            self.hearing.close()
        if self.heard is not None:
            self.heard.close()

    async def stop_playing(self) -> None:
        """Silences what is being played."""
        if self.playback is not None:
            playback, self.playback = self.playback, None
            await playback.stop()
            self.story.tell("treatment", "silent")

    def _observe(self, event: LegEvent) -> None:
        """Tells every event of the leg, and notes when the first sample of the first treatment went out."""
        self._words.tell(event)
        if isinstance(event, PlaybackStarted) and self.verdict_mono is not None:
            self.timings.setdefault("verdict_to_treatment_ms", round((event.at - self.verdict_mono) * 1000, 1))
