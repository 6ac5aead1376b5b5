"""Calls whose far ends do whatever they like leave nothing behind: `make chaos`, at a size for every day."""

from __future__ import annotations

import pytest

from tools.chaos.run import chaos

CALLS = 300


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(500)
async def test_no_call_no_attempt_no_agent_and_no_socket_is_left_of_random_calls() -> None:
    left = await chaos(CALLS, at_once=80, seed=4)
    assert left.traceback == ""
    assert left.reasons.total() == CALLS
    assert left.reasons["AGENT_CONNECTED"] > CALLS / 10, "hardly anybody talked: the test proves little"
    assert (left.open_callbacks, left.open_attempts, left.calls, left.rtp_sockets, left.agents_held) == (0, 0, 0, 0, 0)
