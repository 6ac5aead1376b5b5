"""An actor performs its script and leaves no call over."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from dialer.lab.actor import Actor, Utterance
from dialer.lab.ears import loud_frames, somebody_speaks
from dialer.lab.notebook import laid_out
from dialer.lab.script import Answer, AnswerMute, Early, HangUp, Redirect, Reject, Ring, Say, Wait
from dialer.lab.sounds import SoundLibrary, read_wav


class Line:
    """An incoming leg that writes down what is done with it."""

    def __init__(self):
        self.done = []
        self.ended = asyncio.get_running_loop().create_future()
        self.tap_row = 0

    def end(self):
        if not self.ended.done():
            self.ended.set_result(None)

    async def ring(self):
        self.done.append("ring")

    async def answer(self, status=200, *, mute=False, headers=None):
        self.done.append(f"answer {status}{' mute' if mute else ''}{f' {headers}' if headers else ''}")

    async def reject(self, status, *, q850, headers):
        self.done.append(f"reject {status} {q850} {headers}")
        self.end()

    async def redirect(self, uri):
        self.done.append(f"redirect {uri}")
        self.end()

    async def hangup(self):
        if not self.ended.done():
            self.done.append("hangup")
            self.end()

    async def play(self, playlist):
        self.done.append(f"play {playlist.files[0].stem}")
        finished = asyncio.get_running_loop().create_future()
        finished.set_result(True)

        async def stop():
            self.done.append("stop")

        return SimpleNamespace(finished=finished, started_at=1.0, stop=stop)


class Tap:
    """A tap whose row holds what it is given."""

    def __init__(self, samples):
        self.samples = samples
        self.given = 0

    def written(self, _row):
        return 0

    def read(self, _row, since):
        self.given = min(self.given + 320, len(self.samples))
        return self.samples[since : self.given]


@pytest.fixture
async def line():
    return Line()


@pytest.fixture
def actor(line, tmp_path):
    return Actor(line, "somebody", SoundLibrary(tmp_path), Tap(np.zeros(0, np.int16)), "127.0.0.1:5070")


async def test_steps_are_performed_in_their_order(actor, line):
    await actor.perform((Ring(0.0), Early("beep"), Answer(), Say("beep"), HangUp()))
    assert line.done == ["ring", "answer 183", "play beep", "answer 200", "play beep", "hangup"]


async def test_a_call_whose_script_ends_is_hung_up(actor, line):
    await actor.perform((AnswerMute(),))
    assert line.done == ["answer 200 mute", "hangup"]


async def test_a_refusal_carries_its_cause_and_headers(actor, line):
    await actor.perform((Reject(503, q850=34, headers={"Retry-After": "5"}),))
    assert line.done == ["reject 503 34 {'Retry-After': '5'}"]


async def test_a_redirection_names_the_lab_itself(actor, line):
    await actor.perform((Redirect("+12025550100"),))
    assert line.done == ["redirect sip:+12025550100@127.0.0.1:5070"]


async def test_an_actor_stops_when_the_other_side_is_gone(actor, line):
    performing = asyncio.create_task(actor.perform((Answer(), Wait(60.0), Say("beep"))))
    await asyncio.sleep(0)
    line.end()
    await performing
    assert line.done == ["answer 200"]


async def test_every_kind_of_step_has_a_performer(actor):
    with pytest.raises(TypeError):
        await actor._do("no step")


async def test_a_click_is_nobody_and_200_ms_of_sound_is_somebody(line):
    click = np.zeros(8000, np.int16)
    click[1000:1160] = 8000
    assert not await somebody_speaks(Tap(click), line, 0.3)
    assert await somebody_speaks(Tap(np.full(8000, 2000, np.int16)), line, 5.0)


def test_loudness_is_counted_in_20_ms_frames():
    samples = np.zeros(480, np.int16)
    samples[160:320] = 1000
    assert loud_frames(samples) == 1


def test_what_was_said_is_laid_on_the_time_axis_of_what_was_heard(tmp_path):
    sound = SoundLibrary(tmp_path).path("beep")
    track = laid_out([Utterance(sound, started_at=10.5, stopped_at=10.7)], began_at=10.0, n=8000)
    assert np.all(track[:4000] == 0)
    assert np.array_equal(track[4000:5600], read_wav(sound)[:1600])
    assert np.all(track[5600:] == 0)
