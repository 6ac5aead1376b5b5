"""Telephone numbers: from what a customer typed to E.164, or a refusal that says why."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final

import phonenumbers
import re2
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from dialer.booking.refused import InvalidNumber
from dialer.callback.options import ServiceOptions

_LITERAL: Final = re.compile(r"[+\d\s()-]+")
MAX_LENGTH: Final = 64  # longer than any number with blanks, prefix and extension; keeps parsing cheap


def read_number(received: str, options: ServiceOptions) -> str:
    """Gives a customer's number in E.164, by the rules of its service (api.md §2.1 check 4).

    A number that is not possible in `default_country` is tried without the service's `dial_prefix`, and then as an
    international number without "+": applications send all three.

    Raises InvalidNumber: when it does not parse, is impossible, premium or blocked, and the service refuses that.
    """
    number = _parse(received, options)
    if number is None:
        raise InvalidNumber(f"{received[:MAX_LENGTH]!r} is not a telephone number")
    if options.reject_impossible_numbers and not phonenumbers.is_possible_number(number):
        raise InvalidNumber(f"{received!r} is not a possible number in {options.default_country}")
    if options.reject_premium_numbers and phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        raise InvalidNumber(f"{received!r} is a premium rate number")
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if is_blocked(options.blocked_numbers, number, received, options.default_country):
        raise InvalidNumber(f"{received!r} is blocked")
    return e164


def same_number(received: str, options: ServiceOptions) -> str:
    """E.164 for comparing, or the text itself where it does not parse. Never refuses."""
    number = _parse(received, options)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else received


def is_blocked(entries: Sequence[str], number: PhoneNumber, received: str, country: str) -> bool:
    """Whether a literal entry is this number, or a pattern is found in one of its three forms (options.md §8)."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    forms = (e164.lstrip("+"), phonenumbers.national_significant_number(number), re.sub(r"\D", "", received))
    for entry in entries:
        if _LITERAL.fullmatch(entry):
            if _literal_e164(entry, country) == e164:
                return True
        elif any(_pattern(entry).search(form) for form in forms):
            return True
    return False


@functools.lru_cache(maxsize=4096)
def _literal_e164(entry: str, country: str) -> str | None:
    try:
        return phonenumbers.format_number(phonenumbers.parse(entry, country), PhoneNumberFormat.E164)
    except NumberParseException:
        return None


@functools.lru_cache(maxsize=4096)
def _pattern(entry: str) -> re.Pattern[str]:
    """RE2 runs in linear time whatever the pattern (options.md §8)."""
    pattern: re.Pattern[str] = re2.compile(entry)
    return pattern


def _parse(received: str, options: ServiceOptions) -> PhoneNumber | None:
    """The first reading of the number that is possible, else the plain one, else None."""
    text = received.strip()
    if len(text) > MAX_LENGTH:
        return None
    plain = _read(text, options.default_country)
    if text.startswith("+") or (plain is not None and phonenumbers.is_possible_number(plain)):
        return plain
    others = []
    if options.dial_prefix and text.startswith(options.dial_prefix):
        others.append(_read(text.removeprefix(options.dial_prefix), options.default_country))
    others.append(_read("+" + text, None))
    possible = [number for number in others if number is not None and phonenumbers.is_possible_number(number)]
    return possible[0] if possible else plain


def _read(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except NumberParseException:
        return None
