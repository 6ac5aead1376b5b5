import pytest

from dialer.callback.call_result import CALL_RESULTS, CallResult, DialResult, Policy, Producer, dial_result_of
from dialer.callback.reason import Reason, detail_after, is_detail, is_reason, preview_reason, reason_after, unreached
from dialer.callback.verdict import ANSWERED, EARLY, VERDICTS, Action, action_of_verdict, call_result_of_verdict

# From records section 6: policy and dial result of every code.
POLICIES = {
    "ok": {33},
    "free": {27, 44, 46},
    "final": {11, 12, 13, 17, 18, 21, 26, 34, 39, 40, 45, 47, 48, 51, 52, 53},
    "-": {0, 1, 2, 19, 20, 24, 25, 29, 30, 31, 49, 50},
    "retry": {3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 22, 23, 28, 32, 35, 36, 37, 38, 41, 42, 43},
}
DIALS = {
    "CREATE_CALL_ERROR": {3, 4, 35, 38, 41, 43, 44},
    "BUSY": {6},
    "NO_ANSWER": {7, 36, 37},
    "ERROR_TONE": {8, 10, 11, 12, 13, 14, 15, 16, 34, 39},
    "ANSWERING_MACHINE": {9},
    "FAX": {17},
    "PERSON": {21, 26, 33, 40, 45, 53},
    "UNKNOWN": {0, 5, 18, 19, 22, 23, 27, 28, 32, 42, 46, 47, 48, 51, 52},
}
NEVER_PRODUCED = {20, 24, 25, 29, 30, 31, 35, 49, 50}


def test_there_are_results_0_to_53():
    assert sorted(CALL_RESULTS) == list(range(54))


@pytest.mark.parametrize("code", range(54))
def test_every_result_has_the_specified_policy_and_dial_result(code):
    info = CallResult(code).info
    assert code in POLICIES[info.policy]
    named = {name for name, codes in DIALS.items() if code in codes}
    assert named == ({info.dial_result} if info.dial_result else set())
    assert info.meaning


def test_results_of_other_switches_are_kept_but_never_produced():
    assert {int(code) for code, info in CALL_RESULTS.items() if not info.producers} == NEVER_PRODUCED


def test_results_that_detection_gives_are_told_by_media():
    for name, verdict in VERDICTS.items():
        if verdict.call_result is not None and name not in {"off", "no_media"}:
            assert Producer.MEDIA in verdict.call_result.info.producers


def test_an_answer_is_connected_when_nobody_listened():
    assert dial_result_of(CallResult.ANSWER) is DialResult.PERSON
    assert dial_result_of(CallResult.ANSWER, detection=False) is DialResult.CONNECTED
    assert dial_result_of(CallResult.TRANSFERRED) is DialResult.UNKNOWN


# From records section 6.2.
VERDICT_RESULTS = {
    "human": 33, "machine": 9, "machine_beep": 9, "fax": 17, "modem": 17, "silence": 32, "busy": 6, "congestion": 10,
    "sit_invalid": 11, "sit_vacant": 12, "sit_intercept": 13, "sit_no_circuit": 15, "sit_reorder": 16, "sit_other": 14,
    "sit": 8, "nu_tone": 34, "pager": 39, "ringback": None, "music": None, "undecided": 33, "off": 33, "no_media": 38,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(VERDICT_RESULTS))
def test_every_verdict_has_the_specified_result(name):
    assert call_result_of_verdict(name) == VERDICT_RESULTS[name]


def test_there_are_no_other_verdicts():
    assert set(VERDICTS) == set(VERDICT_RESULTS)


def test_tones_are_heard_before_and_after_the_answer_and_people_only_after():
    assert VERDICTS["busy"].found_in == {EARLY, ANSWERED}
    assert VERDICTS["human"].found_in == {ANSWERED}
    assert VERDICTS["ringback"].found_in == {EARLY}


def test_undecided_counts_as_the_service_says():
    assert call_result_of_verdict("undecided", undecided_as="unknown") is CallResult.UNKNOWN
    assert action_of_verdict("undecided") is Action.GO_ON
    assert action_of_verdict("undecided", undecided_as="unknown") is Action.RELEASE


@pytest.mark.parametrize(
    ("name", "option"), [
        ("machine", "on_machine"), ("machine_beep", "on_machine"),
        ("fax", "on_fax"), ("modem", "on_fax"), ("silence", "on_silence"),
    ],
)  # fmt: skip
def test_a_service_may_connect_what_is_hung_up_by_default(name, option):
    assert action_of_verdict(name) is Action.HANG_UP
    assert action_of_verdict(name, **{option: "connect"}) is Action.GO_ON


def test_a_tone_is_released_whatever_the_service_says():
    options = {"on_machine": "connect", "on_fax": "connect", "on_silence": "connect"}
    assert action_of_verdict("busy", **options) is Action.RELEASE


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (17, "FAIL_FAX_REACHED"),
        (21, "FAIL_INTERACTION_DELETED"),
        (26, "FAIL_TARGET_NOT_FOUND"),
        (47, "FAIL_TARGET_NOT_FOUND"),
        (48, "FAIL_TARGET_NOT_FOUND"),
        (45, "FAIL_AGENT_CONNECT"),
        (18, "FAIL_QUEUEING"),
        (52, "CANCELLED"),
        (6, "FAIL_CALL_TO_CUSTOMER"),
        (51, "FAIL_CALL_TO_CUSTOMER"),
        (9, "FAIL_CALL_TO_CUSTOMER"),
    ],
)
def test_the_reason_follows_the_last_result(result, reason):
    assert reason_after(CallResult(result)) == reason


def test_other_reasons_depend_on_who_and_how():
    assert reason_after(CallResult.CANCEL_RECORD, by_admin=True) is Reason.CANCELLED_BY_ADMIN
    assert reason_after(CallResult.BUSY, legacy_names=True) is Reason.FAIL_USER_UNREACHABLE
    for code in (40, 51, 53):
        assert reason_after(CallResult(code), disposition=True) is Reason.AGENT_CONNECTED


def test_who_was_not_reached_is_reported_under_the_name_of_the_release_in_use():
    assert unreached(legacy_names=False) is Reason.FAIL_CALL_TO_CUSTOMER
    assert unreached(legacy_names=True) is Reason.FAIL_USER_UNREACHABLE


@pytest.mark.parametrize("code", range(54))
def test_every_result_has_a_reason_with_a_detail_that_fits_it(code):
    result = CallResult(code)
    for legacy in (False, True):
        assert is_detail(reason_after(result, legacy_names=legacy), detail_after(result))


def test_reasons_are_a_closed_list_but_for_the_number_of_rejects():
    assert preview_reason(3) == "AGENT_PREVIEW_CANCEL_AFTER_3REJECTS"
    assert is_reason(preview_reason(12))
    assert not is_reason("AGENT_PREVIEW_CANCEL_AFTER_0REJECTS")
    assert not is_reason("BUSY")
    with pytest.raises(ValueError, match="at least one reject"):
        preview_reason(0)


def test_details_have_the_forms_of_their_reason():
    assert is_detail("CANCELLED", "api")
    assert is_detail("AGENT_CONNECTED", "disposition:wrong number")
    assert is_detail("FAIL_ERROR", "RuntimeError")
    assert not is_detail("CANCELLED", "admin")
    assert not is_detail("FAIL_FAX_REACHED", "anything")
    assert not is_detail(preview_reason(2), "anything")


def test_policies_say_what_the_specification_says_of_free_results():
    assert {result for result in CallResult if result.info.policy is Policy.FREE} == {27, 44, 46}
