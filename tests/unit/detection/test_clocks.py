import numpy as np
import pytest

from dialer.detection import Evidence, Verdict


def test_a_word_and_a_pause_are_a_person(sound, verdict):
    found = verdict(sound.noisy(sound.join(sound.pause(0.5), sound.words(2), sound.pause(2.0))))
    assert found.name == "human"
    assert found.call_result == 33
    assert found.answered_at_s == 0.0


def test_a_voice_that_goes_on_is_a_machine(sound, verdict):
    found = verdict(sound.noisy(sound.join(sound.pause(0.5), sound.words(30))))
    assert found.name == "machine"
    assert found.call_result == 9
    assert set(found.probabilities) == {"human", "machine"}


def test_nothing_heard_is_silence_after_its_limit(sound, verdict):
    found = verdict(sound.noisy(sound.pause(7.0)))
    assert (found.name, found.call_result) == ("silence", 32)
    assert found.at_s == pytest.approx(5.0, abs=0.2)


def test_digital_silence_says_so(sound, hear):
    found = hear(sound.pause(7.0))
    assert [f.kind for f in found if isinstance(f, Evidence)] == ["digital_silence"]
    assert [f.name for f in found if isinstance(f, Verdict)] == ["silence"]


def test_silence_tells_the_level_of_the_noise_it_was_made_of(sound, hear):
    said = [f for f in hear(sound.noisy(sound.pause(7.0), -58.0)) if isinstance(f, Evidence)]
    assert [f.kind for f in said] == ["steady_noise"]
    assert said[0].data["level_dbm0"] == pytest.approx(-58.0, abs=2.5)


def test_no_frame_received_is_no_media(sound, verdict):
    found = verdict(sound.pause(7.0), lost=np.ones(350, np.bool_))
    assert (found.name, found.call_result) == ("no_media", 38)


def test_ringing_after_the_answer_spends_no_time(sound, verdict):
    ring = sound.cadence((440, 480), (2.0, 4.0), 2)
    found = verdict(sound.noisy(sound.join(ring, sound.words(2), sound.pause(2.0))), country="US")
    assert found.name == "human"
    assert found.at_s > 12.0


def test_ringing_before_the_answer_is_of_another_clock(sound, hear):
    ring = sound.cadence((425,), (1.0, 4.0), 1)
    audio = sound.noisy(sound.join(ring, sound.words(2), sound.pause(2.0)))
    found = hear(audio, phase="early", answer_s=5.0, country="DE")
    kinds = [f.kind for f in found if isinstance(f, Evidence)]
    assert kinds[0] == "ringback"
    verdict = next(f for f in found if isinstance(f, Verdict))
    assert (verdict.name, verdict.phase, verdict.answered_at_s) == ("human", "answered", 5.0)


def test_speech_before_the_answer_is_no_verdict(sound, verdict):
    assert verdict(sound.noisy(sound.words(20)), phase="early") is None


def test_lost_frames_are_no_evidence_but_time(sound, hear):
    audio = sound.noisy(sound.join(sound.pause(0.5), sound.words(2), sound.pause(2.0)))
    loud = np.random.default_rng(1).normal(0, 9000, len(audio))
    gone = np.zeros(len(audio) // 160 + 1, np.bool_)
    gone[8:16] = True
    heard = np.where(np.repeat(gone, 160)[: len(audio)], loud, audio)
    kept = [f for f in hear(heard, lost=gone) if isinstance(f, Verdict)]
    assert [v.name for v in kept] == ["human"]
    starts = [f for f in hear(heard, lost=gone) if isinstance(f, Evidence) and f.kind == "speech_start"]
    assert starts[0].data["start_s"] >= 0.4


def test_a_machine_is_listened_to_for_its_beep(sound, hear):
    audio = sound.noisy(sound.join(sound.words(30), sound.pause(0.3), sound.tone(0.5, 1000), sound.pause(1.0)))
    verdicts = [f for f in hear(audio) if isinstance(f, Verdict)]
    assert [v.name for v in verdicts] == ["machine", "machine_beep"]
    assert all(v.call_result == 9 for v in verdicts)
    assert verdicts[1].evidence[-1].kind == "beep_end"
