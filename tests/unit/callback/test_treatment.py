import json

import pytest

from dialer.callback.errors import TreatmentError
from dialer.callback.treatment import Treatment, parse_treatment


def test_an_empty_value_is_the_default():
    assert parse_treatment("", "next_customer_rep.wav") == Treatment(file="next_customer_rep.wav")
    assert parse_treatment("  ", None) is None
    assert parse_treatment("", "") is None


@pytest.mark.parametrize("text", ["{}", "{ }", " {\n} "])
def test_an_empty_object_is_off(text):
    assert parse_treatment(text, "next_customer_rep.wav") is None


def test_a_string_is_a_file():
    built_in = parse_treatment("GMSApplications/hold.wav", None)
    assert built_in.built_in
    assert built_in.name == "hold.wav"
    assert parse_treatment("https://media.example/hold.wav", None).remote
    assert parse_treatment("hold.wav", None) == Treatment(file="hold.wav")
    assert parse_treatment("/srv/sounds/hold.wav", None).name == "/srv/sounds/hold.wav"


def test_an_object_carries_hints():
    text = json.dumps(
        {"file": "a.wav", "hints": {"am-beep-detection": "on", "loop": "off", "max-duration": "20", "delay-ms": 250}}
    )
    assert parse_treatment(text, None) == Treatment(
        file="a.wav", am_beep_detection=True, loop=False, max_duration_s=20.0, delay_ms=250
    )


def test_hints_alone_change_how_the_default_is_played():
    assert parse_treatment('{"hints": {"loop": true}}', "d.wav") == Treatment(file="d.wav", loop=True)
    assert parse_treatment('{"file": "a.wav"}', None) == Treatment(file="a.wav")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not readable as JSON at character 2"),
        ('{"file": ["a.wav"]}', "needs a file"),
        ('{"hints": {"loop": "on"}}', "needs a file"),
        ('{"file": "a.wav", "volume": 1}', "file and hints, not volume"),
        ('{"file": "a.wav", "hints": []}', "hints are a JSON object"),
        ('{"file": "a.wav", "hints": {"beep": "on"}}', "unknown hint beep; there are am-beep-detection"),
        ('{"file": "a.wav", "hints": {"loop": "maybe"}}', "hint loop is on or off, not 'maybe'"),
        ('{"file": "a.wav", "hints": {"delay-ms": -1}}', "hint delay-ms is a number of ms"),
        ('{"file": "a.wav", "hints": {"max-duration": 0}}', "hint max-duration is a number of seconds"),
        ('{"file": "a.wav", "hints": {"max-duration": true}}', "hint max-duration is a number"),
        ('{"file": "a.wav", "hints": {"max-duration": "long"}}', "hint max-duration is a number"),
        ("http://media.example/hold.wav", "by https only"),
        ("GMSApplications/../../secret.wav", "a file of the treatment folders"),
        ("GMSApplications/", "a file of the treatment folders"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_wrong(text, said):
    with pytest.raises(TreatmentError, match=said):
        parse_treatment(text, None)
