"""`python -m tools.chaos [--calls 10000] [--at-once 200] [--seed N]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tools.chaos.run import chaos


def main() -> int:
    """Gives the exit status: 1 when something was left over."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3261)
    wish = parser.parse_args()
    left = asyncio.run(chaos(wish.calls, at_once=wish.at_once, seed=wish.seed))
    print(f"{left.made} callbacks in {left.seconds:.0f} s, {left.cancelled} cancelled on the way")
    for reason, count in left.reasons.most_common():
        print(f"  {count:6} {reason}")
    print(
        f"left over: {left.open_callbacks} callbacks, {left.open_attempts} attempts, {left.calls} calls, "
        f"{left.rtp_sockets} RTP sockets, {left.agents_held} agents held"
    )
    if left.traceback:
        print(left.traceback)
    return 0 if left.nothing else 1


if __name__ == "__main__":
    sys.exit(main())
