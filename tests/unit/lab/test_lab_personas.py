"""The table of personas is consistent in itself and with the vocabularies."""

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.callback.verdict import VERDICTS
from dialer.lab import AGENTS, PERSONAS, Expected, pbx_numbers, persona_of
from dialer.lab.script import Answer, AnswerMute, Early, HangUp, Redirect, Reject, Say, Talk, Wait
from dialer.lab.sounds import SoundLibrary


def test_names_and_numbers_are_unique():
    assert len({persona.name for persona in PERSONAS}) == len(PERSONAS)
    assert len({persona.number for persona in PERSONAS}) == len(PERSONAS)
    assert len({agent.extension for agent in AGENTS}) == len(AGENTS)
    assert len({agent.id for agent in AGENTS}) == len(AGENTS)


def test_a_persona_is_found_with_and_without_plus_and_prefix():
    human = PERSONAS[0]
    digits = human.number.removeprefix("+")
    dialled = (human.number, digits, f"91{digits}", f"91{human.number}")
    assert [persona_of(number) for number in dialled] == [human] * 4


def test_an_unknown_number_is_nobody():
    assert persona_of("12125550000") is None


def test_expected_outcomes_are_of_the_vocabulary():
    for persona in PERSONAS:
        for expected in filter(None, (persona.expected, persona.expected_asterisk)):
            assert CallResult(expected.call_result)
            assert Reason(expected.reason)
            assert {expected.verdict, *expected.or_verdicts} - {None} <= set(VERDICTS)


def test_every_failing_verdict_gives_the_call_result_that_is_expected():
    for persona in PERSONAS:
        verdict = persona.expected.verdict
        if verdict is not None and persona.expected.reason == "FAIL_CALL_TO_CUSTOMER":
            assert VERDICTS[verdict].call_result == persona.expected.call_result, persona.name


def test_final_results_are_dialled_once_and_others_twice():
    for persona in PERSONAS:
        if persona.expected.reason == "FAIL_CALL_TO_CUSTOMER":
            policy = CallResult(persona.expected.call_result).info.policy
            assert persona.expected.attempts == (1 if policy == "final" else 2), persona.name


def test_every_group_that_is_asked_for_has_an_agent():
    assert {persona.group for persona in PERSONAS} <= {agent.group for agent in AGENTS}


def test_every_sound_of_a_script_exists(tmp_path):
    sounds = SoundLibrary(tmp_path)
    for _, script in every_script():
        for step in script:
            if isinstance(step, Say | Early):
                assert sounds.path(step.sound).exists()
            if isinstance(step, Talk):
                assert sounds.talk(step.voice, "somebody").exists()


def test_nothing_is_said_before_the_answer_and_nothing_rejected_after_it():
    for name, script in every_script():
        answered = False
        for step in script:
            assert answered or not isinstance(step, Say | Talk | HangUp | Wait) or name == "unreachable", name
            assert not answered or not isinstance(step, Reject | Redirect | Early), name
            answered = answered or isinstance(step, Answer | AnswerMute)


def test_the_pbx_takes_over_voicemail_and_fax():
    assert {"voicemail", "announcement", "no-beep", "fax"} == set(pbx_numbers().values())


def test_the_last_script_stays_for_all_further_calls():
    second_try = next(persona for persona in PERSONAS if persona.name == "human-second-try")
    assert second_try.script(0) != second_try.script(1) == second_try.script(7)


def test_differences_are_told_in_words():
    expected = Expected(9, "FAIL_CALL_TO_CUSTOMER", "machine", ("machine_beep",), attempts=2)
    right = {"call_result": 9, "state": "COMPLETED", "reason": "FAIL_CALL_TO_CUSTOMER", "attempts": 2}
    assert expected.differences(**right, verdict="machine_beep") == []
    assert expected.differences(**right | {"call_result": 33}, verdict="human") == [
        "call_result 33 instead of 9",
        "verdict human instead of machine or machine_beep",
    ]


def every_script():
    for persona in PERSONAS:
        for script in persona.calls:
            yield persona.name, script
    for agent in AGENTS:
        yield agent.id, agent.script
