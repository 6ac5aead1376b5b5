import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.call_result import CallResult
from dialer.callback.signalling import call_result_of_progress, call_result_of_sip

# From records section 6.1.
SIP = {
    3: "400 401 402 403 405 406 407 413 414 415 420 421 423 481 482 483 485 488 489 491 493 606 487 422 494 699",
    12: "404 604", 7: "408 480", 13: "410", 11: "416 484", 6: "486 600", 4: "500 501 502 505 513 580 599 533",
    15: "503", 16: "504", 5: "603 608", 51: "607", 22: "300 301 302 305 380",
}  # fmt: skip
Q850 = {
    12: "1 2 3", 14: "4", 11: "5 28", 6: "17", 7: "18 19 20 102", 5: "21", 22: "23",
    3: "26 29 50 55 57 58 63 65 69 79 87 88", 43: "27 38 6 111", 15: "34", 16: "41 42 47", 10: "44", 13: "22",
}  # fmt: skip
BY_STATUS = {int(status): result for result, codes in SIP.items() for status in codes.split()}
BY_CAUSE = {int(cause): result for result, codes in Q850.items() for cause in codes.split()}


@pytest.mark.parametrize("status", sorted(BY_STATUS))
def test_every_status_has_the_specified_result(status):
    assert call_result_of_sip(status) == BY_STATUS[status]


@given(st.integers(0, 127))
def test_a_cause_decides_before_the_status_unless_it_says_nothing(cause):
    expected = BY_CAUSE.get(cause, 6)
    assert call_result_of_sip(486, q850=cause) == expected


@given(st.integers(300, 699), st.none() | st.integers(0, 127))
def test_every_failed_call_has_a_result(status, cause):
    assert call_result_of_sip(status, q850=cause) in CallResult


def test_a_refusal_for_lack_of_circuits_depends_on_who_says_it_and_how():
    assert call_result_of_sip(503) == 15
    assert call_result_of_sip(503, retry_after=True) == 10
    assert call_result_of_sip(503, from_own_gateway=True) == 10


@pytest.mark.parametrize(
    ("progress", "result"), [("none", 36), ("trying", 36), ("session_progress", 37), ("ringing", 7)]
)
def test_our_timer_tells_by_how_far_the_call_came(progress, result):
    assert call_result_of_progress(progress) == result
    assert call_result_of_sip(487, timer_progress=progress) == result
    assert call_result_of_sip(None, timer_progress=progress) == result


def test_a_ring_tone_in_early_media_counts_as_ringing():
    assert call_result_of_progress("session_progress", ringback_heard=True) == 7


def test_an_answer_of_the_network_wins_over_our_timer():
    assert call_result_of_sip(486, timer_progress="ringing") == 6


def test_the_order_is_own_decision_tone_cause_status_timer():
    everything = {
        "q850": 17,
        "tone": CallResult.SIT_VACANT,
        "own_decision": CallResult.CANCEL_RECORD,
        "timer_progress": "none",
    }
    assert call_result_of_sip(487, **everything) == 52
    del everything["own_decision"]
    assert call_result_of_sip(487, **everything) == 12
    del everything["tone"]
    assert call_result_of_sip(487, **everything) == 6
    del everything["q850"]
    assert call_result_of_sip(487, **everything) == 36
    del everything["timer_progress"]
    assert call_result_of_sip(487, **everything) == 3


def test_rows_can_be_overridden():
    assert call_result_of_sip(603, sip_overrides={603: 6}) == 6
    assert call_result_of_sip(503, retry_after=True, sip_overrides={503: 41}) == 41
    assert call_result_of_sip(486, q850=17, q850_overrides={17: 7}) == 7
    assert call_result_of_sip(486, q850=16, q850_overrides={16: 5}) == 5
    assert call_result_of_sip(486, sip_overrides={487: 7}) == 6


def test_a_call_that_did_not_fail_has_no_result():
    for status in (None, 100, 183, 200, 700):
        with pytest.raises(ValueError, match="end"):
            call_result_of_sip(status)
