"""`[call_in_group.<name>]`: pools of numbers that are handed out to customers who dial in. Source: options.md §9."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from dialer.callback.call_in import AccessWish, bare
from dialer.config.table import Table

NUMBER: Final = re.compile(r"\+?[0-9]{1,15}")  # E.164, at most 16 characters with its "+"
MOST_NUMBERS: Final = 10_000


class CallInGroupTable(Table):
    """One call-in group.

    Attributes:
        dnis: its numbers (E.164, "+" optional) with their descriptions; a list of numbers where none is described.
        generate_code: whether a code goes with each number.
        code_length: digits of that code.
        expiry_s: how long a request is good for.
        unique_dnis: a number with an active request is not handed out again.
    """

    dnis: dict[str, Annotated[str, Field(max_length=32)]] = Field(min_length=1, max_length=MOST_NUMBERS)
    generate_code: bool = False
    code_length: int = Field(default=6, ge=4, le=12)
    expiry_s: float = Field(default=30, ge=10, le=1800)
    unique_dnis: bool = False

    @field_validator("dnis", mode="before")
    @classmethod
    def _plain_numbers(cls, dnis: Any) -> Any:
        if not isinstance(dnis, list):
            return dnis
        _refuse_doubles([str(entry) for entry in dnis])
        return dict.fromkeys(map(str, dnis), "")

    @field_validator("dnis")
    @classmethod
    def _e164(cls, dnis: dict[str, str]) -> dict[str, str]:
        for number in dnis:
            if not NUMBER.fullmatch(number):
                raise ValueError(f"{number!r} is not a number in E.164; write up to 15 digits, with or without +")
        _refuse_doubles(list(dnis))
        return dnis

    def wish(
        self,
        name: str,
        *,
        service: str = "",
        code: bool | None = None,
        expiry_s: float | None = None,
        from_number: str | None = None,
        user_data: dict[str, Any] | None = None,
    ) -> AccessWish:
        """What to ask the store for.

        Args:
            name: of this group.
            service: for which it is asked.
            code: whether a code is wanted; None: as the group says.
            expiry_s: None: as the group says.
            from_number: E.164 that the customer will call from.
            user_data: kept with the request.
        """
        return AccessWish(
            group=name,
            numbers=self.dnis,
            code_length=self.code_length if (self.generate_code if code is None else code) else 0,
            expiry_s=self.expiry_s if expiry_s is None else expiry_s,
            unique_dnis=self.unique_dnis,
            service=service,
            from_number=from_number or None,
            user_data=user_data or {},
        )


def _refuse_doubles(numbers: list[str]) -> None:
    doubles = [number for number, count in Counter(map(bare, numbers)).items() if count > 1]
    if doubles:
        raise ValueError(f"{', '.join(map(str, doubles))} is there twice; keep one")
