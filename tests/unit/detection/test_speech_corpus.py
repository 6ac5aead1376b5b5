"""The line and the tones of the composed calls: what needs no downloads."""

import numpy as np
import pytest

from tools.corpus import tone
from tools.corpus.line import active_level_dbm0, lose, suppress, through, to_level


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_keeps_a_signal_within_its_quantising_noise(law):
    wave = to_level(np.sin(np.arange(8000) * 0.7).astype(np.float32), -12.0)
    heard = through(law, wave) / 32768
    noise = heard - wave
    assert 10 * np.log10(np.mean(wave**2) / np.mean(noise**2)) > 33


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_is_symmetric_and_coding_twice_changes_nothing_more(law):
    ramp = np.linspace(-0.99, 0.99, 4000).astype(np.float32)
    once = through(law, ramp)
    assert np.abs(once + once[::-1]).max() <= 1
    assert (through(law, once.astype(np.float32) / 32768) == once).all()


def test_level_is_that_of_the_active_frames():
    burst = np.concatenate([np.sin(np.arange(4000) * 0.5), np.zeros(8000)]).astype(np.float32)
    assert active_level_dbm0(to_level(burst, -29.0)) == pytest.approx(-29.0, abs=0.01)


def test_a_lost_frame_is_silent_or_the_one_before():
    pcm = np.arange(1, 1601, dtype=np.int16)
    zeroed, lost = lose(np.random.default_rng(4), pcm, 40.0, "zero")
    repeated, same = lose(np.random.default_rng(4), pcm, 40.0, "repeat")
    assert lost.any()
    assert (lost == same).all()
    for frame in np.flatnonzero(lost[1:]) + 1:
        here, before = slice(frame * 160, frame * 160 + 160), slice(frame * 160 - 160, frame * 160)
        assert not zeroed[here].any()
        assert (repeated[here] == repeated[before]).all()
    assert (zeroed[np.repeat(~lost, 160)] == pcm[np.repeat(~lost, 160)]).all()


def test_suppressed_silence_is_digital_zero_after_its_hangover():
    speech = np.zeros(8000, bool)
    speech[:1600] = True
    out = suppress(np.full(8000, 9, np.int16), speech)
    assert (out[:1600] == 9).all()
    assert not out[1600 + 1600 :].any()


def test_every_tone_plan_and_all_eight_codes_are_composed():
    every = tone.kinds()
    verdicts = {k.verdict for k in every}
    assert verdicts >= {"busy", "congestion", "ringback", "nu_tone", "sit", "fax", "modem", "sit_vacant"}
    assert len({k.country for k in every}) >= 15
    assert sum(k.name.startswith("SIT") and "ITU" not in k.name for k in every) == 8


def test_a_tone_call_is_the_same_whenever_it_is_composed(monkeypatch):
    monkeypatch.setattr(tone, "through", lambda codec, samples: through("ulaw", samples))
    first, second = tone.compose(17, seed=5), tone.compose(17, seed=5)
    assert first.note == second.note
    assert (first.samples == second.samples).all()
    other = tone.compose(17, seed=6)
    assert other.samples.size != first.samples.size or (other.samples != first.samples).any()
