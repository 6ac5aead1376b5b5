"""What this process uses: CPU, memory, descriptors, threads."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage at one moment."""

    cpu_s: float
    memory_mb: float
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> Usage:
        """Measures now."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            round(used.ru_utime + used.ru_stime, 3),
            round(pages * resource.getpagesize() / 1e6, 1),
            len(os.listdir("/proc/self/fd")),
            len(os.listdir("/proc/self/task")),
        )
