"""When is the customer called again, and when not: the retry decision as a value.

Source: spec records section 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TypeAlias

from dialer.callback.call_result import NEVER_COUNTED, CallResult, Policy
from dialer.callback.effect import FREE_LIMIT
from dialer.callback.reason import Reason, detail_after, reason_after

FREE_DELAY_S: Mapping[CallResult, float] = {
    CallResult.NO_FREE_PORT_ERROR: 15.0,
    CallResult.STALE: 0.0,
    CallResult.DROPPED_NO_ANSWER: 0.0,
}
"""Seconds to wait after a result that does not count: 44 waits; 46 and 27 wait for a node, not for a time."""


@dataclass(frozen=True, slots=True)
class DialWindow:
    """`do_not_call_window`: dial only between two times of day, and not too far from the desired time.

    Attributes:
        threshold_s: Largest distance from the desired time.
        earliest: First time of day, included.
        latest: Last time of day, not included; at or before `earliest` = runs over midnight.
    """

    threshold_s: float
    earliest: time
    latest: time

    def open_at(self, moment: datetime, zone: tzinfo) -> bool:
        """Whether the time of day allows dialling."""
        local = moment.astimezone(zone).time()
        if self.earliest < self.latest:
            return self.earliest <= local < self.latest
        return local >= self.earliest or local < self.latest

    def first_open(self, moment: datetime, zone: tzinfo) -> datetime:
        """`moment`, or the next opening after it."""
        if self.open_at(moment, zone):
            return moment
        local = moment.astimezone(zone)
        opening = local.replace(
            hour=self.earliest.hour, minute=self.earliest.minute, second=self.earliest.second, microsecond=0, fold=0
        )
        if opening <= local:
            opening += timedelta(days=1)  # by the wall clock, so that a change of the clocks keeps the time of day
        return opening.astimezone(UTC)

    def near(self, moment: datetime, desired_time: datetime) -> bool:
        """Whether `moment` is near enough to the desired time."""
        return abs((moment - desired_time).total_seconds()) <= self.threshold_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The options of a service that decide on retries; `ServiceOptions.retry_policy` makes it.

    Attributes:
        dial_attempts: Counted attempts in all.
        dial_retry_delay_s: Wait after a failure.
        delay_by_result: Other waits, by result.
        retry_results: Results moved to `retry`.
        final_results: Results moved to `final`.
        cannot_dial_buffer_s: No attempt in the last seconds of the queued time.
        window: `do_not_call_window`.
        zone: Zone of the business hours, in which the window is read.
        single_targets: All targets are single agents or places: the end of the queued time is 47, else 48.
        legacy_reason_names: `compat.legacy_reason_names`.
    """

    dial_attempts: int = 3
    dial_retry_delay_s: float = 300.0
    delay_by_result: Mapping[CallResult, float] = field(default_factory=dict)
    retry_results: frozenset[CallResult] = frozenset()
    final_results: frozenset[CallResult] = frozenset()
    cannot_dial_buffer_s: float = 0.0
    window: DialWindow | None = None
    zone: tzinfo = UTC
    single_targets: bool = False
    legacy_reason_names: bool = False

    def policy_of(self, result: CallResult) -> Policy:
        """What follows `result` in this service; who must not be called, or cancelled, is never called again."""
        if result in NEVER_COUNTED or result in self.final_results:
            return Policy.FINAL
        if result in self.retry_results:
            return Policy.RETRY
        return result.info.policy

    def counts(self, result: CallResult, free_in_a_row: int) -> bool:
        """Whether an attempt that ended with `result` raises `attempts` in this service."""
        if result in NEVER_COUNTED:
            return False
        return self.policy_of(result) is not Policy.FREE or free_in_a_row >= FREE_LIMIT


@dataclass(frozen=True, slots=True)
class GoOn:
    """The person is reached (or the result ends no attempt): the callback goes on."""

    counted: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """Call again.

    Attributes:
        next_dial_at: When.
        counted: Whether the attempt that failed raises `attempts`.
    """

    next_dial_at: datetime
    counted: bool


@dataclass(frozen=True, slots=True)
class Final:
    """No further attempt.

    Attributes:
        reason: Reason of the completed callback.
        detail: Its detail.
        call_result: Result of the callback: that of the attempt, or of the rule that forbids a retry.
        counted: Whether the attempt that failed raises `attempts`.
    """

    reason: Reason
    detail: str | None
    call_result: CallResult
    counted: bool


Decision: TypeAlias = GoOn | Retry | Final


def decide(
    policy: RetryPolicy,
    result: CallResult,
    attempts: int,
    free_in_a_row: int,
    now: datetime,
    deadline_at: datetime | None = None,
    *,
    queued_until: datetime | None = None,
    desired_time: datetime | None = None,
    deadline_detail: str = "purge_time",
    by_admin: bool = False,
) -> Decision:
    """What follows an attempt that ended with `result`.

    Args:
        policy: Of the service.
        result: How the attempt ended.
        attempts: `Callback.attempts` before this attempt is counted.
        free_in_a_row: `Callback.free_in_a_row` before this attempt.
        now: End of the attempt, aware.
        deadline_at: `Callback.deadline_at`: no attempt is planned after it.
        queued_until: `queued_at` plus `queued_ttl`: no attempt is planned after it, nor in the buffer before it.
        desired_time: For the distance that `window` allows; None = not checked.
        deadline_detail: Detail of FAIL_TIMEOUT_TTL when the deadline forbids the retry.
        by_admin: For result 52: who cancelled.

    Returns:
        `GoOn`, `Retry` or `Final`. At most ``dial_attempts * (FREE_LIMIT + 1)`` attempts follow one another.
    """
    effective = policy.policy_of(result)
    counted = policy.counts(result, free_in_a_row)
    if effective in {Policy.OK, Policy.NONE}:
        return GoOn(counted)
    if effective is Policy.FINAL or (counted and attempts + 1 >= policy.dial_attempts):
        return _final(policy, result, counted, by_admin=by_admin)
    planned = now + timedelta(seconds=_delay(policy, result, free=effective is Policy.FREE and not counted))
    if policy.window is not None:
        planned = policy.window.first_open(planned, policy.zone)
    forbidden = _forbidden(policy, planned, deadline_at, queued_until, desired_time, deadline_detail)
    if forbidden is None:
        return Retry(planned, counted)
    reason, detail, its_result = forbidden
    return Final(reason, detail, result if its_result is None else its_result, counted)


def _delay(policy: RetryPolicy, result: CallResult, *, free: bool) -> float:
    if result in policy.delay_by_result:
        return policy.delay_by_result[result]
    return FREE_DELAY_S.get(result, 0.0) if free else policy.dial_retry_delay_s


def _final(policy: RetryPolicy, result: CallResult, counted: bool, *, by_admin: bool) -> Final:
    reason = reason_after(result, by_admin=by_admin, legacy_names=policy.legacy_reason_names)
    return Final(reason, detail_after(result), result, counted)


def _forbidden(
    policy: RetryPolicy,
    planned: datetime,
    deadline_at: datetime | None,
    queued_until: datetime | None,
    desired_time: datetime | None,
    deadline_detail: str,
) -> tuple[Reason, str | None, CallResult | None] | None:
    """Reason, detail and result of the rule that forbids an attempt at `planned`; None when it is allowed."""
    if deadline_at is not None and planned > deadline_at:
        return Reason.FAIL_TIMEOUT_TTL, deadline_detail, None
    buffer = timedelta(seconds=policy.cannot_dial_buffer_s)
    if queued_until is not None and planned > queued_until - buffer:
        result = CallResult.AGT_CALLBACK_ERROR if policy.single_targets else CallResult.GRP_CALLBACK_ERROR
        return Reason.FAIL_TARGET_NOT_FOUND, "queued_ttl", result
    if policy.window is not None and desired_time is not None and not policy.window.near(planned, desired_time):
        result = CallResult.DO_NOT_CALL
        return reason_after(result, legacy_names=policy.legacy_reason_names), detail_after(result), result
    return None


__all__ = ["FREE_LIMIT", "Decision", "DialWindow", "Final", "GoOn", "Retry", "RetryPolicy", "decide"]
