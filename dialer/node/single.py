"""One process a node name: a second one would take back, as after a crash, what the first is working on.

The lock is the operating system's and ends with the process, however it ends. It guards one machine; on several
machines nodes must be named apart by whoever configures them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialer.callback.errors import DialerError


class NodeRuns(DialerError):  # noqa: N818 - named as the other refusals
    """Another dialer with this node's name is running on this machine."""

    def __init__(self, node: str, pid: str, lock: Path) -> None:
        super().__init__(
            f"a dialer named {node} is running already (pid {pid}, lock {lock}); "
            "stop it, or give this one another name in [node]"
        )
        self.node = node


@contextmanager
def only_one(node: str, folder: Path) -> Iterator[None]:
    """Holds the node's name on this machine.

    Args:
        node: name of the node.
        folder: where locks are kept; made when there is none.

    Raises:
        NodeRuns: when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{node}.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            lock.seek(0)
            raise NodeRuns(node, lock.read().strip() or "unknown", path) from taken
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def lock_folder(url: str, file: Path) -> Path:
    """Where a configuration's locks lie: beside its SQLite database, else beside the configuration itself.

    Args:
        url: of the store.
        file: the configuration.
    """
    if url.startswith("sqlite"):
        return Path(url.partition(":///")[2]).parent
    return file.resolve().parent / "var"
