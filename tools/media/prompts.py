"""Makes the prompts for callers, and the numbers, days and times read to them, into media/treatments (8 kHz mono).

python tools/media/prompts.py            # needs: apt-get install festival festvox-us-slt-hts
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.media.sound import VoiceMissingError, silence, speak, write_wav

FOLDER = Path(__file__).resolve().parents[2] / "media" / "treatments"
VOICE = "hts"
PROMPTS = {
    "enter_code": "Please enter your access code.",
    "wrong_code": "That code is not right.",
    "no_record": "We are sorry. We could not find your request. Good bye.",
    "wait_is_about": "The estimated waiting time is about",
    "offer_now": "To be called back when it is your turn, without waiting on the line, press 1.",
    "offer_later": "To be called back at a time of your choice, press 2.",
    "offer_stay": "To stay on the line, press 3.",
    "number_is": "We will call you at",
    "number_right": "If that is right, press 1. For another number, press 2.",
    "enter_number": "Please enter the number to call, with the area code, and then press pound.",
    "number_wrong": "That number cannot be called.",
    "day_first": "For a call today, press 0. For tomorrow, press 1. For a later day, press how many days from now.",
    "enter_time": "Please enter the time as four digits. For example, for two thirty in the afternoon, 1 4 3 0.",
    "time_wrong": "There is no such time, or it is over.",
    "time_is": "The call would be on",
    "at": "at",
    "time_right": "If that is right, press 1. For another time, press 2.",
    "no_slot": "There is no free time then.",
    "say_name": "Please say your name after the tone, and then press pound.",
    "booked_now": "Thank you. We will call you when it is your turn. Good bye.",
    "booked_later": "Thank you. We will call you then. Good bye.",
    "not_booked": "We are sorry. The call back could not be booked.",
    "still_here": "You keep your place in the queue.",
    "minute": "minute",
    "minutes": "minutes",
    "less_than_a_minute": "less than a minute",
    "oh": "oh",
    "hundred": "hundred",
    "hours": "hours",
    "a_m": "A M",
    "p_m": "P M",
}
TEENS = [
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth",
]  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
GAP_S = 0.08  # between words that are put together
BEEP_HZ, BEEP_S = 1000.0, 0.35


def number_words(n: int) -> str:
    """A number from 0 to 59 in words."""
    if n < len(UNITS):
        return UNITS[n]
    if n < len(UNITS) + len(TEENS):
        return TEENS[n - len(UNITS)]
    return f"{TENS[n // 10 * 10]} {UNITS[n % 10]}" if n % 10 else TENS[n]


def ordinal_words(n: int) -> str:
    """A day of the month, 1 to 31, in words."""
    if n <= len(ORDINALS):
        return ORDINALS[n - 1]
    if n == 30:
        return "thirtieth"
    return f"{TENS[n // 10 * 10]} {ORDINALS[n % 10 - 1]}"


def texts() -> dict[str, str]:
    """Every file, without its ending, and what it says."""
    numbers = {f"number/{n}": number_words(n) for n in range(60)}
    days = {f"day/{index}": name for index, name in enumerate(DAYS)}
    dates = {f"date/{n}": ordinal_words(n) for n in range(1, 32)}
    months = {f"month/{index}": name for index, name in enumerate(MONTHS, 1)}
    return PROMPTS | numbers | days | dates | months


def beep() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The tone after which a name is said."""
    t = np.arange(round(BEEP_S * 8000)) / 8000
    return np.asarray(np.sin(2 * np.pi * BEEP_HZ * t) * 4000.0)


def main() -> int:
    """Makes all of them; returns the exit status."""
    try:
        for name, text in texts().items():
            write_wav(FOLDER / f"{name}.wav", np.concatenate([speak(text, VOICE), silence(GAP_S)]))
        write_wav(FOLDER / "beep.wav", np.concatenate([silence(0.1), beep(), silence(0.02)]))
    except VoiceMissingError as missing:
        print(f"prompts: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
