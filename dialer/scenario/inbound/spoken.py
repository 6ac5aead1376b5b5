"""Numbers, waiting times and moments as the prompts that say them, one after the other. English, as the files are."""

from __future__ import annotations

import math
from datetime import datetime

NOON = 12


def digits(text: str) -> list[str]:
    """Each digit of a number by itself; everything else is left out."""
    return [f"number/{character}.wav" for character in text if character.isdigit()]


def number(n: int) -> list[str]:
    """A number from 0 to 5999."""
    if n < 60:
        return [f"number/{n}.wav"]
    hundreds, rest = divmod(n, 100)
    said = [f"number/{hundreds}.wav", "hundred.wav"] if hundreds else []
    if rest >= 60:
        return [*said, *digits(str(rest))]
    return [*said, f"number/{rest}.wav"] if rest or not said else said


def minutes(seconds: float) -> list[str]:
    """A waiting time, in whole minutes, rounded up: nobody minds to be called sooner."""
    whole = math.ceil(seconds / 60)
    if seconds < 60:
        return ["less_than_a_minute.wav"]
    return [*number(whole), "minutes.wav"]


def moment(when: datetime) -> list[str]:
    """A local time: day of the week, month, day, and the time of day."""
    return [
        f"day/{when.weekday()}.wav",
        f"month/{when.month}.wav",
        f"date/{when.day}.wav",
        "at.wav",
        *time_of_day(when),
    ]


def time_of_day(when: datetime) -> list[str]:
    """Hour and minute with A M or P M."""
    said = [f"number/{(when.hour - 1) % NOON + 1}.wav"]
    if when.minute:
        said += ["oh.wav"] if when.minute < 10 else []
        said.append(f"number/{when.minute}.wav")
    return [*said, "a_m.wav" if when.hour < NOON else "p_m.wav"]
