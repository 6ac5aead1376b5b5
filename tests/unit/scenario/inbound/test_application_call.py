"""Blocks do what they are for, one after the other, and every call ends."""

import pytest

from dialer.callback.state import State
from dialer.scenario.inbound import application_call

END = '{block = "terminate"}'
OFFER = """assisted = [
  {block = "callback", service = "back", scheduled = true},
  {block = "play_message", file = "oh.wav"},
]"""


async def test_blocks_run_in_the_order_of_their_phases(desk):
    line, _ = await desk.call(
        'finalize = [{block = "play_message", file = "p_m.wav"}]\n'
        'initialize = [{block = "play_message", file = "oh.wav"}]\n'
        'assisted = [{block = "play_message", file = ["at.wav", "a_m.wav"]}]'
    )
    assert line.said == ["oh.wav", "at.wav", "a_m.wav", "p_m.wav"]
    assert line.closed


async def test_variables_stand_for_what_was_set_entered_and_known_of_the_call(desk):
    line, run = await desk.call(
        'assisted = [{block = "set", values = {name = "number/$digit.wav", who = "$ani on $dnis"}},\n'
        '{block = "user_input", prompt = "oh.wav", store = "digit", digits = 1},\n'
        '{block = "set", values = {name = "number/$digit.wav"}},\n'
        '{block = "play_message", file = "$name"}]',
        "7",
    )
    assert line.said == ["oh.wav", "number/7.wav"]
    assert run.variables["who"] == "+12025550143 on +16505550100"


async def test_input_that_does_not_fit_is_asked_for_again_and_then_fails(desk):
    blocks = (
        'assisted = [{block = "user_input", prompt = "oh.wav", store = "x", choices = ["1", "2"], on_fail = "bye"},\n'
        f'{END},\n{{block = "play_message", label = "bye", file = "no_record.wav"}}]'
    )
    line, _ = await desk.call(blocks, "7", "2")
    assert line.said == ["oh.wav"] * 2
    line, _ = await desk.call(blocks, "7", "", "9")
    assert line.said == ["oh.wav"] * 3 + ["no_record.wav"]


async def test_next_and_labels_lead_where_they_say(desk):
    line, _ = await desk.call(
        'assisted = [{block = "play_message", file = "oh.wav", next = "end"},\n'
        '{block = "play_message", file = "at.wav", label = "never"}, {block = "terminate", label = "end"}]'
    )
    assert line.said == ["oh.wav"]


async def test_a_caller_who_goes_round_for_ever_is_let_go(desk, monkeypatch):
    monkeypatch.setattr(application_call, "MOST_BLOCKS", 20)
    again = '{block = "user_input", label = "top", prompt = "oh.wav", store = "x", next = "top"}'
    line, _ = await desk.call(f"assisted = [{again}, {END}]", *["1"] * 50)
    assert line.said == ["oh.wav"] * 20


async def test_a_transfer_to_an_application_takes_the_variables_along(desk):
    line, run = await desk.call(
        'assisted = [{block = "set", values = {file = "at.wav"}}, {block = "transfer", application = "other"}]\n'
        '[application.other]\nassisted = [{block = "play_message", file = "$file"}]'
    )
    assert line.said == ["at.wav"]
    assert run.variables["application"] == "other"


@pytest.mark.parametrize(("to", "said"), [("sip:fine@pbx", []), ("sip:refused@pbx", ["no_record.wav"])])
async def test_a_transfer_to_an_address_ends_the_call_or_goes_on(desk, to, said):
    line, _ = await desk.call(
        f'assisted = [{{block = "transfer", to = "{to}"}}, {{block = "play_message", file = "no_record.wav"}}]'
    )
    assert (line.leg.transferred_to, line.said) == ([to], said)


async def test_an_offer_taken_books_for_the_callers_own_number_and_ends_the_call(desk):
    line, run = await desk.call(OFFER, "1", "1")
    [callback] = await desk.callbacks()
    assert (callback.number_e164, callback.type, callback.origin) == ("+12025550143", "immediate", "ivr")
    assert (callback.channel, callback.origination_interaction_id) == ("IVR", "call-1")
    assert callback.offer["type"] == "COMBINED_SCHEDULED_AND_ASAP"
    assert run.variables["callback.id"] == callback.id
    assert line.said[-1] == "booked_now.wav"


async def test_an_offer_declined_or_not_answered_books_nothing_and_goes_on(desk):
    for keys in (["3"], ["", "", ""], ["1", "7", "8", "9"]):
        line, _ = await desk.call(OFFER, *keys)
        assert line.said[-1] == "oh.wav"
    assert await desk.callbacks() == []


async def test_a_scheduled_offer_is_read_back_and_may_be_changed_before_it_is_booked(desk):
    keys = ["2", "1", "1", "1430", "2", "0", "1001", "1"]  # later, number right, tomorrow 14:30, no; today 10:01, yes
    line, _ = await desk.call(OFFER, *keys)
    [callback] = await desk.callbacks()
    assert callback.state is State.SCHEDULED
    assert callback.desired_time == desk.clock.at.replace(hour=10, minute=15)
    first = ["time_is", "day/1", "month/3", "date/3", "at", "number/2", "number/30", "p_m"]
    start = line.said.index("time_is.wav")
    assert line.said[start : start + len(first)] == [f"{name}.wav" for name in first]


async def test_who_was_handed_over_in_two_steps_is_offered_nothing(desk):
    line, _ = await desk.call(OFFER, "1", "1", handed_over=True)
    assert line.said == ["oh.wav"]
    assert await desk.callbacks() == []
