"""Whose tones to expect: the country of the number called."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers


@lru_cache(maxsize=4096)
def country_of(number: str) -> str | None:
    """ISO 3166 code of the country of an E.164 number; None when it belongs to none (satellite, freephone, no number).

    Examples:
        >>> country_of("+442079460000")
        'GB'
    """
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return None if region in {None, "001"} else str(region)
