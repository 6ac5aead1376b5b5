#!/usr/bin/env python3
"""A far end for benches: a user agent of our own, in a process of its own, that answers every call and speaks to it.

    python tools/bench/answering.py PORT SOUND.wav CHANNELS

Prints one line, "ready", when it listens; ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from dialer.telephony import IncomingLeg, Playlist, UserAgent, UserAgentSettings


async def serve(port: int, sound: Path, channels: int) -> None:
    """Answers until standard input closes."""
    ua = UserAgent(
        UserAgentSettings(
            udp_port=port, max_channels=channels, tap_rows=channels, rtp_port_range=(20000, 39999), rtp_timeout_s=0
        )
    )

    async def take(leg: IncomingLeg) -> None:
        await leg.answer()
        await leg.play(Playlist([sound], loop=True))
        await asyncio.wait({leg.ended})

    ua.on_incoming = take
    await ua.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await ua.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
