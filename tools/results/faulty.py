"""The dialer with a fault that it cannot know of: the search for agents of one group raises.

It stands for the bug that nobody has found yet, and shows what a customer's callback becomes then (T88).
"""

from __future__ import annotations

from dialer.cli.main import main
from dialer.scenario.agent_leg import AgentOnLine, AgentSearch

FAULTY_TARGET = "Faulty@Lab.GA"
_find = AgentSearch.find


async def find(search: AgentSearch) -> AgentOnLine:
    """Finds agents of every group but one."""
    if search.target.text == FAULTY_TARGET:
        raise RuntimeError("put here by the table of results")
    return await _find(search)


AgentSearch.find = find  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
