"""Captures (PCAP, pcapng) as a stream of UDP and TCP payloads.

dpkt reads the file formats; the few header bytes between the frame and its payload are read here, because building
dpkt's packet objects costs ten times the rest of the replay.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dpkt

from dialer.replay.errors import RecordingError

ETHERNET, NULL, RAW_BSD, RAW, LOOP, LINUX_SLL, LINUX_SLL2, IPV4, IPV6 = 1, 0, 12, 101, 108, 113, 276, 228, 229
"""Link types as registered at https://www.tcpdump.org/linktypes.html (RAW_BSD: LINKTYPE_RAW of some systems)."""

HEADER_LENGTH = {ETHERNET: 14, NULL: 4, RAW_BSD: 0, RAW: 0, LOOP: 4, LINUX_SLL: 16, LINUX_SLL2: 20, IPV4: 0, IPV6: 0}
"""Bytes before the IP header by link type."""

VLAN_TAGS = (b"\x81\x00", b"\x88\xa8")
"""Ethertypes of a VLAN tag (IEEE 802.1Q, 802.1ad)."""

UDP, TCP = 17, 6
"""IP protocol numbers (IANA)."""


class Datagram(NamedTuple):
    """A UDP datagram or TCP segment.

    Attributes:
        at_s: time of capture, seconds since the epoch.
        source: packed IP address and port, bytes [4 + 2] or [16 + 2].
        target: as source.
        payload: what was carried.
        whole: false when the capture kept only the beginning of the packet.
    """

    at_s: float
    source: bytes
    target: bytes
    payload: bytes
    whole: bool = True


def endpoint_name(packed: bytes) -> str:
    """`address:port` of a packed endpoint."""
    address, port = packed[:-2], int.from_bytes(packed[-2:], "big")
    if len(address) == 4:
        return f"{'.'.join(str(byte) for byte in address)}:{port}"
    return f"[{':'.join(address[i : i + 2].hex() for i in range(0, 16, 2))}]:{port}"


class Capture:
    """A capture file, read again on every iteration.

    Attributes:
        path: the file.
        cut_off: what was wrong at the end of the last pass, empty when the file ended properly.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut_off = ""

    def __iter__(self) -> Iterator[Datagram]:
        """Datagrams in the order of the file.

        Raises:
            RecordingError: when the file is no capture or its link type is unknown.
        """
        self.cut_off = ""
        with self.path.open("rb") as file:
            try:
                reader = dpkt.pcap.UniversalReader(file)
            except (ValueError, dpkt.Error, OSError) as fault:
                raise RecordingError(self.path, f"cannot be read as a capture: {fault or 'header cut off'}") from fault
            link = reader.datalink()
            if link not in HEADER_LENGTH:
                raise RecordingError(self.path, f"was captured on link type {link}, which is not supported")
            frames, cut = iter(reader), 0
            while True:
                try:
                    at_s, frame = next(frames)
                except StopIteration:
                    return
                except (ValueError, dpkt.Error) as fault:
                    self.cut_off = f"the capture is damaged or cut off: {type(fault).__name__}"
                    return
                datagram = datagram_of_frame(float(at_s), bytes(frame), link)
                if datagram is not None and datagram.whole:
                    yield datagram
                elif datagram is not None:
                    cut += 1
                    self.cut_off = f"the capture is cut off: only the beginning of {cut} packets was kept"


def datagram_of_frame(at_s: float, frame: bytes, link: int) -> Datagram | None:
    """The datagram inside a frame, None when it holds no UDP or TCP header (fragments, ARP, ...)."""
    start = HEADER_LENGTH[link]
    if link == ETHERNET:
        while frame[start - 2 : start] in VLAN_TAGS:
            start += 4
    if len(frame) <= start:
        return None
    version = frame[start] >> 4
    if version == 4:
        return _of_ipv4(at_s, frame, start)
    return _of_ipv6(at_s, frame, start) if version == 6 else None


def _of_ipv4(at_s: float, frame: bytes, start: int) -> Datagram | None:
    """RFC 791 section 3.1."""
    if len(frame) < start + 20:
        return None
    body = start + 4 * (frame[start] & 0x0F)
    offset_in_packet = int.from_bytes(frame[start + 6 : start + 8], "big") & 0x1FFF
    total = int.from_bytes(frame[start + 2 : start + 4], "big")
    end = start + total if total else len(frame)  # 0 when the network card segments (offload)
    if offset_in_packet:
        return None
    addresses = frame[start + 12 : start + 16], frame[start + 16 : start + 20]
    return _of_transport(at_s, frame, (body, end), frame[start + 9], addresses)


def _of_ipv6(at_s: float, frame: bytes, start: int) -> Datagram | None:
    """RFC 8200 section 3; packets with extension headers are left out."""
    if len(frame) < start + 40:
        return None
    end = start + 40 + int.from_bytes(frame[start + 4 : start + 6], "big")
    addresses = frame[start + 8 : start + 24], frame[start + 24 : start + 40]
    return _of_transport(at_s, frame, (start + 40, end), frame[start + 6], addresses)


def _of_transport(
    at_s: float, frame: bytes, span: tuple[int, int], protocol: int, addresses: tuple[bytes, bytes]
) -> Datagram | None:
    body, end = span
    if protocol not in {UDP, TCP} or min(len(frame), end) < body + (8 if protocol == UDP else 20):
        return None
    start = body + 8 if protocol == UDP else body + 4 * (frame[body + 12] >> 4)
    source, target = addresses[0] + frame[body : body + 2], addresses[1] + frame[body + 2 : body + 4]
    return Datagram(at_s, source, target, frame[start:end], whole=len(frame) >= end)
