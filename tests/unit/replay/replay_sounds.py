"""Small recordings made on the spot for the tests of replay."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000


def tone(freq_hz: float, length_s: float, rate: int = RATE, level: float = 0.2) -> np.ndarray:
    """A sine, float64 [n] in -1..1."""
    return level * np.sin(2 * np.pi * freq_hz * np.arange(round(length_s * rate)) / rate)


def silence(length_s: float, rate: int = RATE) -> np.ndarray:
    """Line noise at about -70 dBov, float64 [n]."""
    return np.random.default_rng(1).normal(0, 3e-4, round(length_s * rate))


def busy(cycles: int = 6) -> np.ndarray:
    """US busy: 480 + 620 Hz, half a second on and off (E.180 supplement 2)."""
    on = tone(480, 0.5) + tone(620, 0.5)
    return np.concatenate([np.concatenate([on, silence(0.5)]) for _ in range(cycles)])


def speech(length_s: float) -> np.ndarray:
    """Something with the pitch and the syllables of a voice, float64 [n]."""
    t = np.arange(round(length_s * RATE)) / RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = sum(np.exp(-(((k * 120 - 600) / 500) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    return 0.08 * formants * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t))


def fax() -> np.ndarray:
    """A called fax: 2100 Hz for 3 s after 1 s (T.30)."""
    return np.concatenate([silence(1), tone(2100, 3), silence(1)])


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16", **kwargs: str) -> Path:
    """A sound file; returns its path."""
    soundfile.write(path, samples, rate, subtype=subtype, **kwargs)
    return path


def rtp_packet(sequence: int, timestamp: int, payload: bytes, payload_type: int = 0, ssrc: int = 0x1234) -> bytes:
    """RFC 3550 section 5.1."""
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def ethernet_udp(payload: bytes, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    """A UDP datagram in IPv4 in Ethernet; checksums left zero."""
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    addresses = bytes(int(part) for part in source[0].split(".")) + bytes(int(part) for part in target[0].split("."))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + addresses
    return b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + udp


def write_pcap(path: Path, frames: list[tuple[float, bytes]], link: int = 1) -> Path:
    """A little-endian PCAP of (time, frame); returns its path."""
    data = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for at_s, frame in frames:
        data += struct.pack("<IIII", int(at_s), int(at_s % 1 * 1e6), len(frame), len(frame)) + frame
    path.write_bytes(data)
    return path
