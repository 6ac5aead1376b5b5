"""Where each key of a TOML document stands, so that a fault can be told with its line.

`tomllib` gives values without places. This walks a document that `tomllib` has accepted already, so it need not (and
does not) check syntax again.
"""

from __future__ import annotations

import bisect
import re
import tomllib
from typing import Final

Path = tuple[str | int, ...]

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_BASIC: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^']*'")
_LONG_BASIC: Final = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"""(?:"{0,2})', re.DOTALL)
_LONG_LITERAL: Final = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+")
_SCALAR: Final = re.compile(r"[^\s,\]}#]+")
_VALUES: Final = (_LONG_BASIC, _LONG_LITERAL, _BASIC, _LITERAL, _DATE_TIME, _SCALAR)


def places(text: str) -> dict[Path, int]:
    """Gives the 1-based line of every table, key and array item of a valid TOML document."""
    return _Walk(text.replace("\r\n", "\n")).document()


class _Walk:
    """Reads the document from start to end once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_ends = [found.start() for found in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}  # array of tables -> index of its last one

    def document(self) -> dict[Path, int]:
        table: Path = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip_blank()
        return self._lines

    def _header(self) -> Path:
        line = self._line()
        double = self._text.startswith("[[", self._at)
        self._at += 2 if double else 1
        name = self._key()
        self._skip_blank()
        self._at += 2 if double else 1
        around = self._through_arrays(name[:-1])
        for depth in range(1, len(around) + 1):
            self._note(around[:depth], line)  # a table that only its inner tables open
        table = (*around, name[-1])
        if double:
            self._arrays[table] = self._arrays.get(table, -1) + 1
            self._note(table, line)
            table = (*table, self._arrays[table])
        elif table in self._arrays:
            table = (*table, self._arrays[table])
        self._note(table, line)
        return table

    def _through_arrays(self, name: tuple[str, ...]) -> Path:
        """The path of a table's name, where `[[a]]` is passed through its last element."""
        path: Path = ()
        for part in name:
            path = (*path, part)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path, line)
        self._skip_blank()
        self._at += 1  # the sign "="
        self._skip_blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._text[self._at]:
            case "[":
                self._items(path)
            case "{":
                self._pairs(path)
            case _:
                for pattern in _VALUES:
                    found = pattern.match(self._text, self._at)
                    if found:
                        self._at = found.end()
                        return

    def _items(self, path: Path) -> None:
        self._at += 1
        self._skip_blank()
        index = 0
        while self._text[self._at] != "]":
            self._note((*path, index), self._line())
            self._value((*path, index))
            index += 1
            self._skip_comma()
        self._at += 1

    def _pairs(self, path: Path) -> None:
        self._at += 1
        self._skip_blank()
        while self._text[self._at] != "}":
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip_blank()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip_blank()

    def _key(self) -> tuple[str, ...]:
        parts = [self._key_part()]
        self._skip_blank()
        while self._text[self._at] == ".":
            self._at += 1
            parts.append(self._key_part())
            self._skip_blank()
        return tuple(parts)

    def _key_part(self) -> str:
        self._skip_blank()
        for pattern in (_BARE_KEY, _BASIC, _LITERAL):
            found = pattern.match(self._text, self._at)
            if found:
                self._at = found.end()
                break
        else:
            raise ValueError(f"no key at {self._at}: the document was not accepted by tomllib")
        if pattern is _BASIC:
            return str(tomllib.loads(f"key = {found.group()}")["key"])  # resolves the escapes
        return found.group().strip("'")

    def _note(self, path: Path, line: int) -> None:
        self._lines.setdefault(path, line)

    def _line(self) -> int:
        return bisect.bisect_left(self._line_ends, self._at) + 1

    def _skip_blank(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        if blank:
            self._at = blank.end()
