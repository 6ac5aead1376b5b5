"""`python -m tools.results`: plays the table, prints it and writes docs/results.md."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tools.results.report import document, lines
from tools.results.run import play_all
from tools.results.table import ROWS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "results.md"


def main() -> int:
    """Gives the exit status: 1 when a row came out otherwise than it must."""
    began = time.monotonic()
    run = asyncio.run(play_all())
    wrong = {row.key: run.differences(row) for row in ROWS}
    for line in lines(run):
        print(line)
    for key, differences in wrong.items():
        for difference in differences:
            print(f"{key}: {difference}")
    print(f"{len(ROWS)} rows in {time.monotonic() - began:.0f} s, {sum(map(bool, wrong.values()))} came out wrong")
    if run.traceback or any(wrong.values()):
        print(run.traceback)
        return 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
