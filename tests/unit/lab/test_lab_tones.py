"""The lab's tones have the frequencies, lengths and levels of their specification."""

import numpy as np
import pytest

from dialer.lab import tones
from dialer.lab.tones import RATE, SIT_CODES


def strongest_hz(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 65536))
    return np.argmax(spectrum) * RATE / 65536


def level_dbm0(samples):
    return 20 * np.log10(np.sqrt(np.mean(samples**2)) / (tones.PEAK_AT_0_DBM0 / np.sqrt(2)))


@pytest.mark.parametrize("code", SIT_CODES)
def test_a_coded_sit_has_the_segments_of_its_code(code):
    sound = tones.sit(code)
    start = 0
    for place, (pitch, length) in enumerate(SIT_CODES[code].segments):
        n = round((0.380 if length == "l" else 0.274) * RATE)
        wanted = ((913.8, 1370.6), (985.2, 1428.5))[pitch == "H"][place]
        assert strongest_hz(sound[start : start + n]) == pytest.approx(wanted, abs=0.5)
        start += n
    assert strongest_hz(sound[start:]) == pytest.approx(1776.7, abs=0.5)
    assert len(sound) - start == round(0.380 * RATE)


def test_the_eight_codes_are_all_different():
    assert len({tuple(code.segments) for code in SIT_CODES.values()}) == len(SIT_CODES) == 8


def test_the_itu_sit_is_three_tones_of_330_ms():
    sound = tones.sit_itu().reshape(3, -1)
    assert sound.shape[1] == round(0.330 * RATE)
    assert [round(strongest_hz(segment)) for segment in sound] == [950, 1400, 1800]


@pytest.mark.parametrize(("make", "on_s", "off_s"), [(tones.busy, 0.5, 0.5), (tones.congestion, 0.25, 0.25)])
def test_a_cadence_is_on_and_off_as_long_as_it_should(make, on_s, off_s):
    sound = make(4.0)
    on, off = round(on_s * RATE), round(off_s * RATE)
    periods = sound[: len(sound) // (on + off) * (on + off)].reshape(-1, on + off)
    assert np.all(np.abs(periods[:, on:]) == 0)
    assert np.all(np.sqrt(np.mean(periods[:, :on] ** 2, axis=1)) > 1000)


def test_two_tones_at_once_have_each_the_level_asked_for():
    both = tones.tone([480, 620], 1.0, dbm0=-16.0)
    assert level_dbm0(both) == pytest.approx(-16 + 3.01, abs=0.1)


def test_ced_begins_1_8_s_after_the_answer_and_lasts_3_s():
    sound = tones.fax_answer()
    assert np.all(sound[: round(1.8 * RATE)] == 0)
    ced = sound[round(1.8 * RATE) : round(4.8 * RATE)]
    assert strongest_hz(ced[:RATE]) == pytest.approx(2100, abs=1)
    assert np.all(sound[round(4.8 * RATE) : round(4.875 * RATE)] == 0)


def test_the_v21_preamble_carries_hdlc_flags():
    assert demodulated_v21(tones.hdlc_flags(1.0))[8:40].tolist() == [0, 1, 1, 1, 1, 1, 1, 0] * 4


def demodulated_v21(samples):
    """Bits of V.21 channel 2: the stronger of the two tones in each bit's time."""
    bits = []
    for bit in range(len(samples) * 300 // RATE):
        first, last = -(-bit * RATE // 300), (bit + 1) * RATE // 300
        t = np.arange(first, last) / RATE
        mark, space = (abs(np.sum(samples[first:last] * np.exp(-2j * np.pi * freq * t))) for freq in (1650, 1850))
        bits.append(int(mark > space))
    return np.array(bits)
