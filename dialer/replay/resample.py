"""Any sampling rate to 8 kHz, in a stream, with numpy alone.

A windowed-sinc low-pass in polyphase form; zero delay, so times in the file stay true. The result does not depend on
how the input is cut, because the arithmetic runs over blocks of a fixed size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dialer.replay.leg import RATE

ZERO_CROSSINGS = 24
"""Half length of the kernel in periods of the narrower band: 70 dB down outside a transition of about 250 Hz."""

KAISER_BETA = 7.0
"""Window parameter for about 70 dB of attenuation (Kaiser's formula beta = 0.1102 (A - 8.7))."""

PASS = 0.93
"""Cut-off as a share of the narrower Nyquist frequency: 3.72 kHz at 8 kHz, above the telephone band's 3.4 kHz."""

OUTPUT_BLOCK = 2000
"""Output samples computed at once; fixed, so that rounding does not depend on the input's blocks."""


@lru_cache(maxsize=8)
def _kernel(up: int, down: int) -> NDArray[np.float32]:
    """Polyphase kernel, float32 [up, taps]: row p holds the taps for outputs whose phase is p."""
    scale = min(1.0, up / down) * PASS
    half = int(np.ceil(ZERO_CROSSINGS / scale))
    phases = np.arange(up)[:, np.newaxis] / up
    offsets = np.arange(-half, half + 1)[np.newaxis, :] - phases
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (offsets / (half + 1)) ** 2, 0, None))) / np.i0(KAISER_BETA)
    taps = np.sinc(offsets * scale) * window
    normalised = taps / taps.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(normalised, dtype=np.float32)


def to_telephone_rate(pieces: Iterable[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.int16]]:
    """Resample a stream to 8 kHz, rounded and clipped to 16 bit.

    Args:
        pieces: float32 [n] each, in units of one 16-bit step.
        rate: samples a second of the input.

    Yields:
        int16 [m] each, together `ceil(n * 8000 / rate)` samples.
    """
    divisor = gcd(RATE, rate)
    up, down = RATE // divisor, rate // divisor
    kernel = _kernel(up, down)
    half = kernel.shape[1] // 2
    held = np.zeros(half, dtype=np.float32)  # starts `half` samples before input position `origin`
    origin, done, received = 0, 0, 0
    for piece in pieces:
        held = np.concatenate([held, piece])
        received += len(piece)
        ready = max(0, (received - half) * up // down)
        while ready - done >= OUTPUT_BLOCK:
            yield _outputs(held, kernel, done, OUTPUT_BLOCK, origin, down)
            done += OUTPUT_BLOCK
            step = done * down // up - origin
            held, origin = held[step:], origin + step
    held = np.concatenate([held, np.zeros(half + down + 1, dtype=np.float32)])
    total = -(-received * up // down)
    while done < total:
        count = min(OUTPUT_BLOCK, total - done)
        yield _outputs(held, kernel, done, count, origin, down)
        done += count


def _outputs(
    held: NDArray[np.float32], kernel: NDArray[np.float32], first: int, count: int, origin: int, down: int
) -> NDArray[np.int16]:
    """Output samples `first` to `first + count`, int16 [count]."""
    up, taps = kernel.shape
    position = np.arange(first, first + count, dtype=np.int64) * down
    windows = sliding_window_view(held, taps)[position // up - origin]
    values = windows @ kernel[0] if up == 1 else np.einsum("ij,ij->i", windows, kernel[position % up])
    return to_int16(values)


def to_int16(values: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round to whole steps and clip, int16 of the same shape."""
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)
