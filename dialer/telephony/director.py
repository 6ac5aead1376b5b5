"""The decorator of every method that the library calls: no error of ours may vanish into C++ or unwind it."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

faults: Counter[str] = Counter()
"""Errors in director methods since the start, by method."""


def director(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a director method: an error is counted, logged, and fails the call it happened on (`self.failed()`)."""

    @functools.wraps(method)
    def guarded(self: Any, *args: Any) -> Any:
        try:
            return method(self, *args)
        except Exception:
            faults[method.__qualname__] += 1
            log.exception("%s failed", method.__qualname__)
            self.failed()
            return None

    return guarded
