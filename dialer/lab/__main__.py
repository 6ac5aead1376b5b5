"""`python -m dialer.lab --listen 127.0.0.1:5070 [--record DIR]`: the lab as a process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dialer.lab.server import LabSettings, run_lab
from dialer.telephony import TelephonyError


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dialer.lab", description="People at the other end of the line.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 = any (%(default)s)")
    parser.add_argument("--record", type=Path, metavar="DIR", help="record what every call heard and said")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    try:
        return run_lab(LabSettings(host=host, port=int(port), record=arguments.record), until_input_closes=True)
    except TelephonyError as fault:
        print(f"lab: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
