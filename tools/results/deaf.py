"""The dialer of a machine whose detection has stopped: no callback may begin there, and there is no other node."""

from __future__ import annotations

from dialer.cli.main import main
from dialer.scenario import Listener

Listener.running = property(lambda _: False)  # type: ignore[assignment, method-assign]

if __name__ == "__main__":
    main()
