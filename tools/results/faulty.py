"""The dialer with two faults that it cannot know of, each for the agents of one group.

The search for one group's agents raises: the bug that nobody has found yet (T88). The call flow for the other returns
without having done anything: a flow of somebody else's that forgets its callback (T86).
"""

from __future__ import annotations

from dialer.cli.main import main
from dialer.scenario.agent_leg import AgentOnLine, AgentSearch
from dialer.scenario.user_terminated import UserTerminated

FAULTY_TARGET = "Faulty@Lab.GA"
AIMLESS_TARGET = "Aimless@Lab.GA"
_find = AgentSearch.find
_attempt = UserTerminated._attempt  # noqa: SLF001 - the flow itself is what is broken here


async def find(search: AgentSearch) -> AgentOnLine:
    """Finds agents of every group but one."""
    if search.target.text == FAULTY_TARGET:
        raise RuntimeError("put here by the table of results")
    return await _find(search)


async def attempt(scenario: UserTerminated) -> None:
    """Makes every attempt but those for one group: there the flow returns without having done anything."""
    if scenario.callback.target != AIMLESS_TARGET:
        await _attempt(scenario)


AgentSearch.find = find  # type: ignore[method-assign]
UserTerminated._attempt = attempt  # type: ignore[method-assign]  # noqa: SLF001

if __name__ == "__main__":
    main()
