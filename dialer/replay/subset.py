"""By what a manifest's calls are grouped, so that a weakness does not hide in the total."""

from __future__ import annotations

from collections.abc import Callable

from dialer.replay.manifest import LabelledCall

UNKNOWN = "-"


def _level(call: LabelledCall) -> str:
    level = call.numbers.get("level_dbm0")
    if level is None:
        return UNKNOWN
    if level >= -24:
        return "-24 and above dBm0"
    return "-34 to -24 dBm0" if level >= -34 else "-99 to -34 dBm0"


def _snr(call: LabelledCall) -> str:
    snr = call.numbers.get("snr_db")
    if snr is None:
        return UNKNOWN
    for limit, name in ((12, "0 to 12 dB"), (17, "12 to 17 dB"), (27, "17 to 27 dB")):
        if snr < limit:
            return name
    return "27 and more dB"


def _loss(call: LabelledCall) -> str:
    share, _, concealed = call.words.get("loss", "").partition(":")
    return f"{share} % {concealed}".strip() if share else UNKNOWN


def _text(name: str) -> Callable[[LabelledCall], str]:
    return lambda call: call.words.get(name, UNKNOWN)


def _sources(call: LabelledCall) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.words.get("source", UNKNOWN).split("+")))


def _one(value_of: Callable[[LabelledCall], str]) -> Callable[[LabelledCall], tuple[str, ...]]:
    return lambda call: (value_of(call),)


def _kind(call: LabelledCall) -> str:
    return f"{call.expected}: {call.kind}" if call.expected in {"human", "machine", "machine_beep"} else call.expected


SUBSETS: dict[str, Callable[[LabelledCall], tuple[str, ...]]] = {
    "level": _one(_level),
    "snr": _one(_snr),
    "codec": _one(_text("codec")),
    "loss": _one(_loss),
    "phase": _one(lambda call: call.phase),
    "country": _one(_text("country")),
    "kind": _one(_kind),
    "source": _sources,
}
"""Name of each grouping and the groups a call belongs to; a call cut from several sources belongs to each."""
