"""RTP packets of one stream back into a timeline: order restored, duplicates dropped, losses marked (RFC 3550)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

RTCP_TYPES = range(72, 77)
"""Payload types that RTCP packets show when read as RTP (RFC 5761 section 4)."""

REORDER_DEPTH = 16
"""Packets held back to let late ones fall into place: 320 ms at 20 ms a packet, more than any jitter buffer plays."""

RESTART = 1000
"""Jump of sequence numbers beyond which the sender started anew (20 s of packets; RFC 3550 A.1 allows a minute)."""


class Packet(NamedTuple):
    """One RTP packet.

    Attributes:
        at_s: time of capture.
        sequence: 16 bit.
        timestamp: 32 bit.
        payload_type: 0 to 127.
        ssrc: 32 bit.
        payload: without header, extension and padding.
    """

    at_s: float
    sequence: int
    timestamp: int
    payload_type: int
    ssrc: int
    payload: bytes


def parse(at_s: float, data: bytes) -> Packet | None:
    """Read a datagram as RTP (RFC 3550 section 5.1), None when it cannot be."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    payload_type = data[1] & 0x7F
    if payload_type in RTCP_TYPES:
        return None
    start = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data)
    if data[0] & 0x20:
        end -= data[-1]
    if start > end:
        return None
    sequence, timestamp = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
    return Packet(at_s, sequence, timestamp, payload_type, int.from_bytes(data[8:12], "big"), data[start:end])


@dataclass
class Disorder:
    """What happened on the way.

    Attributes:
        received: packets in their place.
        lost: sequence numbers that never came.
        duplicated: packets that came again.
        reordered: packets that came late, but in time.
        late: packets that came too late to be used; counted as lost too.
        restarts: times the sender started anew.
    """

    received: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    late: int = 0
    restarts: int = 0

    def __str__(self) -> str:
        """Counts that are not zero, in words."""
        facts = [f"{count} {name}" for name, count in vars(self).items() if count and name != "received"]
        return ", ".join(facts)


class Placed(NamedTuple):
    """A packet in its place.

    Attributes:
        packet: the packet.
        missing: packets lost just before it.
        restarted: true when its timestamp has nothing to do with the one before.
    """

    packet: Packet
    missing: int
    restarted: bool


def in_order(packets: Iterable[Packet], disorder: Disorder) -> Iterator[Placed]:
    """Packets of one stream in the order of their sequence numbers.

    Args:
        packets: as captured.
        disorder: counts what was mended, filled while iterating.
    """
    held: list[tuple[int, int, Packet]] = []
    waiting: set[int] = set()
    highest: int | None = None
    last: int | None = None
    for order, packet in enumerate(packets):
        extended = packet.sequence if highest is None else _extend(packet.sequence, highest)
        if highest is not None and abs(extended - highest) > RESTART:
            yield from _drain(held, waiting, last, disorder)
            disorder.restarts += 1
            extended, last, highest = packet.sequence, None, packet.sequence
        if extended in waiting or (last is not None and extended == last):
            disorder.duplicated += 1
            continue
        if last is not None and extended < last:
            disorder.late += 1
            continue
        disorder.reordered += highest is not None and extended < highest
        highest = extended if highest is None else max(highest, extended)
        heapq.heappush(held, (extended, order, packet))
        waiting.add(extended)
        if len(held) > REORDER_DEPTH:
            placed, last = _release(held, waiting, last, disorder)
            yield placed
    yield from _drain(held, waiting, last, disorder)


def _extend(sequence: int, near: int) -> int:
    """The full sequence number nearest to `near` that ends in these 16 bits."""
    return near + ((sequence - near + 0x8000) & 0xFFFF) - 0x8000


def _release(
    held: list[tuple[int, int, Packet]], waiting: set[int], last: int | None, disorder: Disorder
) -> tuple[Placed, int]:
    extended, _, packet = heapq.heappop(held)
    waiting.discard(extended)
    missing = 0 if last is None else extended - last - 1
    disorder.lost += missing
    disorder.received += 1
    return Placed(packet, missing, last is None), extended


def _drain(
    held: list[tuple[int, int, Packet]], waiting: set[int], last: int | None, disorder: Disorder
) -> Iterator[Placed]:
    while held:
        placed, last = _release(held, waiting, last, disorder)
        yield placed
