"""Opens a recording by what it is: a file libsndfile reads, a capture, or bare G.711 without a header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from dialer.replay.container import legs_of_container
from dialer.replay.errors import RecordingError
from dialer.replay.leg import RATE, Leg

Raw = Literal["ulaw", "alaw"]

RAW_SUFFIXES: dict[str, Raw] = {
    **dict.fromkeys((".ulaw", ".ul", ".ulw", ".mu", ".mulaw", ".pcmu", ".pcm"), "ulaw"),
    **dict.fromkeys((".alaw", ".al", ".alw", ".pcma"), "alaw"),
}
"""Law by suffix of a file without a header; Asterisk's format modules use the same (`.pcm` is µ-law there)."""

CAPTURE_MAGIC = {
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a",
}  # fmt: skip
"""First four bytes of PCAP (micro- and nanoseconds, both byte orders) and pcapng."""

CONTAINER_MAGIC = {b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"fLaC", b"OggS", b"riff", b"caff"}
"""First four bytes of WAV, big-endian and 64-bit WAV, AIFF, AU, FLAC, Ogg, W64 and CAF."""

SOUND_SUFFIXES = {".wav", ".wave", ".rf64", ".w64", ".aif", ".aiff", ".au", ".flac", ".ogg", ".caf"}

SUFFIXES = {*SOUND_SUFFIXES, ".pcap", ".pcapng", ".cap", *RAW_SUFFIXES}
"""Suffixes taken as recordings when a folder is searched; a file named by the user is opened whatever it is called."""


def open_recording(path: Path, raw: Raw | None = None) -> list[Leg]:
    """The legs of a recording.

    Args:
        path: the file.
        raw: law of a file without a header, when its suffix does not tell.

    Raises:
        RecordingError: with the cause in words.
    """
    magic = _first_bytes(path)
    if raw is None and magic in CAPTURE_MAGIC:
        from dialer.replay.capture import legs_of_capture  # noqa: PLC0415  (its libraries take a quarter of a second)

        return legs_of_capture(path)
    if raw is None and magic in CONTAINER_MAGIC:
        return legs_of_container(path)
    law = raw or RAW_SUFFIXES.get(path.suffix.lower())
    if law is not None:
        return legs_of_container(path, format="RAW", subtype=law.upper(), samplerate=RATE, channels=1)
    if path.suffix.lower() in SUFFIXES:
        raise RecordingError(
            path, f"is named {path.suffix} but begins with {magic!r}: another kind of file, or damaged"
        )
    raise RecordingError(
        path, f"is no WAV and no capture (begins with {magic!r}); bare G.711 needs --raw ulaw or --raw alaw"
    )


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise RecordingError(path, "is a folder, not a recording")
    if not path.exists():
        raise RecordingError(path, "does not exist")
    if not path.is_file():
        raise RecordingError(path, "is no regular file")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as fault:
        raise RecordingError(path, f"cannot be opened: {fault.strerror}") from fault
    if not magic:
        raise RecordingError(path, "is empty (0 bytes)")
    return magic


def find_recordings(paths: Iterable[Path]) -> list[Path]:
    """The files to replay: files as named, and for a folder all recordings below it in the order of their names.

    Raises:
        RecordingError: when a folder holds no recording at all.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(_recordings_below(path))
        else:
            found.append(path)
    return found


def _recordings_below(folder: Path) -> Sequence[Path]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise RecordingError(folder, "is a folder without recordings (.wav, .pcap, .ulaw, .alaw, ...)")
    return files
