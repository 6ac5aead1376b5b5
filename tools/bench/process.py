"""What this process uses: CPU, memory, descriptors, threads."""

from __future__ import annotations

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
            entries("/proc/self/fd"),
            entries("/proc/self/task"),
        )


def entries(folder: str) -> int:
    """Counts what lies in a folder."""
    return sum(1 for _ in Path(folder).iterdir())
