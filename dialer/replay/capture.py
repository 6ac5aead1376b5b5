"""RTP streams of a capture as legs, with the frames that never arrived marked as lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dialer.replay.errors import RecordingError
from dialer.replay.leg import FRAME, RATE, Block, Leg, whole_blocks
from dialer.replay.packets import Capture, endpoint_name
from dialer.replay.payload import BY_NAME, COMFORT_NOISE, STATIC, TELEPHONE_EVENT, Coding, Decoder
from dialer.replay.resample import to_telephone_rate
from dialer.replay.rtp import Disorder, Packet, Placed, in_order, parse
from dialer.replay.signalling import Signalling

FEWEST_PACKETS = 5
"""Packets below which a stream is more likely chance than RTP."""

PLAUSIBLE_STEPS = 0.7
"""Share of neighbouring packets whose sequence numbers must be close for a stream to be RTP."""

LONGEST_GAP_S = 3600.0
"""Silence filled in at most between two packets; a longer one is a wrong clock."""

CLOCK_SLACK_S = 2.0
"""How far the gap in timestamps may exceed the gap in arrival before the arrival is believed instead."""


class StreamKey(NamedTuple):
    """What makes packets one stream: both endpoints and the SSRC."""

    source: bytes
    target: bytes
    ssrc: int


@dataclass
class StreamFacts:
    """What one pass over the capture tells about a stream."""

    first_at_s: float
    last_sequence: int
    packets: int = 0
    close_steps: int = 0
    types: Counter[int] = field(default_factory=Counter)

    def take(self, packet: Packet) -> None:
        """Count a packet."""
        step = (packet.sequence - self.last_sequence + 0x8000) & 0xFFFF
        self.close_steps += abs(step - 0x8000) <= 50
        self.last_sequence = packet.sequence
        self.packets += 1
        self.types[packet.payload_type] += 1


def legs_of_capture(path: Path) -> list[Leg]:
    """The RTP streams of a PCAP or pcapng file as legs, in the order of their first packet.

    Raises:
        RecordingError: when the file is no capture or holds no audio that can be decoded.
    """
    capture, signalling = Capture(path), Signalling()
    streams: dict[StreamKey, StreamFacts] = {}
    datagrams = 0
    for datagram in capture:
        datagrams += 1
        if signalling.read(datagram):
            continue
        packet = parse(datagram.at_s, datagram.payload)
        if packet is None:
            continue
        key = StreamKey(datagram.source, datagram.target, packet.ssrc)
        streams.setdefault(key, StreamFacts(packet.at_s, packet.sequence)).take(packet)
    notes = (capture.cut_off,) if capture.cut_off else ()
    audible = {key: facts for key, facts in streams.items() if _plausible(facts)}
    legs = [leg for key, facts in audible.items() if (leg := _leg(capture, key, facts, signalling, notes)) is not None]
    if not legs:
        raise RecordingError(path, _why_silent(datagrams, audible, signalling, capture.cut_off))
    return legs


def _plausible(facts: StreamFacts) -> bool:
    return facts.packets >= FEWEST_PACKETS and facts.close_steps >= PLAUSIBLE_STEPS * facts.packets


def _why_silent(datagrams: int, audible: dict[StreamKey, StreamFacts], signalling: Signalling, cut_off: str) -> str:
    if not audible:
        cause = f"holds no RTP stream ({datagrams} packets looked at)"
        return f"{cause}; {cut_off}" if cut_off else cause
    if any(signalling.encrypted & {key.source, key.target} for key in audible):
        return "holds encrypted audio only (SRTP); record it where it is decrypted"
    types = sorted({payload_type for facts in audible.values() for payload_type in facts.types})
    listed = ", ".join(str(payload_type) for payload_type in types)
    return f"holds RTP of payload types {listed} only; decoded are G.711, G.722, GSM, and Opus if SDP names it"


def _codings(key: StreamKey, facts: StreamFacts, signalling: Signalling) -> dict[int, Coding]:
    """Coding by payload type of a stream, for the types that can be decoded."""
    codings = {}
    for payload_type in facts.types:
        named = signalling.coding_of(key.source, key.target, payload_type)
        coding = BY_NAME.get(named[0].upper()) if named else STATIC.get(payload_type)
        if coding is not None:
            codings[payload_type] = coding
    return codings


def _leg(
    capture: Capture, key: StreamKey, facts: StreamFacts, signalling: Signalling, notes: tuple[str, ...]
) -> Leg | None:
    if signalling.encrypted & {key.source, key.target}:
        return None
    codings = _codings(key, facts, signalling)
    if not codings:
        return None
    events = {number for number in facts.types if _is_event(key, number, signalling)}
    stream = _Stream(capture, key, codings, events)
    answer = signalling.answer_of(key.source, key.target)
    name = f"{endpoint_name(key.source)} to {endpoint_name(key.target)} SSRC {key.ssrc:08x}"
    main = max(codings, key=lambda number: facts.types[number])
    seen = stream.survey()
    return Leg(
        name=name,
        codec=f"RTP {codings[main].name}",
        blocks=stream.blocks,
        answered_at_s=None if answer is None else max(0.0, round((answer - facts.first_at_s) * 50) / 50),
        notes=(*notes, *seen),
    )


def _is_event(key: StreamKey, payload_type: int, signalling: Signalling) -> bool:
    named = signalling.coding_of(key.source, key.target, payload_type)
    return named[0].lower() == "telephone-event" if named else payload_type == TELEPHONE_EVENT


@dataclass
class _Stream:
    """One stream of a capture, decoded anew on every pass."""

    capture: Capture
    key: StreamKey
    codings: dict[int, Coding]
    events: set[int]

    def packets(self) -> Iterator[Packet]:
        for datagram in self.capture:
            if datagram.source == self.key.source and datagram.target == self.key.target:
                packet = parse(datagram.at_s, datagram.payload)
                if packet is not None and packet.ssrc == self.key.ssrc:
                    yield packet

    def survey(self) -> tuple[str, ...]:
        """Disorder and key presses of the stream, in words."""
        disorder, digits = Disorder(), {}
        for placed in in_order(self.packets(), disorder):
            if placed.packet.payload_type in self.events and placed.packet.payload:
                digits[placed.packet.timestamp] = "0123456789*#ABCD"[min(placed.packet.payload[0], 15)]
        notes = [f"packets: {disorder}"] if str(disorder) else []
        if digits:
            notes.append(f"key presses (RFC 4733): {' '.join(digits.values())}")
        return tuple(notes)

    def blocks(self) -> Iterator[Block]:
        counts = Counter(self.codings.values())
        rate = next(iter(counts)).rate if len(counts) == 1 else self._main_rate()
        timeline = _Timeline(rate)
        pieces = self._pieces(timeline)
        if rate != RATE:
            pieces = to_telephone_rate((piece.astype(np.float32) for piece in pieces), rate)
        position = 0
        for block in whole_blocks(pieces):
            yield Block(block.samples, timeline.lost_frames(position, len(block.samples)))
            position += len(block.samples)

    def _main_rate(self) -> int:
        seen = Counter(p.payload_type for p in self.packets() if p.payload_type in self.codings)
        return self.codings[seen.most_common(1)[0][0]].rate

    def _pieces(self, timeline: _Timeline) -> Iterator[NDArray[np.int16]]:
        decoders = {number: Decoder(coding) for number, coding in self.codings.items()}
        for placed in in_order(self.packets(), Disorder()):
            number = placed.packet.payload_type
            if number in self.events or number == COMFORT_NOISE:
                timeline.skip(placed)
                continue
            decoder = decoders.get(number)
            usable = decoder is not None and decoder.coding.rate == timeline.rate
            clock_rate = decoder.coding.clock_rate if decoder else RATE
            samples = decoder.decode(placed.packet.payload) if decoder and usable else None
            yield from timeline.place(placed, samples, clock_rate)


class _Timeline:
    """Puts decoded packets where their timestamps say, and remembers which spans are lost."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._position = 0  # samples given out
        self._next_timestamp: int | None = None
        self._last_arrival_s = 0.0
        self._usual = rate // 50  # samples of the last packet
        self._missing = 0
        self._restarted = False
        self._lost: list[tuple[int, int]] = []  # spans in samples at RATE

    def skip(self, placed: Placed) -> None:
        """Take note of a packet without audio."""
        self._missing += placed.missing
        self._restarted |= placed.restarted

    def place(self, placed: Placed, samples: NDArray[np.int16] | None, clock_rate: int) -> Iterator[NDArray[np.int16]]:
        """What belongs before a packet, then its samples; a packet without samples counts as lost."""
        packet = placed.packet
        missing = self._missing + placed.missing
        gap = self._gap(packet, placed.restarted or self._restarted, clock_rate)
        lost = min(gap, missing * self._usual) if gap > 0 else missing * self._usual
        yield from self._silence(lost, lost=True)
        yield from self._silence(max(0, gap - lost), lost=False)
        length = self._usual if samples is None else len(samples)
        if samples is None:
            yield from self._silence(length, lost=True)
        else:
            self._position += length
            yield samples
        self._usual = length or self._usual
        self._missing, self._restarted = 0, False
        self._next_timestamp = packet.timestamp + length * clock_rate // self.rate
        self._last_arrival_s = packet.at_s

    def _gap(self, packet: Packet, restarted: bool, clock_rate: int) -> int:
        """Samples between the end of the last packet and this one; not positive when there is no gap."""
        if self._next_timestamp is None:
            return 0
        arrival_s = max(0.0, packet.at_s - self._last_arrival_s - self._usual / self.rate)
        if restarted:
            return int(min(arrival_s, LONGEST_GAP_S) * self.rate)
        units = ((packet.timestamp - self._next_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        gap_s = units / clock_rate
        if gap_s > arrival_s + CLOCK_SLACK_S:
            gap_s = arrival_s
        return round(min(gap_s, LONGEST_GAP_S) * self.rate)

    def _silence(self, count: int, *, lost: bool) -> Iterator[NDArray[np.int16]]:
        if lost and count:
            scale = RATE / self.rate
            self._lost.append((int(self._position * scale), int(np.ceil((self._position + count) * scale))))
        self._position += count
        while count > 0:
            piece = min(count, self.rate)
            yield np.zeros(piece, dtype=np.int16)
            count -= piece

    def lost_frames(self, start: int, count: int) -> NDArray[np.bool_]:
        """Lost frames of a block, bool [ceil(count / FRAME)]; forgets spans that end before it.

        Args:
            start: first sample of the block, at `RATE`.
            count: samples of the block.
        """
        self._lost = [span for span in self._lost if span[1] > start]
        frames = np.zeros(-(-count // FRAME), dtype=np.bool_)
        for first, end in self._lost:
            if first < start + count:
                frames[max(0, first - start) // FRAME : -(-(end - start) // FRAME)] = True
        return frames
