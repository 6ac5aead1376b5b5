"""A WAV file that is complete at every moment."""

from __future__ import annotations

import os
import wave

import numpy as np
import pytest

from dialer.telephony.wav_file import WavFile


def read(path):
    with wave.open(str(path), "rb") as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), file.getnchannels(), frames.reshape(-1, file.getnchannels())


def test_it_can_be_read_after_every_write_though_it_was_never_closed(tmp_path):
    path = tmp_path / "new" / "call.wav"
    file = WavFile(path, channels=2)
    for count in (160, 320, 1):
        file.write(np.full((count, 2), (count, -count), np.int16))
        rate, channels, samples = read(path)
        assert (rate, channels) == (8000, 2)
        assert samples[-1].tolist() == [count, -count]
    assert len(samples) == file.samples == 481
    file.close()


def test_only_its_owner_may_read_it(tmp_path):
    WavFile(tmp_path / "a.wav", channels=1).close()
    assert (tmp_path / "a.wav").stat().st_mode & 0o077 == 0


def test_a_full_disk_leaves_what_was_written_readable(tmp_path, monkeypatch):
    file = WavFile(tmp_path / "a.wav", channels=1)
    file.write(np.arange(800, dtype=np.int16))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            file.write(np.zeros(800, np.int16))
    assert len(read(tmp_path / "a.wav")[2]) == 800
    file.close()
