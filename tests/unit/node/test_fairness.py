"""Nobody is overtaken, nobody starves, nobody is dialled without an agent: over many random days on the floor.

`make fairness` makes ten thousand runs and prints what was looked at; the unit suite makes a few hundred.
"""

import os

import pytest
from fairness_floor import START, Floor

RUNS = int(os.environ.get("FAIRNESS_RUNS", "240"))
BATCHES = 8
STEPS = 60


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_callback_is_overtaken_or_starved_and_no_agent_is_promised_twice(batch, capsys):
    dials = drained = steps = 0
    first = batch * (RUNS // BATCHES)
    for seed in range(first, first + RUNS // BATCHES):
        floor = Floor(seed)
        try:
            for _ in range(STEPS):
                floor.step()
            drained += floor.drain()
        except AssertionError as broken:
            broken.add_note(f"seed {seed}, {(floor.now - START).total_seconds():.1f} s after the start")
            raise
        dials, steps = dials + floor.dials, steps + STEPS
    assert dials > 0
    assert drained > 0
    if "FAIRNESS_RUNS" in os.environ:
        with capsys.disabled():
            print(f"\nruns {first} to {first + RUNS // BATCHES - 1}: {steps} events, {dials} dials, {drained} drained")
