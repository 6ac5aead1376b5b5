"""Whose tones are expected."""

import pytest

from dialer.scenario.tone_plan import country_of


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550100", "US"),
        ("+16135550100", "CA"),
        ("+442079460000", "GB"),
        ("+4930123456", "DE"),
        ("+80012345678", None),
        ("12", None),
    ],
)
def test_the_country_of_the_number_called(number: str, country: str | None) -> None:
    assert country_of(number) == country
