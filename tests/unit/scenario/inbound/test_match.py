"""Which request a call belongs to: by code, number, caller, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from dialer.callback.call_in import CallInClue, CallInRequest
from dialer.scenario.inbound.match import choose

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
DNIS, OTHER = "+16505550190", "+16505550191"
ANNA, BERT = "+12025550143", "+12025550144"
ALL = ("access_code", "dnis", "ani")


def request(name, *, age_s=0, **fields):
    return CallInRequest(
        **{"id": name, "group": "front", "to_number": DNIS, "created_at": NOW - timedelta(seconds=age_s),
           "expires_at": NOW + timedelta(seconds=30), **fields}
    )  # fmt: skip


def chosen(requests, criteria=ALL, **clue):
    found = choose(requests, CallInClue(**{"dnis": DNIS, **clue}), criteria)
    return found.id if found else None


def test_the_code_tells_apart_who_shares_a_number():
    requests = [request("a", access_code="11111"), request("b", access_code="22222")]
    assert chosen(requests, ("access_code", "dnis"), code="22222") == "b"
    assert chosen(requests, ("access_code", "dnis"), code="33333") is None


def test_a_code_is_compared_as_text_so_leading_zeros_count():
    requests = [request("a", access_code="00123")]
    assert chosen(requests, ("access_code",), code="123") is None
    assert chosen(requests, ("access_code",), code="00123") == "a"


def test_all_listed_criteria_that_the_request_has_must_hold():
    requests = [request("a", access_code="11111", from_number=ANNA)]
    assert chosen(requests, ALL, code="11111", ani=BERT) is None
    assert chosen(requests, ALL, code="11111", ani=ANNA) == "a"
    assert chosen(requests, ("access_code", "dnis"), code="11111", ani=BERT) == "a"


def test_a_criterion_that_the_request_has_not_does_not_count():
    assert chosen([request("a", access_code="11111")], ALL, code="11111", ani=BERT) == "a"


def test_a_plus_more_or_less_is_the_same_number():
    requests = [request("a", to_number="16505550190", from_number=ANNA)]
    assert chosen(requests, ("dnis", "ani"), ani="12025550143") == "a"


def test_of_several_by_one_caller_the_newest_counts():
    requests = [request("old", age_s=20, from_number=ANNA), request("new", from_number=ANNA)]
    assert chosen(requests, ("dnis", "ani"), ani=ANNA) == "new"


def test_without_anything_that_tells_them_apart_nobody_is_matched():
    assert chosen([request("a"), request("b")], ("dnis",)) is None
    assert chosen([request("a")], ("dnis",)) == "a"


def test_a_number_of_ones_own_is_enough():
    assert chosen([request("a", unique_dnis=True), request("b", to_number=OTHER)], ("dnis",)) == "a"


@pytest.mark.parametrize("criteria", [("ani",), ("access_code",)])
def test_a_request_that_has_none_of_the_criteria_fits_nobody(criteria):
    assert chosen([request("a")], criteria, ani=ANNA, code="1") is None
