"""How an option of a service is declared: its value types, its names, and how text becomes a value.

Source: spec options sections 1 and 2.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from dialer.callback.call_result import NEVER_COUNTED, CallResult
from dialer.callback.errors import TreatmentError
from dialer.callback.option_text import add_lead, parse_dial_window, parse_eta_positions
from dialer.callback.treatment import parse_treatment

PLACEHOLDER = re.compile(r"\$[A-Za-z_][A-Za-z0-9_.-]*\$")
"""``$name$`` in an option value: replaced by the request parameter `name`."""

TEN_YEARS_S = 10 * 366 * 86400


def opt(default: Any, meaning: str, *, v1: str | None = None, v3: str | None = None, **constraints: Any) -> Any:
    """An option: default, meaning, its v1 name and v3 column title, and pydantic's constraints (`ge`, `pattern`)."""
    names: dict[str, JsonValue] = {name: title for name, title in (("v1", v1), ("v3", v3)) if title is not None}
    return Field(default, description=meaning, json_schema_extra=names, **constraints)


def _to_list(value: Any) -> Any:
    """A comma list or a JSON list as a tuple; anything else as it is."""
    if not isinstance(value, str):
        return tuple(value) if isinstance(value, list | set | frozenset) else value
    text = value.strip()
    if text.startswith("["):
        try:
            return tuple(json.loads(text))
        except json.JSONDecodeError as error:
            msg = f"not readable as a JSON list at character {error.pos + 1} ({error.msg})"
            raise ValueError(msg) from error
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _to_codes(value: Any) -> Any:
    found = _to_list(value)
    if not isinstance(found, tuple):
        return found
    return frozenset(to_code(code) for code in found)


def to_code(value: Any) -> CallResult:
    """A call result from its number.

    Raises:
        ValueError: when it is not one of 0..53.
    """
    try:
        return CallResult(int(value))
    except (ValueError, TypeError) as error:
        msg = f"{value!r} is not a call result: use the numbers 0 to {max(CallResult):d}"
        raise ValueError(msg) from error


def _to_movable(value: Any) -> Any:
    found = _to_codes(value)
    fixed = found & MOVED_NEVER if isinstance(found, frozenset) else frozenset()
    if fixed:
        codes = ", ".join(f"{int(code)}" for code in sorted(fixed))
        msg = f"{codes} cannot be moved: an answer goes on, and who must not be called or cancelled is not called again"
        raise ValueError(msg)
    return found


MOVED_NEVER = frozenset({CallResult.ANSWER, *NEVER_COUNTED})
"""Results that stay in their group whatever a service says."""


def _to_delays(value: Any) -> Any:
    found = _to_object(value)
    return {to_code(code): seconds for code, seconds in found.items()} if isinstance(found, Mapping) else found


def _to_object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.strip():
        return {}
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        msg = f"not readable as a JSON object at character {error.pos + 1} ({error.msg})"
        raise ValueError(msg) from error


def _header_object(value: Any) -> Any:
    found = _to_object(value)
    for name, text in found.items() if isinstance(found, Mapping) else ():
        if not re.fullmatch(r"X-[A-Za-z0-9-]{1,60}", str(name), re.IGNORECASE):
            msg = f"{name!r} is not an extra SIP header: write X- and letters, digits or hyphens"
            raise ValueError(msg)
        if re.search(r"[\x00-\x1f\x7f]", str(text)):
            msg = f"the value of header {name} has a line break or another control character"
            raise ValueError(msg)
    return found


def _object_text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, Mapping) else value


def _off_text(value: Any) -> Any:
    return "false" if value is False else value


def _readable(parse: Callable[[str], object]) -> AfterValidator:
    """A text that `parse` must be able to read, unless a placeholder stands in it."""

    def check(text: str) -> str:
        if not PLACEHOLDER.search(text):
            try:
                parse(text)
            except TreatmentError as error:
                raise ValueError(str(error)) from error
        return text

    return AfterValidator(check)


_A_LEAP_DAY = datetime(2000, 2, 29, tzinfo=UTC)

Seconds = Annotated[float, Field(ge=0, le=TEN_YEARS_S, allow_inf_nan=False)]
Minutes = Annotated[float, Field(ge=0, le=TEN_YEARS_S // 60, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Names = Annotated[tuple[str, ...], BeforeValidator(_to_list)]
Codes = Annotated[frozenset[CallResult], BeforeValidator(_to_movable)]
Delays = Annotated[dict[CallResult, Seconds], BeforeValidator(_to_delays)]
Headers = Annotated[dict[str, str], BeforeValidator(_header_object)]
Switch = Annotated[Literal["false", "subscribe_notify", "notify"], BeforeValidator(_off_text)]
TreatmentText = Annotated[str, BeforeValidator(_object_text), _readable(lambda text: parse_treatment(text, None))]
WindowText = Annotated[str, _readable(parse_dial_window)]
LeadText = Annotated[str, _readable(lambda text: add_lead(_A_LEAP_DAY, text))]
PositionsText = Annotated[str, _readable(parse_eta_positions)]
