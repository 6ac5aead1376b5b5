"""The dialer with a fault that it cannot know of: a wish for the agents of one group raises.

It stands for the bug that nobody has found yet, and shows what a customer's callback becomes then (T88).
"""

from __future__ import annotations

from typing import Any

from dialer.cli.main import main
from dialer.routing import Router, Target

FAULTY_TARGET = "Faulty@Lab.GA"
_request = Router.request


def request(router: Router, key: str, target: Target, *rest: Any, **more: Any) -> Any:
    """Finds agents of every group but one."""
    if target.text == FAULTY_TARGET:
        raise RuntimeError("put here by the table of results")
    return _request(router, key, target, *rest, **more)


Router.request = request  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
