import numpy as np
import pytest

from dialer.detection import Evidence, Verdict, plan
from dialer.detection.level import RATE_HZ
from dialer.detection.sit import CODES

COUNTRIES = ("US", "CA", "GB", "FR", "DE", "IT", "ES", "JP", "AU", "IN", "BR", "CN", "RU", "MX", "NL")


def nominal(pattern):
    return [
        (tuple(w.nominal for w in s.freqs_hz), s.on_s.nominal, s.off_s.nominal if s.off_s else 0.0)
        for s in pattern.steps
    ]


def play(sound, pattern, seconds):
    """The pattern for so many seconds; of three frequencies the outer ones are side lines, 9 dB down."""

    def burst(freqs, on):
        if len(freqs) < 3:
            return sound.tone(on, *freqs)
        sides = sound.tone(on, freqs[0], freqs[2], level_dbm0=-26.0)
        return sound.tone(on, freqs[1], level_dbm0=-20.0) + sides

    if pattern.steady:
        return burst(nominal(pattern)[0][0], seconds)
    cycle = [part for freqs, on, off in nominal(pattern) for part in (burst(freqs, on), sound.pause(off))]
    return np.concatenate(cycle * (int(seconds / pattern.period_s) + 1))


PATTERNS = [pattern for code in COUNTRIES for pattern in plan.load().plans[code].patterns]
DECISIVE = [pattern for pattern in PATTERNS if pattern.verdict in ("busy", "congestion", "nu_tone")]
RINGS = [pattern for pattern in PATTERNS if pattern.verdict == "ringback"]
LEAD_S = 0.3


@pytest.fixture(scope="module")
def released(sound, hear_all):
    """What is found of every release tone of every country, from the start of its cadence and from within."""
    heard = {}
    for start in (0.0, 0.4):
        audios = [
            sound.noisy(
                sound.join(
                    sound.pause(LEAD_S),
                    play(sound, p, max(4.0, 3.5 * p.period_s))[round(start * p.period_s * RATE_HZ) :],
                )
            )
            for p in DECISIVE
        ]
        found = hear_all(audios, [p.country for p in DECISIVE])
        heard |= {(p.label, start): findings for p, findings in zip(DECISIVE, found, strict=True)}
    return heard


@pytest.mark.parametrize("pattern", DECISIVE, ids=lambda p: p.label)
@pytest.mark.parametrize("start", [0.0, 0.4])
def test_release_tones_of_every_country_are_named_within_their_cycles(pattern, start, released):
    found = next(f for f in released[pattern.label, start] if isinstance(f, Verdict))
    assert found.name == pattern.verdict
    assert found.at_s <= LEAD_S + max(2.9, 3 * pattern.period_s) + 0.2


@pytest.fixture(scope="module")
def rung(sound, hear_all):
    """What is found of every ringing of every country."""
    audios = [sound.noisy(play(sound, p, 2.2 * p.period_s)) for p in RINGS]
    found = hear_all(audios, [p.country for p in RINGS])
    return {p.label: findings for p, findings in zip(RINGS, found, strict=True)}


@pytest.mark.parametrize("pattern", RINGS, ids=lambda p: p.label)
def test_ringback_of_every_country_is_evidence_and_never_a_live_verdict(pattern, rung):
    found = rung[pattern.label]
    kinds = [f.kind for f in found if isinstance(f, Evidence)]
    assert "ringback" in kinds
    assert "speech_start" not in kinds
    verdicts = [f for f in found if isinstance(f, Verdict)]
    assert [v.name for v in verdicts] == ["ringback"]
    assert verdicts[0] is found[-1]


@pytest.mark.parametrize(("country", "freqs"), [("IN", (375.0, 400.0, 425.0)), ("JP", (385.0, 400.0, 415.0))])
def test_ringing_whose_three_tones_beat_is_ringing(country, freqs, sound, hear):
    times = (0.4, 0.2, 0.4, 2.0) if country == "IN" else (1.0, 2.0)
    found = hear(sound.noisy(sound.cadence(freqs, times, 3)), phase="early", country=country)
    assert "ringback" in [f.kind for f in found if isinstance(f, Evidence)]


@pytest.mark.parametrize("off_pitch", [0.993, 1.0, 1.005])
def test_australias_congestion_is_known_by_its_step_in_pitch_also_from_an_exchange_out_of_tune(off_pitch, sound, hear):
    bursts = [sound.join(sound.tone(0.375, f * off_pitch), sound.pause(0.375)) for f in (425.0, 420.0)]
    found = hear(sound.noisy(sound.join(*bursts, *bursts, *bursts)), phase="early", country="AU")
    assert [(f.name, f.at_s < 2.0) for f in found if isinstance(f, Verdict)] == [("congestion", True)]


def test_a_steady_tone_of_400_hz_is_no_dial_tone_when_the_country_is_unknown(sound, hear):
    found = hear(sound.noisy(sound.tone(4.5, 402.3, level_dbm0=-15.0), -34.0), phase="early")
    assert [f.name for f in found if isinstance(f, Verdict)] == ["nu_tone"]


@pytest.mark.parametrize("code", CODES, ids=lambda c: c.name)
@pytest.mark.parametrize("level", [-12.0, -43.0])
def test_every_special_information_tone_is_named_within_100_ms(code, level, sound, hear):
    tones = [
        sound.tone(length, freq, level_dbm0=level) for freq, length in zip(code.freqs_hz, code.lengths_s, strict=True)
    ]
    audio = sound.noisy(sound.join(sound.pause(0.4), *tones, sound.pause(0.5)), level_dbm0=-68)
    found = hear(audio, phase="early")
    verdict = next(f for f in found if isinstance(f, Verdict))
    assert verdict.name == code.verdict
    assert 0 < verdict.at_s - 0.4 - sum(code.lengths_s) <= 0.1
    segments = [f for f in found if isinstance(f, Evidence) and f.kind == "sit_segment"]
    assert [s.data["freq_hz"] for s in segments] == pytest.approx(list(code.freqs_hz), abs=1.0)
    assert [s.data["length_s"] for s in segments] == pytest.approx(list(code.lengths_s), abs=0.012)


def test_a_special_information_tone_survives_repeated_and_lost_packets(sound, verdict):
    code = CODES[1]
    tones = [sound.tone(length, freq) for freq, length in zip(code.freqs_hz, code.lengths_s, strict=True)]
    audio = sound.noisy(sound.join(sound.pause(0.4), *tones, sound.pause(0.5)))
    frames = audio[: len(audio) // 160 * 160].reshape(-1, 160).copy()
    for frame in (25, 44, 60):
        frames[frame] = frames[frame - 1]
    assert verdict(frames.ravel(), phase="early").name == code.verdict
    gone = np.zeros(len(frames), np.bool_)
    gone[[30, 48, 66]] = True
    frames[gone] = 0
    assert verdict(frames.ravel(), phase="early", lost=gone).name == code.verdict


def test_a_triple_that_fits_no_code_is_other(sound, verdict):
    tones = (sound.tone(0.21, 880), sound.tone(0.48, 1320), sound.tone(0.21, 1850))
    audio = sound.noisy(sound.join(sound.pause(0.3), *tones, sound.pause(0.4)))
    assert verdict(audio, phase="early").name == "sit_other"


@pytest.mark.parametrize("level", [-10.0, -30.0, -43.0])
@pytest.mark.parametrize("kind", ["ced", "ansam", "reversals", "v21", "cng"])
def test_fax_is_known_down_to_43_below(kind, level, sound, verdict):
    at = np.arange(3 * RATE_HZ) / RATE_HZ
    ced = sound.tone(3.0, 2100, level_dbm0=level)
    signal = {
        "ced": ced,
        "ansam": ced * (1 + 0.2 * np.sin(2 * np.pi * 15 * at)),
        "reversals": ced * np.where((at / 0.45).astype(int) % 2, -1.0, 1.0),
        "v21": sound.flags(1.0, level),
        "cng": sound.join(sound.tone(0.5, 1100, level_dbm0=level), sound.pause(3.0)),
    }[kind]
    found = verdict(sound.noisy(sound.join(sound.pause(0.5), signal), level_dbm0=-65))
    assert found.name == "fax"
    assert found.at_s <= 0.5 + 0.7


@pytest.mark.parametrize(
    ("swing", "turns", "name"), [(0.0, False, "ANS"), (0.2, False, "ANSam"), (0.0, True, "/ANS"), (0.2, True, "/ANSam")]
)
@pytest.mark.parametrize("level", [-12.0, -40.0])
def test_the_answer_tone_says_its_modulation_and_its_reversals(swing, turns, name, level, sound, hear):
    at = np.arange(2 * RATE_HZ) / RATE_HZ
    sign = np.where(turns & ((at / 0.45).astype(int) % 2 == 1), -1.0, 1.0)
    tone = sound.tone(2.0, 2100.0, level_dbm0=level) * (1 + swing * np.sin(2 * np.pi * 15 * at)) * sign
    found = hear(sound.noisy(sound.join(sound.pause(0.5), tone), -60.0))
    (fax,) = [f for f in found if isinstance(f, Evidence) and f.kind == "fax"]
    assert fax.data["signal"] == {"ANS": "ced"}.get(name, name.lower())
    assert fax.data["modulation"] == pytest.approx(swing, abs=0.05)
    assert fax.data["reversals_s"] == ([pytest.approx(0.95, abs=0.01)] if turns else [])
    (verdict,) = [f for f in found if isinstance(f, Verdict)]
    assert verdict.name == "fax"
    assert verdict.at_s - 0.5 <= 0.7


def test_bell_answer_tone_is_a_modem(sound, verdict):
    assert verdict(sound.noisy(sound.join(sound.pause(0.4), sound.tone(2.0, 2225)))).name == "modem"


def test_fax_tones_before_the_answer_are_no_verdict(sound, verdict):
    assert verdict(sound.noisy(sound.join(sound.pause(0.4), sound.tone(2.0, 2100))), phase="early") is None


@pytest.mark.parametrize(("freq", "length"), [(440, 0.3), (640, 1.0), (850, 0.65), (1000, 0.2), (1400, 0.12)])
def test_a_beep_after_voice_is_found_with_its_end(freq, length, sound, hear):
    voice = sound.words(12)
    audio = sound.noisy(sound.join(voice, sound.pause(0.2), sound.tone(length, freq), sound.pause(1.0)))
    found = hear(audio)
    end = next(f for f in found if isinstance(f, Evidence) and f.kind == "beep_end")
    true_end = (len(voice) / RATE_HZ) + 0.2 + length
    assert abs(end.data["end_s"] - true_end) < 0.01
    assert end.at_s - true_end <= 0.06
    assert [f.name for f in found if isinstance(f, Verdict)][-1] == "machine_beep"


def test_a_second_beep_moves_the_end(sound, hear):
    beeps = sound.join(sound.tone(0.2, 1000), sound.pause(0.1), sound.tone(0.2, 1000))
    audio = sound.noisy(sound.join(sound.words(12), sound.pause(0.3), beeps, sound.pause(1.0)))
    ends = [f for f in hear(audio) if isinstance(f, Evidence) and f.kind == "beep_end"]
    assert len(ends) == 2
    assert ends[1].data["onset_s"] == ends[0].data["onset_s"]
    assert ends[1].data["end_s"] == pytest.approx(ends[0].data["end_s"] + 0.3, abs=0.01)


def test_beeps_without_a_voice_are_a_pager(sound, verdict):
    beeps = sound.cadence((2000,), (0.19, 0.3), 3)
    assert verdict(sound.noisy(sound.join(sound.pause(0.5), beeps, sound.pause(3.0)))).name == "pager"


def test_speech_is_none_of_it(sound, hear):
    found = hear(sound.noisy(sound.words(60)), phase="early")
    assert {f.kind for f in found if isinstance(f, Evidence)} <= {"speech_start", "speech_end"}


def test_digits_are_evidence(sound, hear):
    digits = sound.join(*(part for low, high in ((697, 1209), (852, 1477), (941, 1336)) for part in (
        sound.tone(0.08, low, high), sound.pause(0.08))))  # fmt: skip
    found = hear(sound.noisy(sound.join(sound.pause(0.3), digits, sound.pause(0.2))), phase="early")
    assert [f.data["digit"] for f in found if isinstance(f, Evidence) and f.kind == "dtmf"] == ["1", "9", "0"]


def test_a_text_telephone_is_evidence(sound, hear):
    bits = np.random.default_rng(4).integers(0, 2, 90)
    parts = [sound.tone(0.022, 1400.0 if bit else 1800.0) for bit in bits]
    found = hear(sound.noisy(sound.join(sound.pause(0.2), *parts)), phase="early")
    assert "tty" in [f.kind for f in found if isinstance(f, Evidence)]


def test_a_tone_of_ones_own_is_named(tmp_path, sound, hear):
    (tmp_path / "xx.toml").write_text(
        'country = "XX"\n[[slot]]\nname = "our trunk busy"\nverdict = "congestion"\n'
        "[[slot.segment]]\nf1_hz = [500, 520]\nf2_hz = [630, 650]\non_ms = [250, 350]\noff_ms = [150, 250]\n"
    )
    from dialer.detection import DetectionSettings

    settings = DetectionSettings(country_dirs=(tmp_path,))
    audio = sound.noisy(sound.cadence((510, 640), (0.3, 0.2), 5))
    found = hear(audio, phase="early", country="XX", settings=settings)
    assert [f.name for f in found if isinstance(f, Verdict)] == ["congestion"]
    assert any("our trunk busy" in f.text for f in found if isinstance(f, Evidence))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'country = "XX"\n[[tone]]\nname = "b"\nverdict = "bussy"\nfrequencies_hz = [400]\ncadence_s = [1, 1]\n',
            "bussy",
        ),
        (
            'country = "XX"\n[[tone]]\nname = "b"\nverdict = "busy"\nfrequencies_hz = []\ncadence_s = [1, 1]\n',
            "frequencies_hz",
        ),
        ('country = "XX"\n[[tone]]\nname = "b"\nverdict = "busy"\nfrequencies_hz = [400]\ncadence_s = [1]\n', "pairs"),
        ('[[tone]]\nname = "b"\n', "country"),
        ("not toml", "xx.toml"),
    ],
)
def test_a_plan_that_cannot_be_read_says_what_is_wrong(tmp_path, text, fault):
    (tmp_path / "xx.toml").write_text(text)
    with pytest.raises(plan.UnreadablePlan, match=fault):
        plan.load((tmp_path,))
