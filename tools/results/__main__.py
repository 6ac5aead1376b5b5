"""`python -m tools.results [KEY…]`: plays the table, prints it and writes docs/results.md; or plays the rows named."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tools.results.report import document, lines
from tools.results.run import play_all
from tools.results.table import CODES, ROWS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "results.md"


def main() -> int:
    """Gives the exit status: 1 when a row came out otherwise than it must."""
    began = time.monotonic()
    keys = sys.argv[1:]
    run = asyncio.run(play_all(keys))
    rows = [row for row in (*ROWS, *CODES) if row.key in run.outcomes]
    wrong = {row.key: run.differences(row) for row in rows}
    for line in lines(run, rows):
        print(line)
    for key, differences in wrong.items():
        for difference in differences:
            print(f"{key}: {difference}")
    print(f"{len(rows)} rows in {time.monotonic() - began:.0f} s, {sum(map(bool, wrong.values()))} came out wrong")
    if run.traceback or any(wrong.values()):
        print(run.traceback)
        return 1
    if not keys:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(document(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
