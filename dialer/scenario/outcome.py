"""What came of dialling a customer, as one value: result, verdict, and whether somebody is there to talk to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from dialer.callback.call_result import CallResult, dial_result_of
from dialer.callback.record import AttemptResult
from dialer.callback.signalling import call_result_of_q850, call_result_of_sip
from dialer.callback.verdict import VERDICTS, Action
from dialer.config import DialerConfig
from dialer.detection import Verdict
from dialer.telephony import LegEnd

# Causes of legs that ended before any answer of a peer; records.md §6, rows 41 and 44, and §6.1 (1).
OWN_CAUSES = {
    "no_channel": CallResult.NO_FREE_PORT_ERROR,
    "transport": CallResult.DIAL_ERROR,
    "no_route": CallResult.DIAL_ERROR,
    "malformed": CallResult.DIAL_ERROR,
    "dns": CallResult.DIAL_ERROR,
    "unknown_gateway": CallResult.DIAL_ERROR,
}
FIRST_FAILURE = 300  # SIP statuses from here on are final responses that are no answer
LOST_CAUSES = frozenset({"rtp_timeout", "transport"})
MACHINES = frozenset({"machine", "machine_beep"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of the customer's leg up to the point where a person, a machine or nobody is known to be there.

    Attributes:
        result: call_result of the attempt.
        verdict: name of the detection's verdict, if one was given.
        evidence: the verdict's evidence and figures, as kept with the attempt.
        end: how the leg ended; None while it is up.
        answered_at: wall time of the answer.
        connect: True when the call goes on to an agent.
    """

    result: CallResult
    verdict: str | None = None
    evidence: dict[str, object] = field(default_factory=dict)
    end: LegEnd | None = None
    answered_at: datetime | None = None
    connect: bool = False

    @property
    def is_machine(self) -> bool:
        """True when an answering machine was recognised."""
        return self.verdict in MACHINES

    def with_later_verdict(self, verdict: Verdict | None) -> Outcome:
        """The same outcome with what was recognised afterwards: a machine whose beep came."""
        if verdict is None or verdict.name == self.verdict or verdict.name not in MACHINES:
            return self
        return replace(self, verdict=verdict.name, evidence=evidence_of(verdict))

    def attempt_result(self, result: CallResult | None = None, **extra: object) -> AttemptResult:
        """The value the store keeps with the attempt, with a later result where one came of it."""
        final = self.result if result is None else result
        return AttemptResult(
            call_result=final,
            sip_status=self.end.sip_status if self.end else (200 if self.answered_at else None),
            q850=self.end.q850 if self.end else None,
            verdict=self.verdict,
            dial_result=dial_result_of(final, detection=self.verdict != "off"),
            answered_at=self.answered_at,
            forwarded=bool(self.end and self.end.forwarded),
            evidence={**self.evidence, **extra},
        )


def evidence_of(verdict: Verdict) -> dict[str, object]:
    """A verdict as it is kept: what, how sure, when on the audio's clock, and why in words."""
    return {
        "verdict": verdict.name,
        "confidence": round(verdict.confidence, 4),
        "at_s": round(verdict.at_s, 3),
        "phase": verdict.phase,
        "probabilities": {name: round(value, 4) for name, value in verdict.probabilities.items()},
        "why": [f"{evidence.at_s:.2f} s {evidence.text}" for evidence in verdict.evidence],
        "parameters": verdict.parameters_hash,
    }


def outcome_of_verdict(verdict: Verdict, end: LegEnd | None = None, answered_at: datetime | None = None) -> Outcome:
    """Outcome by what was heard. Source: records.md §6.2."""
    result = CallResult.UNKNOWN if verdict.call_result is None else CallResult(verdict.call_result)
    return Outcome(result, verdict.name, evidence_of(verdict), end, answered_at)


def outcome_of_end(
    end: LegEnd, config: DialerConfig, *, from_own_gateway: bool = False, timer_progress: str | None = None,
    ringback_heard: bool = False,
) -> Outcome:  # fmt: skip
    """Outcome of a leg that ended before an answer, by signalling alone. Source: records.md §6.1.

    Args:
        end: how it ended.
        config: holds the operator's overrides.
        from_own_gateway: a 503 that our own gateway made, not the far network.
        timer_progress: how far the call had come when our timer cancelled it; None when no timer of ours did.
        ringback_heard: ring tone was heard in early media.
    """
    failed = end.sip_status is not None and end.sip_status >= FIRST_FAILURE  # an answer may cross our CANCEL
    by_cause = call_result_of_q850(end.q850, config.dial.q850_results)
    silent = not failed and timer_progress is None and by_cause is None
    result = call_result_of_sip(
        end.sip_status if failed else None,
        q850=end.q850,
        retry_after=end.retry_after is not None,
        from_own_gateway=from_own_gateway,
        own_decision=own_decision(end, silent=silent),
        timer_progress=timer_progress,
        ringback_heard=ringback_heard,
        sip_overrides=config.dial.sip_results,
        q850_overrides=config.dial.q850_results,
    )
    return Outcome(result, end=end)


def own_decision(end: LegEnd, *, silent: bool) -> CallResult | None:
    """The result that is ours to give: the call could not be placed, or (silent) ended without any final response."""
    if end.local and end.cause in OWN_CAUSES:
        return OWN_CAUSES[end.cause]
    if silent:
        return CallResult.DROPPED_NO_ANSWER if end.ended_by == "us" else CallResult.DIAL_ERROR
    return None


def outcome_of_loss(end: LegEnd, answered_at: datetime | None) -> Outcome:
    """Outcome of an answered leg that ended before anything was recognised."""
    result = CallResult.CALL_DROPPED_ERROR if end.cause in LOST_CAUSES else CallResult.REMOTE_RELEASE
    return Outcome(result, end=end, answered_at=answered_at)


def result_of_leaving(end: LegEnd) -> CallResult:
    """Result of a customer who waited for an agent and is gone: hung up, or lost without a word."""
    return CallResult.CALL_DROPPED_ERROR if end.cause in LOST_CAUSES else CallResult.ABANDONED


def is_decisive(verdict: Verdict) -> bool:
    """False for verdicts that only say how the call goes on (ring tone, music)."""
    return VERDICTS[verdict.name].action is not Action.PROGRESS
