"""What the build tells its user: numbered steps with times, and one plain error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BuildFailed(Exception):  # noqa: N818 - it says what happened
    """The build of pjsua2 cannot go on; the text says why and what to do."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Prints `text` when the block starts and its time when it ends."""
    print(f"pjsua2: {text} ...", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" {time.monotonic() - start:.1f} s", flush=True)


def fail(error: BuildFailed, log_path: Path, tail: str) -> int:
    """Prints the error, the log's name and its last lines; gives the exit status."""
    print(f"pjsua2: {error}", file=sys.stderr)
    if tail:
        print(f"pjsua2: the log {log_path} ends:\n{tail}", file=sys.stderr)
    return 1
