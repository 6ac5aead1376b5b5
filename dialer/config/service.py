"""Services: v1 names and aliases are brought to canonical keys, then the rows are laid together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dialer.callback.options import TEMPLATES, V1_NAMES, ServiceOptions, is_ignored, option_key
from dialer.config.problem import did_you_mean
from dialer.config.reading import Reading
from dialer.config.toml_place import Path

DEFAULT_ROW: Final = "default"
_KEYED: Final = re.compile(r"(?:^|; )(?=[a-z][a-z0-9_]*: )")


@dataclass(frozen=True, slots=True)
class ServicesRead:
    """All services of a file.

    Attributes:
        origins: by service, where each option was set.
    """

    options: dict[str, ServiceOptions] = field(default_factory=dict)
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    origins: dict[str, dict[str, Path]] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    """One table with canonical keys."""

    values: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Path] = field(default_factory=dict)


def read_services(reading: Reading, aliases: Mapping[str, str]) -> ServicesRead:
    """Reads `[service.*]`; what is wrong is noted in `reading`."""
    tables = reading.raw.get("service", {})
    read = ServicesRead()
    if not isinstance(tables, dict):
        reading.refuse(("service",), "is a value where tables belong", 'write [service."NAME"]')
        return read
    rows = {name: _read_row(reading, name, table, aliases) for name, table in tables.items()}
    default = rows.pop(DEFAULT_ROW, None)
    if default is not None and "target" not in default.values:
        reading.refuse(("service", DEFAULT_ROW), "must hold target", "give it the target that services fall back to")
    for name, row in rows.items():
        _add_service(reading, read, name, row, default)
    if not rows:
        reading.warn(("service",), "no service is configured, so nothing can be booked", "write [service.NAME]")
    return read


def _read_row(reading: Reading, name: str, table: object, aliases: Mapping[str, str]) -> _Row:
    """Brings one table to canonical keys."""
    row = _Row()
    if not isinstance(table, dict):
        reading.refuse(("service", name), "is a value where a table belongs", f'write [service."{name}"]')
        return row
    for written, value in table.items():
        path: Path = ("service", name, written)
        key = option_key(written, aliases)
        if key is not None:
            _set(reading, row, key, value, path)
        elif is_ignored(written):
            reading.warn(path, "is accepted without effect", "leave it out")
        elif written.startswith("_"):
            row.properties[written] = value
            reading.warn(path, "is not an option; it is kept as property", did_you_mean(written, V1_NAMES.values()))
        else:
            known = [*ServiceOptions.model_fields, *V1_NAMES.values(), *aliases]
            mend = did_you_mean(written, known) or "see config/dialer.toml for all options"
            reading.refuse(path, "unknown option", mend)
    return row


def _set(reading: Reading, row: _Row, key: str, value: object, path: Path) -> None:
    if key in row.values and row.values[key] != value:
        other = row.origins[key][-1]
        what = f"says {value!r}, but {other} in line {reading.line(row.origins[key])} says {row.values[key]!r}"
        reading.refuse(path, what, "they are the same option; keep one")
        return
    row.values[key] = value
    row.origins.setdefault(key, path)


def _add_service(reading: Reading, read: ServicesRead, name: str, row: _Row, default: _Row | None) -> None:
    """Lays the service's row over its template and, for family v3, over the default row."""
    template = _template(reading, row)
    family = row.values.get("family", template.get("family", "v3"))
    below = default if default is not None and family == "v3" else _Row()
    values = {**below.values, **template, **row.values}
    origins = {**below.origins, **row.origins}
    read.origins[name] = origins
    read.properties[name] = {**below.properties, **row.properties}
    try:
        read.options[name] = ServiceOptions.model_validate(values)
    except ValidationError as error:
        for detail in error.errors():
            for key, what, mend in _explained(detail):
                reading.refuse(origins.get(key, ("service", name, *((key,) if key else ()))), what, mend)


def _explained(detail: ErrorDetails) -> Iterator[tuple[str, str, str]]:
    """Option, what is wrong with it, how to mend it; options that contradict each other come in one detail."""
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        for part in filter(None, _KEYED.split(message)):
            key, _, problem = part.partition(": ")
            yield key, *_in_two(problem)
        return
    key = str(detail["loc"][0])
    what, mend = _in_two(message.removeprefix("Input should be "))
    if detail["type"] != "value_error":
        what, mend = f"{detail['input']!r} cannot be used", f"must be {what}"
    yield key, what, mend


def _in_two(message: str) -> tuple[str, str]:
    what, _, mend = message.partition("; ")
    return what, mend


def _template(reading: Reading, row: _Row) -> Mapping[str, Any]:
    wanted = row.values.get("template")
    if wanted is None or wanted in TEMPLATES:
        return TEMPLATES.get(wanted, {}) if wanted is not None else {}
    mend = did_you_mean(str(wanted), TEMPLATES) or f"there are {', '.join(TEMPLATES)}"
    reading.refuse(row.origins["template"], f"there is no template {wanted!r}", mend)
    return {}
