"""Checks the sounds: every treatment's WAV must be there, PCM 16 bit, mono, 8 or 16 kHz."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dialer.callback.treatment import Treatment

BUILT_IN: Final = Path(__file__).resolve().parents[2] / "media" / "treatments"
RATES_HZ: Final = (8000, 16000)
_PCM: Final = 1  # WAVE_FORMAT_PCM
_EXTENSIBLE: Final = 0xFFFE  # WAVE_FORMAT_EXTENSIBLE: the real format begins its sub-format GUID
_FORMATS: Final = {3: "floating point", 6: "A-law", 7: "µ-law", 49: "GSM", 85: "MP3"}
_MEND: Final = "convert it, e.g. with: sox IN.wav -b 16 -c 1 -r 8000 -e signed-integer OUT.wav"


class WavFault(ValueError):  # noqa: N818 - a finding about a file
    """The file is not a sound that can be played."""


def check_wav(path: Path) -> None:
    """Opens a WAV file and reads its format.

    Raises FileNotFoundError: when it is missing.
    Raises WavFault: when it cannot be read, or is not 16-bit PCM, mono, 8 or 16 kHz, with what it is instead.
    """
    try:
        with path.open("rb") as file:
            head = file.read(65536)  # chunks before "fmt " are small
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WavFault(f"cannot be read: {error.strerror}") from error
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise WavFault("is not a WAV file")
    chunks = dict(_chunks(head))
    if len(chunks.get(b"fmt ", b"")) < 16:  # size of a PCM format chunk
        raise WavFault("has no format chunk")
    if b"data" not in chunks:
        raise WavFault("has no sound in it")
    _check_format(chunks[b"fmt "])


def _chunks(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Chunk names with their content, as far as `head` reaches; stops at the sound."""
    at = 12
    while at + 8 <= len(head):
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if name == b"data":
            if size:
                yield name, b""
            return
        yield name, head[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _check_format(chunk: bytes) -> None:
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:  # up to the first two bytes of the GUID
        kind = int.from_bytes(chunk[24:26], "little")
    wrong = []
    if kind != _PCM:
        wrong.append(f"not PCM ({_FORMATS.get(kind, f'format {kind}')})")
    elif bits != 16:  # what the players take
        wrong.append(f"{bits} bit instead of 16")
    if channels != 1:
        wrong.append(f"not mono ({channels} channels)")
    if rate not in RATES_HZ:
        wrong.append(f"{rate} Hz instead of 8000 or 16000")
    if wrong:
        raise WavFault("is " + ", ".join(wrong))


def folders(treatment: Treatment, treatments_dir: Path | None) -> tuple[Path, ...]:
    """Where a treatment's file is looked for: uploaded ones first, built-in ones after."""
    if treatment.built_in or treatments_dir is None:
        return (BUILT_IN,)
    return (treatments_dir, BUILT_IN)


def candidates(treatment: Treatment, treatments_dir: Path | None) -> list[Path]:
    """Every file that a treatment may play: the plain one and one per language, in the order of the search."""
    name, found = treatment.name, []
    for folder in folders(treatment, treatments_dir):
        found += [folder / name, *sorted(folder.glob(f"*/{name}"))]
    return found


def check_treatment(treatment: Treatment, treatments_dir: Path | None) -> tuple[str, str, bool] | None:
    """What is wrong with a treatment's sound.

    Returns:
        None when nothing is, else what, how to mend it, and whether it must be refused (else: a warning).
    """
    if treatment.remote:
        return None  # fetched when it is needed
    present = [path for path in candidates(treatment, treatments_dir) if path.is_file()]
    if not present:
        searched = ", ".join(str(folder) for folder in folders(treatment, treatments_dir))
        return f"{treatment.file!r} is missing, nothing will be played", f"put the WAV into {searched}", False
    for path in present:
        try:
            check_wav(path)
        except WavFault as fault:
            return f"{path} {fault}", _MEND, True
    return None
