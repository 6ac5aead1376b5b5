"""Runs the system tests in two lanes side by side: one that works, and one that mostly listens to people speak.

The tests of callers who are talked to wait for whole sentences in real time and leave the machine idle; beside the
others they cost no time. Ends with status 1 when either lane fails; the second one's output follows the first one's.

    python tools/lanes.py tests/contract tests/system
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SPOKEN = (
    "tests/system/test_inbound_application.py",
    "tests/system/test_inbound_call_in.py",
    "tests/system/test_talk.py",
    "tests/system/test_bench_detection.py",
)


def main(paths: list[str]) -> int:
    """Runs both lanes; gives the exit status."""
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile("w+") as told:
        spoken = subprocess.Popen([*pytest, *SPOKEN], stdout=told, stderr=subprocess.STDOUT)
        try:
            left_out = [f"--ignore={path}" for path in SPOKEN]
            first = subprocess.run([*pytest, *paths, *left_out], check=False).returncode
            second = spoken.wait()
        finally:
            spoken.kill()
            spoken.wait()
        told.seek(0)
        print("\n--- the tests of callers who are spoken to ---", flush=True)
        print(told.read(), flush=True)
    return 1 if first or second else 0


if __name__ == "__main__":
    missing = [path for path in SPOKEN if not Path(path).is_file()]
    sys.exit(f"lanes: there is no {', '.join(missing)}" if missing else main(sys.argv[1:]))
