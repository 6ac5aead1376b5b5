"""A bridged call, recorded at both ends: each hears the other, and nothing else."""

import asyncio
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import hearing, last_other_sound, likeness, load

from dialer.booking import CreateRequest
from dialer.cli.demo_stage import configuration
from dialer.lab import PERSONAS, LabProcess
from dialer.lab.sounds import read_wav
from dialer.node import open_dialer

pytestmark = pytest.mark.system

TREATMENTS = Path(__file__).resolve().parents[3] / "media" / "treatments"
PERSONA = next(persona for persona in PERSONAS if persona.name == "human")


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """One call from customer to agent, end to end: (customer, agent)."""
    folder = tmp_path_factory.mktemp("proof")
    callback = asyncio.run(perform(folder))
    assert callback.reason == "AGENT_CONNECTED", callback
    (customer,) = folder.glob(f"recorded/*-{PERSONA.name}.wav")
    (agent,) = folder.glob("recorded/*-70??.wav")
    return load(customer), load(agent)


async def perform(folder):
    async with LabProcess(record=folder / "recorded", log=folder / "lab.log") as lab:
        config = configuration(folder, f"sip:{lab.host}:{lab.port}", "")
        async with open_dialer(config) as dialer:
            parameters = {"_customer_number": PERSONA.number}
            created = await dialer.booking.create(CreateRequest(service=PERSONA.name, parameters=parameters))
            dialer.node.submit(created)
            until = time.monotonic() + 30
            while time.monotonic() < until:
                callback = await dialer.house.store.get(created.id)
                if not callback.open:
                    return callback
                await asyncio.sleep(0.1)
    raise AssertionError("the call did not end within 30 s")


def test_each_side_hears_the_other(ends, capsys):
    customer, agent = ends
    by_customer, by_agent = hearing(customer, agent), hearing(agent, customer)
    with capsys.disabled():
        for name, heard in (("customer hears agent", by_customer), ("agent hears customer", by_agent)):
            print(
                f"\n{name}: correlation {heard.correlation:.3f}, delay {heard.delay_ms:.1f} ms "
                f"(all: {', '.join(f'{delay:.1f}' for delay in heard.delays_ms)}), "
                f"residual {heard.residual_db:.1f} dB, "
                f"in {heard.heard_share:.1%} of {heard.heard_until - heard.heard_from:.2f} s",
                end="",
            )
        print()
    for heard in (by_customer, by_agent):
        assert heard.correlation > 0.95
        assert heard.delay_ms < 400
        assert heard.heard_share > 0.9
        assert heard.residual_db < -12


def test_the_treatment_gives_way_to_the_agent_without_a_gap(ends, capsys):
    customer, agent = ends
    heard = hearing(customer, agent)
    treatment_over = last_other_sound(customer, heard.heard_from)
    gap_ms = (heard.heard_from - treatment_over) * 1000
    with capsys.disabled():
        print(f"\ngap at the bridge: {gap_ms:.0f} ms between the treatment's last sound and the agent's first")
    assert gap_ms <= 100  # a frame or two, and a jitter buffer that grows on a busy machine


def test_no_treatment_is_heard_after_the_bridge(ends):
    customer, agent = ends
    bridged_at = hearing(customer, agent).heard_from
    cut = round((bridged_at - customer.began_at) * 8000)
    before, after = customer.heard[:cut], customer.heard[cut:]
    waiting = read_wav(TREATMENTS / "next_customer_rep.wav")
    welcome = read_wav(TREATMENTS / "customer_connect.wav")
    assert max(likeness(before, sound, window=2000) for sound in (waiting, welcome)) > 0.8
    assert max(likeness(after, waiting), likeness(after, welcome)) < 0.3


def test_the_agent_never_hears_a_treatment(ends):
    _, agent = ends
    waiting = read_wav(TREATMENTS / "next_customer_rep.wav")
    assert np.abs(agent.heard).max() > 1000
    assert likeness(agent.heard, waiting) < 0.3
