from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.call_result import NEVER_COUNTED, CallResult, Policy
from dialer.callback.effect import FREE_LIMIT, counts
from dialer.callback.option import MOVED_NEVER
from dialer.callback.reason import Reason
from dialer.callback.retry import DialWindow, Final, GoOn, Retry, RetryPolicy, decide

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
PLAIN = RetryPolicy()


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_an_answer_goes_on():
    assert decide(PLAIN, CallResult.ANSWER, 0, 0, NOW) == GoOn(counted=True)


def test_a_busy_customer_is_called_again_after_the_delay():
    assert decide(PLAIN, CallResult.BUSY, 0, 0, NOW) == Retry(NOW + minutes(5), counted=True)


def test_the_third_counted_attempt_is_the_last():
    assert isinstance(decide(PLAIN, CallResult.BUSY, 1, 0, NOW), Retry)
    assert decide(PLAIN, CallResult.BUSY, 2, 0, NOW) == Final(
        Reason.FAIL_CALL_TO_CUSTOMER, "call_result:6", CallResult.BUSY, counted=True
    )


def test_a_vacant_number_ends_at_once():
    assert decide(PLAIN, CallResult.SIT_VACANT, 0, 0, NOW).reason is Reason.FAIL_CALL_TO_CUSTOMER


def test_a_fax_ends_with_its_own_reason():
    assert decide(PLAIN, CallResult.SIT_FAX_DETECTED, 0, 0, NOW).reason is Reason.FAIL_FAX_REACHED


@pytest.mark.parametrize(("result", "seconds"), [(44, 15), (46, 0), (27, 0)])
def test_what_was_our_doing_is_tried_again_soon_and_does_not_count(result, seconds):
    assert decide(PLAIN, CallResult(result), 2, 0, NOW) == Retry(NOW + timedelta(seconds=seconds), counted=False)


def test_ten_free_results_in_a_row_do_not_count_and_the_next_is_like_any_failure():
    assert decide(PLAIN, CallResult.STALE, 0, 9, NOW).counted is False
    assert decide(PLAIN, CallResult.STALE, 0, 10, NOW) == Retry(NOW + minutes(5), counted=True)
    assert isinstance(decide(PLAIN, CallResult.STALE, 2, 10, NOW), Final)


def test_a_service_moves_results_between_the_groups():
    policy = RetryPolicy(
        retry_results=frozenset({CallResult.ABANDONED, CallResult.NO_FREE_PORT_ERROR}),
        final_results=frozenset({CallResult.ANSWERING_MACHINE}),
    )
    assert isinstance(decide(policy, CallResult.ABANDONED, 0, 0, NOW), Retry)
    assert isinstance(decide(policy, CallResult.ANSWERING_MACHINE, 0, 0, NOW), Final)
    assert decide(policy, CallResult.NO_FREE_PORT_ERROR, 0, 0, NOW).counted is True


def test_a_result_may_have_a_delay_of_its_own():
    policy = RetryPolicy(delay_by_result={CallResult.ANSWERING_MACHINE: 1800.0, CallResult.NO_FREE_PORT_ERROR: 3.0})
    assert decide(policy, CallResult.ANSWERING_MACHINE, 0, 0, NOW).next_dial_at == NOW + minutes(30)
    assert decide(policy, CallResult.NO_FREE_PORT_ERROR, 0, 0, NOW).next_dial_at == NOW + timedelta(seconds=3)
    assert decide(policy, CallResult.BUSY, 0, 0, NOW).next_dial_at == NOW + minutes(5)


def test_no_attempt_is_planned_after_the_deadline():
    assert decide(PLAIN, CallResult.BUSY, 0, 0, NOW, NOW + minutes(5)) == Retry(NOW + minutes(5), counted=True)
    over = decide(PLAIN, CallResult.BUSY, 0, 0, NOW, NOW + minutes(4), deadline_detail="end_of_business")
    assert over == Final(Reason.FAIL_TIMEOUT_TTL, "end_of_business", CallResult.BUSY, counted=True)


@pytest.mark.parametrize(("single", "result"), [(True, 47), (False, 48)])
def test_no_attempt_is_planned_after_the_queued_time_or_in_the_buffer_before_it(single, result):
    policy = RetryPolicy(cannot_dial_buffer_s=60, single_targets=single)
    assert isinstance(decide(policy, CallResult.BUSY, 0, 0, NOW, queued_until=NOW + minutes(6)), Retry)
    over = decide(policy, CallResult.BUSY, 0, 0, NOW, queued_until=NOW + minutes(5.9))
    assert over == Final(Reason.FAIL_TARGET_NOT_FOUND, "queued_ttl", CallResult(result), counted=True)


WINDOW = DialWindow(threshold_s=7200, earliest=time(8), latest=time(20))


def test_an_attempt_outside_of_the_window_waits_for_its_opening():
    policy = RetryPolicy(window=WINDOW, zone=ZoneInfo("America/Los_Angeles"))
    assert decide(policy, CallResult.BUSY, 0, 0, NOW).next_dial_at == NOW + minutes(5)  # 08:05 there
    early = NOW - timedelta(hours=2)  # 06:00 there
    assert decide(policy, CallResult.BUSY, 0, 0, early).next_dial_at == NOW
    late = NOW + timedelta(hours=11, minutes=57)  # 19:57 there: 20:02 is closed
    assert decide(policy, CallResult.BUSY, 0, 0, late).next_dial_at == NOW + timedelta(hours=24)


def test_an_attempt_too_far_from_the_desired_time_is_not_made():
    policy = RetryPolicy(window=WINDOW)
    assert isinstance(decide(policy, CallResult.BUSY, 0, 0, NOW, desired_time=NOW), Retry)
    over = decide(policy, CallResult.BUSY, 0, 0, NOW, desired_time=NOW - timedelta(hours=2))
    assert over == Final(Reason.FAIL_CALL_TO_CUSTOMER, "call_result:51", CallResult.DO_NOT_CALL, counted=True)


def test_the_window_may_run_over_midnight():
    night = DialWindow(86400, time(22), time(6))
    assert night.open_at(NOW.replace(hour=23), UTC)
    assert night.open_at(NOW.replace(hour=5), UTC)
    assert not night.open_at(NOW.replace(hour=6), UTC)
    assert night.first_open(NOW, UTC) == NOW.replace(hour=22)


def test_the_window_keeps_the_time_of_day_when_the_clocks_change():
    zone = ZoneInfo("America/Los_Angeles")
    before = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)  # 21:00 on the 7th; clocks go forward on the 8th at 02:00
    assert WINDOW.first_open(before, zone).astimezone(zone).time() == time(8)


@given(
    st.integers(1735689600, 1830297600),
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]),
)
def test_the_next_opening_is_open_and_at_most_a_day_away(seconds, earliest, latest, name):
    earliest, latest = earliest.replace(second=0, microsecond=0), latest.replace(second=0, microsecond=0)
    if earliest == latest:
        return
    window, zone, moment = DialWindow(0, earliest, latest), ZoneInfo(name), datetime.fromtimestamp(seconds, UTC)
    opening = window.first_open(moment, zone)
    assert moment <= opening <= moment + timedelta(hours=26)
    skipped = opening.astimezone(zone).time().replace(second=0, microsecond=0) != earliest
    assert opening == moment or window.open_at(opening, zone) or skipped


policies = st.builds(
    RetryPolicy,
    dial_attempts=st.integers(1, 20),
    dial_retry_delay_s=st.floats(0, 3600),
    retry_results=st.frozensets(st.sampled_from(sorted(set(CallResult) - MOVED_NEVER)), max_size=20),
    final_results=st.frozensets(st.sampled_from(sorted(set(CallResult) - MOVED_NEVER)), max_size=5),
    window=st.none() | st.just(WINDOW),
)


@given(policies, st.lists(st.sampled_from(sorted(CallResult)), min_size=1, max_size=12), st.data())
def test_retries_always_end(policy, pool, data):
    limit = policy.dial_attempts * (FREE_LIMIT + 1)
    attempts = free = dials = 0
    now = NOW
    while True:
        dials += 1
        assert dials <= limit
        result = pool[dials % len(pool)] if dials > 5 else data.draw(st.sampled_from(pool))
        decision = decide(policy, result, attempts, free, now)
        if not isinstance(decision, Retry):
            return
        assert decision.next_dial_at >= now
        attempts, free, now = attempts + decision.counted, 0 if decision.counted else free + 1, decision.next_dial_at
        assert attempts < policy.dial_attempts


@given(policies, st.sampled_from(sorted(NEVER_COUNTED)), st.integers(0, 20), st.integers(0, 20))
def test_who_must_not_be_called_or_cancelled_is_never_called_again(policy, result, attempts, free):
    decision = decide(policy, result, attempts, free, NOW)
    assert isinstance(decision, Final)
    assert not decision.counted


@given(st.sampled_from(sorted(CallResult)), st.integers(0, 20))
def test_the_store_counts_as_the_default_policy_does(result, free):
    assert counts(result, free) == PLAIN.counts(result, free)


def test_a_result_that_is_none_of_an_attempt_goes_on():
    assert isinstance(decide(PLAIN, CallResult.CLEARED, 0, 0, NOW), GoOn)
    assert CallResult.CLEARED.info.policy is Policy.NONE
