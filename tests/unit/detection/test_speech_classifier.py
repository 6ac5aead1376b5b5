"""The voice meter, the track, the trees, and what the classifier makes of them."""

import numpy as np
import pytest

from dialer.detection.answer_rules import RuleClassifier
from dialer.detection.frontend import FrontEnd
from dialer.detection.speech.classifier import TALK_LIMITS, SpeechClassifier, classifier
from dialer.detection.speech.feature import FEATURES
from dialer.detection.speech.kind import KINDS, kinds
from dialer.detection.speech.model import MICRO, ModelUnfit, Trees, load
from dialer.detection.speech.track import SpeechTrack
from dialer.detection.speech.voice import VoiceMeter

RATE = 8000


def noise(seconds, level_dbm0=-66.0, seed=0):
    size = int(seconds * RATE)
    rms = 32768 * 10 ** ((level_dbm0 - 6.15) / 20)
    return np.random.default_rng(seed).standard_normal(size) * rms


def talk(seconds, level_dbm0=-22.0, pitch_hz=120.0):
    """Something like speech: voiced syllables at four a second, three formants, a moving pitch."""
    t = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + 0.12 * np.sin(2 * np.pi * 0.7 * t))) / RATE
    wave = np.zeros_like(t)
    for harmonic in range(1, int(3400 / pitch_hz)):
        freq = harmonic * pitch_hz
        gain = sum(np.exp(-(((freq - f) / 150) ** 2)) * g for f, g in ((600, 1.0), (1300, 0.5), (2500, 0.25))) + 0.02
        wave += gain * np.sin(harmonic * phase)
    wave *= 0.15 + np.maximum(0, np.sin(2 * np.pi * 4 * t)) ** 0.7
    wave *= 32768 * 10 ** ((level_dbm0 - 6.15) / 20) / np.sqrt(np.mean(wave**2))
    return wave


def call(*parts):
    samples = np.concatenate(parts)
    samples = samples + noise(samples.size / RATE, seed=7)[: samples.size]
    return np.clip(np.round(samples), -32768, 32767).astype(np.int16)


def hear(listener, rows, chunk=RATE, channels=None, size=None):
    """Feed rows of samples to a listener and return its channels."""
    size = size or len(rows)
    channels = np.arange(len(rows)) if channels is None else np.asarray(channels)
    listener.attach(size)
    listener.reset(channels)
    front = FrontEnd(size)
    samples = np.stack(rows)
    for start in range(0, samples.shape[1], chunk):
        part = samples[:, start : start + chunk]
        for hop in front.feed(channels, part, np.full(len(rows), part.shape[1]), None):
            listener.step(hop)
    return channels


@pytest.fixture(scope="module")
def model():
    found = load()
    assert found is not None
    return found


def test_nothing_heard_is_exactly_no_idea(model):
    listener = SpeechClassifier(model)
    channels = hear(listener, [call(noise(1.0))])
    assert listener.probabilities(channels)[0] == 0.5
    assert listener.pause_s(channels)[0] == 0


@pytest.mark.parametrize("level", [-19.0, -29.0, -38.0])
def test_a_short_word_and_a_silence_is_a_person_at_any_level(model, level):
    listener = SpeechClassifier(model)
    channels = hear(listener, [call(noise(0.6), talk(0.5, level), noise(0.8))])
    assert listener.probabilities(channels)[0] < 0.35
    assert listener.pause_s(channels)[0] == pytest.approx(0.8, abs=0.12)


@pytest.mark.parametrize(("limit_s", "at_least"), TALK_LIMITS)
def test_a_greeting_that_does_not_end_is_a_machine(model, limit_s, at_least):
    listener = SpeechClassifier(model)
    channels = hear(listener, [call(noise(0.4), talk(limit_s + 0.15))])
    assert listener.probabilities(channels)[0] >= at_least
    assert listener.pause_s(channels)[0] == 0


def test_a_longer_pause_never_speaks_for_a_machine(model):
    voice = talk(1.2)
    listener = SpeechClassifier(model)
    rows = [call(noise(0.5), voice, noise(pause), noise(0.9 - pause)) for pause in (0.3,)]
    channels = hear(listener, rows)
    late = listener.probabilities(channels)[0]
    early_listener = SpeechClassifier(model)
    early = early_listener.probabilities(hear(early_listener, [rows[0][: -int(0.5 * RATE)]]))[0]
    assert late <= early + 0.02


def test_steady_noise_after_a_word_is_a_pause(model):
    listener = SpeechClassifier(model)
    street = noise(2.4, -42.0, seed=3)
    street[int(0.8 * RATE) : int(1.4 * RATE)] += talk(0.6, -24.0)
    channels = hear(listener, [call(street)])
    assert 0.5 <= listener.pause_s(channels)[0] <= 1.2  # the meter needs some of it to learn the noise


def test_results_do_not_depend_on_chunks_bank_size_or_neighbours(model):
    first, second = call(noise(0.3), talk(1.1), noise(0.4)), call(noise(0.5), talk(0.8, -35.0, 210.0), noise(0.5))
    alone = SpeechClassifier(model)
    expected = [alone.probabilities(hear(alone, [row]))[0] for row in (first, second)]
    kept = []
    for row in (first, second):
        track = SpeechTrack(VoiceMeter(model.voice))
        hear(track, [row])
        kept.append(track.state[:, 0].copy())
    for chunk, size, channels in ((160, 2, [0, 1]), (37, 7, [5, 2]), (1111, 33, [32, 0])):
        listener, track = SpeechClassifier(model), SpeechTrack(VoiceMeter(model.voice))
        at = hear(listener, [first, second], chunk, channels, size)
        assert listener.probabilities(at).tolist() == expected
        hear(track, [first, second], chunk, channels, size)
        for channel, state in zip(channels, kept, strict=True):
            assert track.state[:, channel].tobytes() == state.tobytes()


def test_forgetting_a_channel_leaves_nothing_of_the_call_before(model):
    listener = SpeechClassifier(model)
    row = call(noise(0.3), talk(0.9), noise(0.4))
    once = listener.probabilities(hear(listener, [row]))
    listener.reset(np.array([0]))
    front = FrontEnd(1)
    for hop in front.feed(np.array([0]), row[None], np.array([row.size]), None):
        listener.step(hop)
    assert listener.probabilities(np.array([0])).tolist() == once.tolist()


def test_reasons_are_features_and_come_heaviest_first(model):
    listener = SpeechClassifier(model)
    hear(listener, [call(noise(0.4), talk(2.0), noise(0.3))])
    reasons = listener.explain(0)
    weights = [abs(r.weight) for r in reasons]
    assert reasons
    assert weights == sorted(weights, reverse=True)
    assert {r.feature for r in reasons} <= set(FEATURES)


def test_without_a_model_file_the_rules_answer(tmp_path):
    assert isinstance(classifier(tmp_path / "none.npz"), RuleClassifier)


def test_a_model_of_other_features_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, features=np.array(["length"]), voice_w1=np.zeros((1, 1)))
    with pytest.raises(ModelUnfit, match="other features"):
        load(path)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(b"no arrays in here")
    with pytest.raises(ModelUnfit, match="train anew"):
        load(path)


def stump():
    """One tree: the first feature up to 1.0 gives -2, above +3."""
    return Trees(
        feature=np.zeros((1, 3), np.int16), threshold=np.array([[1.0, 0, 0]], np.float32),
        left=np.array([[1, 1, 2]], np.int16), right=np.array([[2, 1, 2]], np.int16),
        value=np.array([[500_000, -2 * MICRO, 3 * MICRO]], np.int32), depth=1, base=MICRO, slope=2.0, offset=0.5,
    )  # fmt: skip


def test_trees_send_a_value_at_the_threshold_left_and_calibrate_the_sum():
    features = np.zeros((len(FEATURES), 3), np.float32)
    features[0] = 0.5, 1.0, 1.5
    assert stump().log_odds(features).tolist() == [-1.5, -1.5, 8.5]


def test_contributions_are_steps_along_the_path():
    features = np.zeros((len(FEATURES), 1), np.float32)
    features[0] = 1.5
    assert stump().contributions(features)[0] == pytest.approx(2 * (3 - 0.5))


def test_kinds_share_one_and_a_waiting_machine_is_a_screening_one():
    feature = dict.fromkeys(FEATURES, 0.0) | {"speech_s": 4.0, "segments": 2.0, "pause_s": 0.1, "longest_s": 2.0}
    talking, waiting = kinds(feature), kinds(feature | {"pause_s": 1.5})
    assert set(talking) == set(KINDS)
    assert sum(talking.values()) == pytest.approx(1.0, abs=0.01)
    assert waiting["screening"] > talking["screening"]


def test_a_channel_heard_alone_and_joined_by_others_carries_on_as_if_never_alone(model):
    rows = [call(noise(0.3), talk(1.1), noise(0.6)), call(noise(0.5), talk(0.8, -35.0, 210.0), noise(0.7))]
    together, changing = SpeechTrack(VoiceMeter(model.voice)), SpeechTrack(VoiceMeter(model.voice))
    hear(together, rows)
    changing.attach(2)
    front = FrontEnd(2)
    samples, at = np.stack(rows), 0
    for number, channels in enumerate(([0], [1], [0, 1], [1], [0], [1, 0])):
        end = at + 3200 if number < 5 else samples.shape[1]
        for group in [channels] if len(channels) == 2 else [channels, [1 - channels[0]]]:
            part = samples[group, at:end]
            for hop in front.feed(np.array(group), part, np.full(len(group), end - at), None):
                changing.step(hop)
        at = end
    assert changing.state.tobytes() == together.state.tobytes()
    assert changing.meter.state.tobytes() == together.meter.state.tobytes()
