"""Applications are refused at load with the place of each fault."""

import pytest

from dialer.config import ConfigRefused, load_text

BASE = """[gateway.pbx]
uri = "sip:192.0.2.10"
[service.sales]
target = "?:Sales>0@StatServer.GA"
[service.dialin]
target = "Billing@StatServer.GA"
call_direction = "USERORIGINATED"
resource_group = "front"
[call_in_group.front]
dnis = ["+16505550190"]
[application.ivr]
numbers = ["+16505550100"]
published = true
"""
SAMPLE = """
[application."Sales_IVR"]
type = "default"
numbers = ["+16505550101"]
published = true
assisted = [
  {block = "callback", service = "sales", offer_threshold = 120, scheduled = true, record_name = true},
  {block = "route_call", queue = "Sales_VQ", target = "?:Sales>0@StatServer.GA"},
]
[application."CallIn_Match"]
type = "default"
numbers = ["+16505550190"]
published = true
assisted = [
  {block = "user_input", prompt = "enter_code.wav", digits = 6, store = "code"},
  {block = "call_in_match", criteria = ["access_code", "dnis", "ani"], code = "$code", on_fail = "sorry"},
  {block = "route_call", queue = "$match.queue", target = "$match.target", priority = "$match.priority"},
  {block = "play_message", label = "sorry", file = "no_record.wav"},
  {block = "terminate"},
]
[application."callback"]
type = "callback"
initialize = [{block = "callback", connect = "business_to_customer"}]
[application."dial"]
type = "callback"
initialize = [{block = "callback", connect = "customer_dials_in"}]
"""
END = '{block = "terminate"}'
ROUND = """assisted = [{block = "set", label = "a", values = {x = 1}},
{block = "play_message", file = "no_record.wav", next = "a", on_fail = "a"}]"""
CIRCLE = """assisted = [{block = "transfer", application = "b"}]
[application.b]
assisted = [{block = "transfer", application = "ivr"}]"""
WRONG_SIDE = f"""assisted = [{END}]
[application.callback]
type = "callback"
initialize = [{{block = "callback", connect = "customer_dials_in"}}]"""


def load(text, folder):
    return load_text(text, folder / "dialer.toml")


def test_the_applications_of_the_reference_load_without_a_word(tmp_path):
    config = load(
        BASE.replace('[application.ivr]\nnumbers = ["+16505550100"]\npublished = true\n', "").replace(
            'resource_group = "front"', 'resource_group = "front"\ncallback_application = "dial"'
        )
        + SAMPLE,
        tmp_path,
    )
    assert [str(warning) for warning in config.warnings if "application" in warning.key] == []
    assert [block.block for block in config.applications["CallIn_Match"].blocks][:2] == ["user_input", "call_in_match"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'assisted = [{{block = "sing"}}, {END}]', "14 application.ivr.assisted.1: there is no block 'sing'"),
        (f'assisted = [{{block = "user_inptu"}}, {END}]', "did you mean user_input?"),
        ('assisted = ["terminate"]', "14 application.ivr.assisted.1: is no block"),
        ('assisted = [{block = "terminate", lable = "x"}]', "lable: unknown key; did you mean label?"),
        (f'assisted = [{{block = "play_message", file = "no_record.wav", next = "ende"}},\n{END}]',
         "14 application.ivr.assisted.1.next: there is no label 'ende'"),
        ('assisted = [{block = "terminate", label = "a"},\n{block = "terminate", label = "a"}]',
         "15 application.ivr.assisted.2.label: 'a' is there twice"),
        (ROUND,
         "15 application.ivr.assisted.2: leads round in a circle without end"),
        (f'assisted = [{{block = "play_message", file = "$code"}}, {END}]',
         "14 application.ivr.assisted.1: nothing sets $code"),
        (f'initialize = [{{block = "callback", service = "sales"}}]\nassisted = [{END}]',
         "14 application.ivr.initialize.1: a callback block does not belong into initialize"),
        (f'assisted = [{{block = "callback", service = "sale"}}, {END}]',
         "14 application.ivr.assisted.1.service: there is no service 'sale'; did you mean sales?"),
        (f'assisted = [{{block = "callback", service = "dialin"}}, {END}]',
         "14 application.ivr.assisted.1.service: service 'dialin' does not call customers back"),
        (f'assisted = [{{block = "callback", service = "sales", immediate = false}}, {END}]',
         "14 application.ivr.assisted.1: offers nothing"),
        (f'assisted = [{{block = "callback", service = "sales", connect = "business_to_customer"}}, {END}]',
         "14 application.ivr.assisted.1.connect: is for applications of type callback"),
        (f'assisted = [{{block = "transfer", application = "nowhere"}}, {END}]',
         "14 application.ivr.assisted.1.application: there is no application 'nowhere'"),
        (f'assisted = [{{block = "transfer"}}, {END}]', "14 application.ivr.assisted.1: leads nowhere"),
        ('assisted = [{block = "route_call", queue = "q", target = "?:Sales>>0@S.GA"}]',
         "14 application.ivr.assisted.1.target:"),
        ('assisted = [{block = "route_call", queue = "q"}]', "14 application.ivr.assisted.1.target: is missing"),
        (f'assisted = [{{block = "call_in_match", criteria = ["age"]}}, {END}]', "'age' is not a criterion"),
        (f'assisted = [{{block = "user_input", prompt = "enter_code.wav", store = "a-b"}}, {END}]',
         "'a-b' is not the name of a variable"),
        ("", "application.ivr: has no blocks"),
        (f'assisted = [{END}]\n[application.other]\nnumbers = ["16505550100"]\npublished = true\nassisted = [{END}]',
         "16 application.other.numbers.1: 16505550100 leads to application 'ivr' already"),
        (CIRCLE,
         "application.b: transfers in a circle: b -> ivr -> b"),
        (f'assisted = [{END}]\n[application.run]\ntype = "callback"\ninitialize = [{END}]',
         "15 application.run: has 0 callback blocks, wants exactly one, in initialize"),
        (WRONG_SIDE,
         "17 application.callback.initialize.1.connect: service 'sales' is USERTERMINATED"),
    ],
)  # fmt: skip
def test_each_fault_of_an_application_is_told_at_its_place(text, told, tmp_path):
    with pytest.raises(ConfigRefused) as refused:
        load(BASE + text, tmp_path)
    problems = [str(problem).partition("dialer.toml:")[2] for problem in refused.value.problems]
    assert any(told in problem.replace(": application", " application", 1) for problem in problems), problems


def test_a_block_that_nothing_leads_to_is_told(tmp_path):
    config = load(BASE + f'assisted = [{END}, {{block = "play_message", file = "no_record.wav"}}]', tmp_path)
    assert [warning.what for warning in config.warnings if warning.key == "application.ivr.assisted.2"] == [
        "is never reached"
    ]


def test_a_sound_that_is_missing_is_told(tmp_path):
    config = load(BASE + f'assisted = [{{block = "play_message", file = "gone.wav"}}, {END}]', tmp_path)
    assert [w.what for w in config.warnings if w.key == "application.ivr.assisted.1"] == [
        "'gone.wav' is missing, nothing will be played"
    ]
