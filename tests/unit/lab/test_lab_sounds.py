"""Sounds are found or made, and voices can be told apart."""

import wave

import numpy as np
import pytest

from dialer.lab.sounds import RECIPES, SoundLibrary, UnknownSoundError, read_wav, signature
from dialer.lab.tones import PEAK_AT_0_DBM0, RATE


@pytest.fixture
def sounds(tmp_path):
    return SoundLibrary(tmp_path)


@pytest.mark.parametrize("name", [*RECIPES, "voicemail", "hello_awb"])
def test_every_sound_is_8_khz_mono_16_bit(sounds, name):
    with wave.open(str(sounds.path(name))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert file.getnframes() > 1000


def test_an_unknown_sound_is_refused_by_name(sounds):
    with pytest.raises(UnknownSoundError, match="no-such-sound"):
        sounds.path("no-such-sound")


def test_a_sit_is_followed_by_its_announcement_within_300_ms(sounds):
    sound = sounds.samples("sit_VC")
    loud = np.abs(sound) > 200
    sit_end = round((0.380 + 0.274 + 0.380) * RATE)
    assert 0.1 < np.argmax(loud[sit_end + 10 :]) / RATE <= 0.35


def test_a_signature_is_the_same_each_time_and_unlike_any_other():
    one, again, other = signature("7001", 8000), signature("7001", 8000), signature("7002", 8000)
    assert np.array_equal(one, again)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05


def test_a_talking_voice_never_pauses(sounds):
    talk = read_wav(sounds.talk("agent_talk", "7001"))
    frames = talk[: len(talk) // 160 * 160].reshape(-1, 160)
    weakest_dbm0 = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)).min() / (PEAK_AT_0_DBM0 / np.sqrt(2)))
    assert weakest_dbm0 > -40
