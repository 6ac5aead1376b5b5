"""One pass over one file: values with their places, problems and warnings gathered on the way."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dialer.config.problem import ConfigRefused, Problem, did_you_mean
from dialer.config.toml_place import Path, places

M = TypeVar("M", bound=BaseModel)
_SYNTAX_PLACE = re.compile(
    r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL
)
_SECRET = re.compile(r"password|secret|key", re.IGNORECASE)


@dataclass
class Reading:
    """A parsed file and what was found wrong with it so far.

    Attributes:
        file: its name as given, for messages.
        raw: the document as `tomllib` gives it.
    """

    file: str
    raw: dict[str, Any]
    lines: Mapping[Path, int]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @classmethod
    def of_text(cls, text: str, file: str) -> Reading:
        """Parses a document.

        Raises ConfigRefused: with line and column, when it is not TOML.
        """
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigRefused([_syntax_problem(error, text, file)]) from error
        return cls(file, raw, places(text))

    def line(self, path: Path) -> int | None:
        """Line of a key, or of the nearest table around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def refuse(self, path: Path, what: str, mend: str = "") -> None:
        """Notes an error at a key."""
        self.problems.append(Problem(self.file, self.line(path), dotted(path), what, mend))

    def warn(self, path: Path, what: str, mend: str = "") -> None:
        """Notes a warning at a key."""
        self.warnings.append(Problem(self.file, self.line(path), dotted(path), what, mend))

    def model(self, kind: type[M], value: object, path: Path) -> M | None:
        """Makes a model of a table; None, with the errors noted, when it cannot."""
        if not isinstance(value, dict):
            self.refuse(path, "is a value where a table belongs", f"write [{dotted(path)}]")
            return None
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            for detail in error.errors():
                self.refuse(*_explained(detail, path, known_keys(kind)))
            return None

    def finish(self) -> tuple[Problem, ...]:
        """Gives the warnings in the order of the file.

        Raises ConfigRefused: with all problems in the order of the file, when there are any.
        """
        if self.problems:
            raise ConfigRefused(sorted(self.problems, key=lambda p: p.line or 0))
        return tuple(sorted(self.warnings, key=lambda p: p.line or 0))


def known_keys(kind: type[BaseModel]) -> list[str]:
    """Keys of a model as they are written in the file."""
    return [str(info.validation_alias or name) for name, info in kind.model_fields.items()]


def dotted(path: Iterable[str | int]) -> str:
    """A path as it is written in TOML: names that need quotes get them, array items are counted from 1."""
    parts = []
    for part in path:
        bare = isinstance(part, int) or re.fullmatch(r"[A-Za-z0-9_-]+", part)
        parts.append(str(part + 1) if isinstance(part, int) else part if bare else f'"{part}"')
    return ".".join(parts)


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    found = _SYNTAX_PLACE.match(str(error))
    if found is None:
        return Problem(file, None, "", f"is not TOML: {error}")
    lines = text.split("\n")
    line, column = int(found["line"] or len(lines)), int(found["column"] or len(lines[-1]) + 1)
    return Problem(file, line, "", f"is not TOML: {found['what']}", "mend the syntax there", column)


def _explained(detail: ErrorDetails, path: Path, known: list[str]) -> tuple[Path, str, str]:
    """Path, what is wrong and how to mend it, in plain words."""
    place: Path = (*path, *detail["loc"])
    name = str(place[-1])
    match detail["type"]:
        case "extra_forbidden":
            near = did_you_mean(name, known) if len(detail["loc"]) == 1 else ""
            return place, "unknown key", near or f"known here: {', '.join(known)}"
        case "missing":
            return place, "is missing", "give it a value"
        case "value_error":
            what, _, mend = str(detail["ctx"]["error"]).partition("; ")
            return place, what, mend
        case _:
            shown = "the value" if _SECRET.search(name) else repr(detail["input"])
            expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value should be ")
            return place, f"{shown} cannot be used", f"must be {expected}"
