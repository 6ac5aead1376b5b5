"""A callback's SIP ladder: who told whom what, customer, dialer and agents side by side, time going down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dialer.callback.record import JournalEntry

COLUMN = 30  # characters between two lifelines
TIME = 10  # characters of the time in front
DIALER = "dialer"
MESSAGES = {
    "Trying": "100 Trying",
    "Ringing": "{status} Ringing",
    "Progress": "{status} Session Progress",
    "Answered": "200 OK",
    "FirstRtp": "RTP",
    "Dtmf": "DTMF {digit}",
    "Held": "re-INVITE, held by {by}",
    "Retrieved": "re-INVITE, retrieved",
    "TransferProgress": "NOTIFY {status} {reason}",
    "Redirected": "3xx to {target}",
}
"""What an event of a leg was on the wire, with its facts."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of the ladder.

    Attributes:
        t_ms: milliseconds since the run began.
        source, target: names of lifelines; the same one twice is a note beside it.
        words: over the arrow.
    """

    t_ms: float
    source: str
    target: str
    words: str


def ladder(entries: Iterable[JournalEntry]) -> list[str]:
    """Draws the ladder; one block of lines for each run of a node, with the lifelines named above it."""
    runs: dict[str, list[JournalEntry]] = {}
    for entry in entries:
        runs.setdefault(str(entry.data.get("run", "")), []).append(entry)
    lines: list[str] = []
    for steps in runs.values():
        rungs = [rung for entry in steps if (rung := rung_of(entry)) is not None]
        if rungs:
            lines += [*([""] if lines else []), *draw(rungs, steps[0])]
    return lines


def rung_of(entry: JournalEntry) -> Rung | None:
    """What a step is in the ladder; None when it is no message and nothing that both sides know."""
    if entry.data.get("given") == "event":
        return rung_of_event(entry)
    rung = None
    if entry.kind == "sip" and entry.text.startswith("INVITE"):
        words = f"INVITE {entry.data.get('number', '')}".strip()
        rung = Rung(entry.t_ms, DIALER, str(entry.data.get("who", "customer")), words)
    elif entry.kind == "routing" and entry.text.startswith("rings "):
        rung = Rung(entry.t_ms, DIALER, entry.text.removeprefix("rings "), "INVITE")
    elif entry.kind == "media" and entry.text.endswith("joined"):
        rung = Rung(entry.t_ms, DIALER, DIALER, entry.text)
    return rung


def rung_of_event(entry: JournalEntry) -> Rung | None:
    """The message behind an event of a leg; None when it was none."""
    data = entry.data
    words = words_of_end(data) if data["event"] == "Ended" else MESSAGES.get(data["event"], "").format(**data)
    if not words:
        return None
    who = str(data.get("who", "customer"))
    by_us = data["event"] == "Ended" and data["ended_by"] != "far"
    return Rung(entry.t_ms, *((DIALER, who) if by_us else (who, DIALER)), words)


def words_of_end(data: Mapping[str, Any]) -> str:
    """The message that ended a leg."""
    cause = f", Q.850 {data['q850']}" if data.get("q850") else ""
    if data["sip_status"] == 200:
        return f"BYE ({data['cause']}{cause})"
    if data["ended_by"] == "us":
        return f"CANCEL ({data['cause']})"
    if data["sip_status"] is None:
        return str(data["cause"])
    return f"{data['sip_status']} {data['sip_reason']}{cause}"


def draw(rungs: list[Rung], first: JournalEntry) -> Iterator[str]:
    """Draws the lines of one run."""
    agents = dict.fromkeys(name for rung in rungs for name in (rung.source, rung.target))
    lifelines = ["customer", DIALER, *(name for name in agents if name not in {"customer", DIALER})]
    place = {name: number for number, name in enumerate(lifelines)}
    width = COLUMN * len(lifelines)
    attempt = f"attempt {first.attempt}, " if first.attempt else ""
    yield f"{attempt}{first.at:%Y-%m-%d %H:%M:%S} UTC"
    yield " " * TIME + "".join(name.center(COLUMN) for name in lifelines).rstrip()
    for rung in rungs:
        row = list(" " * width)
        for number in range(len(lifelines)):
            row[centre(number)] = "│"
        one, other = centre(place[rung.source]), centre(place[rung.target])
        if one == other:
            put(row, one + 2, rung.words)
        else:
            low, high = min(one, other), max(one, other)
            row[low + 1 : high] = "─" * (high - low - 1)
            row[high - 1 if other > one else low + 1] = "►" if other > one else "◄"
            put(row, low + 3, f" {rung.words[: high - low - 7]} ")
        yield f"{rung.t_ms / 1000:8.3f}  " + "".join(row).rstrip()


def centre(number: int) -> int:
    """Column of a lifeline."""
    return number * COLUMN + COLUMN // 2


def put(row: list[str], at: int, words: str) -> None:
    """Writes words into a line."""
    row[at : at + len(words)] = words
