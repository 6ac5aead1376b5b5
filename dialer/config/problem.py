"""What is wrong with a configuration: where, what, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialer.callback.errors import DialerError


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a configuration file.

    Attributes:
        file: the file's name as given.
        line: 1-based; None when the fault has no place in the file.
        key: dotted key, empty for the file as a whole.
        what: what is wrong.
        mend: what to do about it.
        column: 1-based, for syntax errors alone.
    """

    file: str
    line: int | None
    key: str
    what: str
    mend: str = ""
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        key = f" {self.key}:" if self.key else ""
        mend = f"; {self.mend}" if self.mend else ""
        return f"{place}:{key} {self.what}{mend}"


class ConfigRefused(DialerError):  # noqa: N818 - it is a refusal
    """The configuration cannot be used.

    Attributes:
        problems: everything that is wrong with it, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Advice for an unknown name: the nearest known one, empty when none is near."""
    near = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""
