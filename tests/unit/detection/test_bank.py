import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.detection import (
    ChannelClosed,
    ChannelInUse,
    DetectionError,
    DetectionSettings,
    DetectorBank,
    Evidence,
    UnknownProfile,
    Verdict,
)
from dialer.detection.answer_rules import RuleClassifier

CHECKED = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def calls(sound):
    """Five calls of 3.2 s with everything in them.

    Busy, a tone triple, fax, a voice with a beep, ringing before a voice.
    """
    sit = sound.join(sound.tone(0.274, 913.8), sound.tone(0.274, 1370.6), sound.tone(0.380, 1776.7))
    voice = sound.words(4)
    parts = [
        sound.cadence((480, 620), (0.5, 0.5), 3),
        sound.join(sound.pause(0.3), sit, sound.pause(0.3), voice),
        sound.join(sound.pause(0.5), sound.tone(1.5, 2100)),
        sound.join(voice, sound.tone(0.4, 1000), sound.pause(0.6)),
        sound.join(sound.tone(1.0, 425), sound.pause(0.4), voice),
    ]
    n = 25600
    rows = [np.pad(part, (0, max(0, n - len(part))))[:n] for part in parts]
    return np.stack([sound.pcm(sound.noisy(row, seed=i)) for i, row in enumerate(rows)])


def listen(samples, cuts, channels=None, neighbours=0):
    """Findings of each row of `samples`, pushed with the cuts given, in a bank with so many noisy neighbours."""
    rows = len(samples)
    bank = DetectorBank(rows + neighbours, DetectionSettings(), RuleClassifier())
    order = channels or list(range(rows))
    for channel in range(rows + neighbours):
        bank.open(channel, phase="answered")
    noise = np.random.default_rng(9).integers(-3000, 3000, (neighbours, samples.shape[1]), dtype=np.int16)
    found = {channel: [] for channel in range(rows + neighbours)}
    edges = [0, *sorted(set(cuts)), samples.shape[1]]
    for a, b in itertools.pairwise(edges):
        block = np.zeros((rows + neighbours, b - a), np.int16)
        block[order] = samples[:, a:b]
        if neighbours:
            block[rows:] = noise[:, a:b]
        for finding in bank.push(block):
            found[finding.channel].append(finding)
    for channel in order:
        found[channel] += bank.finish(channel)
    return [[strip(f) for f in found[channel]] for channel in order]


def strip(finding):
    """A finding without its channel number, for comparison to the bit."""
    if isinstance(finding, Evidence):
        return (finding.at_s, finding.kind, finding.text, repr(finding.data))
    evidence = tuple(strip(e) for e in finding.evidence)
    return (finding.at_s, finding.name, finding.confidence, repr(finding.probabilities), evidence)


@pytest.fixture(scope="module")
def reference(calls):
    return listen(calls, range(160, 25600, 160))


def test_the_calls_of_the_invariance_tests_say_something(reference):
    names = [[f[1] for f in findings if len(f) == 5] for findings in reference]
    assert names[0] == ["busy"]
    assert names[1] == ["sit_intercept"]
    assert names[2] == ["fax"]
    assert "machine_beep" in names[3]


@CHECKED
@given(data=st.data())
def test_findings_do_not_depend_on_how_the_samples_are_cut(calls, reference, data):
    cuts = data.draw(st.lists(st.integers(1, 25599), max_size=60))
    assert listen(calls, cuts) == reference


def test_one_sample_at_a_time_gives_the_same(calls, reference):
    assert listen(calls[:1, :4000], range(1, 4000)) == listen(calls[:1, :4000], [])
    assert listen(calls, []) == reference


@CHECKED
@given(neighbours=st.integers(0, 40), seed=st.integers(0, 99))
def test_findings_do_not_depend_on_neighbours_bank_size_or_row(calls, reference, neighbours, seed):
    order = np.random.default_rng(seed).permutation(5).tolist()
    assert listen(calls, range(320, 25600, 320), channels=order, neighbours=neighbours) == reference


def test_rows_of_unequal_length_give_what_they_give_alone(calls):
    lengths = np.array([25600, 9111, 16000, 25599, 77])
    bank = DetectorBank(5, DetectionSettings(), RuleClassifier())
    for channel in range(5):
        bank.open(channel, phase="answered")
    found = bank.push(calls, lengths)
    for channel in range(5):
        alone = DetectorBank(1, DetectionSettings(), RuleClassifier())
        alone.open(0, phase="answered")
        expected = alone.push(calls[channel : channel + 1, : lengths[channel]])
        assert [strip(f) for f in found if f.channel == channel] == [strip(f) for f in expected]


def test_a_channel_opened_again_has_forgotten_everything(calls):
    bank = DetectorBank(2, DetectionSettings(), RuleClassifier())
    bank.open(0, phase="answered")
    first = bank.push_rows(np.array([0]), calls[1:2])
    bank.close(0)
    bank.open(0, phase="answered")
    again = bank.push_rows(np.array([0]), calls[1:2])
    assert [strip(f) for f in first] == [strip(f) for f in again]
    assert any(isinstance(f, Verdict) for f in first)


def test_findings_come_by_channel_then_time(calls):
    bank = DetectorBank(5, DetectionSettings(), RuleClassifier())
    for channel in range(5):
        bank.open(channel, phase="answered")
    found = bank.push(calls)
    assert [f.channel for f in found] == sorted(f.channel for f in found)
    for channel in range(5):
        times = [f.at_s for f in found if f.channel == channel]
        assert times == sorted(times)


def test_a_channel_is_opened_once_and_must_be_open_to_answer():
    bank = DetectorBank(2)
    bank.open(1)
    with pytest.raises(ChannelInUse):
        bank.open(1)
    with pytest.raises(ChannelClosed):
        bank.answer(0)
    with pytest.raises(UnknownProfile, match="balanced"):
        bank.open(0, profile="reckless")
    with pytest.raises(DetectionError, match="early or answered"):
        bank.open(0, phase="ringing")


def test_impossible_settings_are_refused_in_words():
    with pytest.raises(DetectionError, match="8000 or 16000"):
        DetectionSettings(rate=44100)
    with pytest.raises(DetectionError, match="silence_limit_s"):
        DetectionSettings(silence_limit_s=0)
    with pytest.raises(UnknownProfile):
        DetectionSettings(profile="reckless")


def test_the_hash_changes_with_whatever_shapes_a_verdict():
    plain = DetectorBank(1, DetectionSettings(), RuleClassifier()).parameters_hash
    assert plain == DetectorBank(3, DetectionSettings(), RuleClassifier()).parameters_hash
    assert plain != DetectorBank(1, DetectionSettings(profile="safe"), RuleClassifier()).parameters_hash
    assert plain != DetectorBank(1, DetectionSettings(silence_limit_s=6), RuleClassifier()).parameters_hash


@pytest.mark.parametrize("value", [0, 32767, -32768])
def test_constant_input_is_silence(value, verdict):
    assert verdict(np.full(48000, float(value))).name == "silence"


def test_floats_that_are_no_numbers_are_lost_and_never_evidence(sound):
    bank = DetectorBank(1, DetectionSettings(), RuleClassifier())
    bank.open(0, phase="answered")
    audio = np.full((1, 48000), np.nan)
    found = bank.push(audio)
    assert [f.name for f in found if isinstance(f, Verdict)] == ["no_media"]
    bank.close(0)
    bank.open(0, phase="answered")
    loud = sound.tone(1.5, 2100, level_dbm0=6.0)[None]
    found = bank.push(np.where(np.abs(loud) > 32767, np.copysign(np.inf, loud), loud))
    assert [f.name for f in found if isinstance(f, Verdict)] == ["fax"]


def test_an_hour_of_silence_costs_no_memory():
    bank = DetectorBank(1, DetectionSettings(), RuleClassifier())
    bank.open(0)
    before = bank.nbytes
    noise = np.random.default_rng(1).integers(-20, 20, (1, 8000 * 120), dtype=np.int16)
    assert bank.push(noise) == []
    assert bank.nbytes == before


def test_both_rates_give_the_same_verdicts(sound):
    for freqs, phase, expected in (((2100,), "answered", "fax"), ((480, 620), "early", "busy")):
        wide = DetectorBank(1, DetectionSettings(rate=16000), RuleClassifier())
        wide.open(0, phase=phase)
        parts = [
            sound.tone(0.5, *freqs, rate=16000),
            np.zeros(8000) if phase == "early" else sound.tone(0.5, 2100, rate=16000),
        ]
        found = wide.push(sound.pcm(np.concatenate(parts * 3))[None])
        assert [f.name for f in found if isinstance(f, Verdict)] == [expected]
