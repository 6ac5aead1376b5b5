"""What follows a failed attempt: the next one at its time (T32, agent first T45), or the end (T34, T46)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dialer.callback.options import ServiceOptions
from dialer.callback.reason import detail_after, reason_after
from dialer.callback.record import AttemptResult, Callback
from dialer.callback.retry import Decision, Final, GoOn, Retry, decide
from dialer.callback.state import Phase
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger


async def complete_or_retry(ledger: Ledger, service: ServiceOptions, house: House, result: AttemptResult) -> None:
    """Closes the attempt and plans the next one, or completes the callback. Source: records.md §8, §9.

    Raises:
        Overtaken: when the callback was completed by somebody else meanwhile.
    """
    again, over = ("T45", "T46") if ledger.callback.phase is Phase.CUSTOMER_DIAL else ("T32", "T34")
    match decision_after(ledger.callback, service, house, result):
        case Retry(next_dial_at=at, counted=counted):
            wait = (at - house.clock.now()).total_seconds()
            paused = again == "T32" and house.pauses.paused(ledger.callback.service, service)
            if paused:
                ledger.story.given("state", f"the service {ledger.callback.service} is paused", "paused")
            event = "T21" if paused else again
            await ledger.end_attempt(
                event,
                replace(result, counted=counted),
                note=f"again in {max(0.0, wait):.0f} s",
                next_dial_at=at,
                call_result=result.call_result,
            )
        case Final(reason=reason, detail=detail, call_result=final, counted=counted):
            await ledger.end_attempt(
                over, replace(result, counted=counted), reason=reason, reason_detail=detail, call_result=final
            )
        case GoOn(
            counted=counted
        ):  # an override gave a result that names no failure: nobody is on the line all the same
            await ledger.end_attempt(
                over,
                replace(result, counted=counted),
                call_result=result.call_result,
                reason=reason_after(result.call_result),
                reason_detail=detail_after(result.call_result),
            )


def decision_after(callback: Callback, service: ServiceOptions, house: House, result: AttemptResult) -> Decision:
    """The retry decision for this callback, as a value."""
    policy = service.retry_policy(legacy_reason_names=house.config.compat.legacy_reason_names)
    return decide(
        policy,
        result.call_result,
        attempts=callback.attempts,
        free_in_a_row=callback.free_in_a_row,
        now=house.clock.now(),
        deadline_at=callback.deadline_at,
        queued_until=(callback.queued_at or callback.created_at) + timedelta(seconds=service.queued_ttl),
        desired_time=callback.desired_time,
    )
