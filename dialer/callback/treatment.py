"""Treatment values: which file is played, and how.

Source: spec options section 5.
"""

import json
from dataclasses import dataclass
from typing import Any

from dialer.callback.errors import TreatmentError

BUILT_IN = "GMSApplications/"
"""Prefix of files of the built-in directory."""

HINTS = ("am-beep-detection", "loop", "max-duration", "delay-ms")
"""Hints that a treatment may carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """One treatment.

    Attributes:
        file: As given: ``GMSApplications/<file>``, ``<file>``, a full path or ``https://...``.
        am_beep_detection: Wait for the beep of the machine before playing.
        loop: Play again and again; None = the treatment's own default (on for waiting, else off).
        max_duration_s: Stop after this long; None = at the end of the file.
        delay_ms: Silence before playing.
    """

    file: str
    am_beep_detection: bool = False
    loop: bool | None = None
    max_duration_s: float | None = None
    delay_ms: int = 0

    @property
    def built_in(self) -> bool:
        """Whether it lies in the built-in directory."""
        return self.file.startswith(BUILT_IN)

    @property
    def remote(self) -> bool:
        """Whether it is fetched by HTTPS."""
        return self.file.startswith("https://")

    @property
    def name(self) -> str:
        """The file without the prefix of the built-in directory."""
        return self.file.removeprefix(BUILT_IN)


def parse_treatment(value: str, default: str | None) -> Treatment | None:
    """The treatment that an option's value means.

    Args:
        value: Empty = the default; a URI; a JSON object with `file` and `hints`; ``{}`` = off.
        default: File of the default; None or empty = nothing is played by default.

    Returns:
        None when nothing is to be played.

    Raises:
        TreatmentError: when it is JSON but not such an object, or a hint is unknown or has an impossible value.
    """
    text = value.strip()
    if not text:
        return Treatment(file=default) if default else None
    if not text.startswith("{"):
        return Treatment(file=_checked_file(text))
    body = _parse_object(text)
    if not body:
        return None
    unknown = sorted(set(body) - {"file", "hints"})
    if unknown:
        msg = f"a treatment has file and hints, not {', '.join(unknown)}"
        raise TreatmentError(msg)
    return _with_hints(_file(body, default), body.get("hints", {}))


def _parse_object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"not readable as JSON at character {error.pos + 1} ({error.msg}): {text}"
        raise TreatmentError(msg) from error
    if not isinstance(body, dict):
        msg = f"a JSON treatment is an object with file and hints: {text}"
        raise TreatmentError(msg)
    return body


def _file(body: dict[str, Any], default: str | None) -> str:
    file = body.get("file", default)
    if not isinstance(file, str) or not file.strip():
        msg = "a treatment with hints needs a file, for there is no default"
        raise TreatmentError(msg)
    return _checked_file(file.strip())


def _checked_file(file: str) -> str:
    name = file.removeprefix(BUILT_IN)
    if file.startswith("https://"):
        return file
    if "://" in file:
        msg = f"a treatment is fetched by https only: {file}"
        raise TreatmentError(msg)
    if ".." in name.split("/") or not name:
        msg = f"a treatment is a file of the treatment folders, or a full path: {file}"
        raise TreatmentError(msg)
    return file


def _with_hints(file: str, hints: object) -> Treatment:
    if not isinstance(hints, dict):
        msg = f"hints are a JSON object, not {json.dumps(hints)}"
        raise TreatmentError(msg)
    unknown = sorted(set(hints) - set(HINTS))
    if unknown:
        msg = f"unknown hint {', '.join(unknown)}; there are {', '.join(HINTS)}"
        raise TreatmentError(msg)
    return Treatment(
        file=file,
        am_beep_detection=_switch(hints, "am-beep-detection") or False,
        loop=_switch(hints, "loop"),
        max_duration_s=_number(hints, "max-duration", above=0.0),
        delay_ms=round(_number(hints, "delay-ms", above=-1.0) or 0),
    )


def _switch(hints: dict[str, Any], name: str) -> bool | None:
    if name not in hints:
        return None
    value = hints[name]
    if isinstance(value, bool):
        return value
    if value in {"on", "off"}:
        return bool(value == "on")
    msg = f"hint {name} is on or off, not {value!r}"
    raise TreatmentError(msg)


def _number(hints: dict[str, Any], name: str, *, above: float) -> float | None:
    if name not in hints:
        return None
    value = hints[name]
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not above < number < 86400_000:
        msg = f"hint {name} is a number of {'ms' if name.endswith('-ms') else 'seconds'}, not {value!r}"
        raise TreatmentError(msg)
    return number
