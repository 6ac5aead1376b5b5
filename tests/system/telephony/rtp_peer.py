"""A far end of RTP in the test's own hand: SIPp answers with its port, the test sends and sees every packet."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

import numpy as np

PACKET_S = 0.02
PCMU_SILENCE = 0xFF


class RtpPeer(asyncio.DatagramProtocol):
    """Receives RTP; sends PCMU to where it comes from."""

    def __init__(self) -> None:
        self.packets: list[tuple[float, bytes]] = []
        self.source: tuple[str, int] | None = None
        self.sequence = 1000
        self.timestamp = 0
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls) -> RtpPeer:
        _, peer = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return peer

    @property
    def port(self) -> int:
        assert self._transport is not None
        return self._transport.get_extra_info("sockname")[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.source = addr
        self.packets.append((asyncio.get_running_loop().time(), data))

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    async def send(self, payloads: list[bytes | None]) -> None:
        """Sends one packet each 20 ms; None = this packet is lost on the way."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number, payload in enumerate(payloads):
            await asyncio.sleep(max(0.0, start + number * PACKET_S - loop.time()))
            self.sequence += 1
            self.timestamp += 160
            if payload is not None and self.source is not None:
                head = struct.pack("!BBHII", 0x80, 0, self.sequence & 0xFFFF, self.timestamp, 0x1234)
                self._transport.sendto(head + payload, self.source)

    def digits(self) -> str:
        """Digits of RFC 4733 events received, each counted once by its timestamp."""
        seen: dict[int, str] = {}
        for _, data in self.packets:
            if data[1] & 0x7F == 101 and len(data) >= 16:
                seen.setdefault(struct.unpack_from("!I", data, 4)[0], "0123456789*#ABCD"[data[12]])
        return "".join(seen.values())


def ulaw_tone(freq_hz: float, packets: int) -> list[bytes | None]:
    """PCMU payloads of a tone, by the decoding table's nearest value."""
    from dialer.telephony.wav import ULAW

    at = np.arange(160 * packets) / 8000
    wanted = 8000 * np.sin(2 * np.pi * freq_hz * at)
    codes = np.abs(ULAW[None, :] - wanted[:, None]).argmin(axis=1).astype(np.uint8).tobytes()
    return [codes[n * 160 : (n + 1) * 160] for n in range(packets)]
