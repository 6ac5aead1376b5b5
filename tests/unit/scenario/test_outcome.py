"""What a leg's end and a verdict make of an attempt."""

from pathlib import Path

import pytest

from dialer.callback.call_result import CallResult
from dialer.config import DialerConfig
from dialer.config.table import DialTable
from dialer.detection import Evidence, Verdict
from dialer.scenario.outcome import (
    Outcome,
    evidence_of,
    is_decisive,
    outcome_of_end,
    outcome_of_loss,
    outcome_of_verdict,
)
from dialer.telephony import LegEnd, LegTimes, RtpStats

CONFIG = DialerConfig(file=Path("dialer.toml"))


def end(
    status: int | None = None,
    *,
    cause: str = "busy",
    local: bool = False,
    q850: int | None = None,
    retry_after: int | None = None,
) -> LegEnd:
    return LegEnd(
        sip_status=status, sip_reason="", q850=q850, ended_by="us" if local else "far", cause=cause, local=local,
        retry_after=retry_after, times=LegTimes(), progress="trying", forwarded=False, rtp=RtpStats(), codec="",
    )  # fmt: skip


def verdict(name: str, call_result: int | None) -> Verdict:
    why = (Evidence(0, 1.0, "speech_start", "voice from 1.00 s", {}),)
    return Verdict(0, 1.5, name, call_result, 0.9, "answered", 0.0, {"human": 0.9}, why, "abc")


@pytest.mark.parametrize(
    ("leg_end", "result"),
    [
        (end(486), CallResult.BUSY),
        (end(404), CallResult.SIT_VACANT),
        (end(503), CallResult.SIT_NO_CIRCUIT),
        (end(503, retry_after=5), CallResult.ALL_TRUNKS_BUSY),
        (end(480, q850=17), CallResult.BUSY),  # the cause goes before the status
        (end(603), CallResult.REMOTE_RELEASE),
        (end(None, cause="no_channel", local=True), CallResult.NO_FREE_PORT_ERROR),
        (end(503, cause="transport", local=True), CallResult.DIAL_ERROR),
        (end(None, cause="dns", local=True), CallResult.DIAL_ERROR),
    ],
)
def test_a_leg_that_was_not_answered_gives_the_result_of_the_table(leg_end: LegEnd, result: CallResult) -> None:
    assert outcome_of_end(leg_end, CONFIG).result is result


def test_a_503_of_our_own_gateway_means_that_all_trunks_are_busy() -> None:
    assert outcome_of_end(end(503), CONFIG, from_own_gateway=True).result is CallResult.ALL_TRUNKS_BUSY


@pytest.mark.parametrize(
    ("progress", "ringback", "result"),
    [
        ("trying", False, CallResult.NO_PROGRESS),
        ("session_progress", False, CallResult.NO_RING_BACK),
        ("session_progress", True, CallResult.NO_ANSWER),
        ("ringing", False, CallResult.NO_ANSWER),
    ],
)
def test_our_timer_says_how_far_the_call_had_come(progress: str, ringback: bool, result: CallResult) -> None:
    outcome = outcome_of_end(end(487), CONFIG, timer_progress=progress, ringback_heard=ringback)
    assert outcome.result is result


def test_an_answer_that_crosses_our_cancel_is_no_fault_of_ours() -> None:
    assert outcome_of_end(end(200), CONFIG, timer_progress="ringing").result is CallResult.NO_ANSWER


@pytest.mark.parametrize(("ours", "result"), [(True, CallResult.DROPPED_NO_ANSWER), (False, CallResult.DIAL_ERROR)])
@pytest.mark.parametrize("status", [None, 0, 183, 200])
def test_a_leg_that_ended_without_a_final_response_still_has_a_result(
    status: int | None, ours: bool, result: CallResult
) -> None:
    for q850 in (None, 16):  # "normal clearing" says nothing
        assert outcome_of_end(end(status, cause="abandoned", local=ours, q850=q850), CONFIG).result is result
    assert outcome_of_end(end(status, cause="abandoned", local=ours, q850=17), CONFIG).result is CallResult.BUSY


def test_an_operators_table_goes_before_ours() -> None:
    config = CONFIG.model_copy(update={"dial": DialTable(sip_results={486: 7})})
    assert outcome_of_end(end(486), config).result is CallResult.NO_ANSWER


def test_an_answered_leg_lost_without_a_word_is_told_from_one_that_hung_up() -> None:
    assert outcome_of_loss(end(200, cause="rtp_timeout"), None).result is CallResult.CALL_DROPPED_ERROR
    assert outcome_of_loss(end(200, cause="normal"), None).result is CallResult.REMOTE_RELEASE


def test_a_verdict_is_kept_with_its_reasons() -> None:
    outcome = outcome_of_verdict(verdict("machine", 9))
    assert outcome.result is CallResult.ANSWERING_MACHINE
    assert outcome.is_machine
    assert outcome.evidence["why"] == ["1.00 s voice from 1.00 s"]
    kept = outcome.attempt_result(timings={"answer_to_verdict_ms": 5.0})
    assert kept.evidence["timings"] == {"answer_to_verdict_ms": 5.0}
    assert kept.verdict == "machine"


def test_without_detection_an_answer_is_a_connection_and_no_person() -> None:
    assert Outcome(CallResult.ANSWER, "off").attempt_result().dial_result == "CONNECTED"
    assert Outcome(CallResult.ANSWER, "human").attempt_result().dial_result == "PERSON"
    assert Outcome(CallResult.ANSWERING_MACHINE, "machine").attempt_result().dial_result == "ANSWERING_MACHINE"


def test_a_later_beep_makes_the_machine_one_with_a_beep_and_nothing_else_changes_it() -> None:
    machine = outcome_of_verdict(verdict("machine", 9))
    assert machine.with_later_verdict(verdict("machine_beep", 9)).verdict == "machine_beep"
    assert machine.with_later_verdict(verdict("busy", 6)) is machine
    assert machine.with_later_verdict(None) is machine


def test_ring_tone_decides_nothing() -> None:
    assert not is_decisive(verdict("ringback", None))
    assert is_decisive(verdict("undecided", None))


def test_a_verdict_without_a_result_of_its_own_is_unknown_until_the_option_decides() -> None:
    assert outcome_of_verdict(verdict("undecided", None)).result is CallResult.UNKNOWN
    assert isinstance(evidence_of(verdict("undecided", None))["probabilities"], dict)
    assert Outcome(CallResult.UNKNOWN).attempt_result().sip_status is None
