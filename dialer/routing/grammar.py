"""Reads targets: the grammar of options.md §4, complete, with the position of every error."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from dialer.callback.errors import DialerError
from dialer.routing.expression import AllOf, AnyOf, Comparison, Expression
from dialer.routing.target import (
    MAX_ITEMS,
    SKILL_STATISTICS,
    STATISTICS,
    Item,
    Single,
    StatCondition,
    Target,
    TargetType,
)

DEFAULT_SERVER: Final = "StatServer"  # of a bare expression, where the server is left out
MAX_LEVEL: Final = 100
_ITEM_KEYS: Final = ("target", "timeout", "clear", "stat_to_check", "stat_operator", "stat_value")
_TYPES: Final = ", ".join(TargetType)
_IDENT: Final = re.compile(r"[^\W\d_][\w-]*")
_TOKEN: Final = re.compile(
    r"""(?P<skill>[^\W\d_][\w-]*)  # ident
      | (?P<quoted>"[^"]+")
      | (?P<level>\d+)
      | (?P<op>!=|>=|<=|=|>|<)
      | (?P<and>&amp;|&)
      | (?P<mark>[|()@.])""",
    re.VERBOSE,
)


class TargetError(DialerError, ValueError):
    """A target cannot be read.

    Attributes:
        problem: what is wrong, in words.
        position: 0-based place in `text`.
        text: the target as given.
        item: 1-based number of the list item in which it is wrong, None outside a list.
    """

    def __init__(self, problem: str, position: int, text: str, item: int | None = None) -> None:
        self.problem, self.position, self.text, self.item = problem, position, text, item
        where = f"item {item}, " if item is not None else ""
        super().__init__(f"{where}column {position + 1}: {problem} in {text!r}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a group of _TOKEN, the mark itself, or "end"
    text: str
    at: int


def parse_target(text: str) -> Target:
    """Reads a single target, a bare skill expression or a JSON list of 1 to 15 items.

    Raises TargetError: with the position, when `text` is none of these.
    """
    stripped = text.strip()
    if not stripped:
        raise TargetError("a target is missing", 0, text)
    if stripped.startswith("["):
        return Target(text, _parse_list(text))
    return Target(text, (Item(parse_single(text)),))


def parse_single(text: str) -> Single:
    """Reads `[?:] body @ server . type`, or a bare skill expression.

    Raises TargetError: with the position.
    """
    start = len(text) - len(text.lstrip())
    at_sign = _last_at_sign(text)
    if text.startswith("?:", start):
        if at_sign >= 0 and _IDENT.fullmatch(text[start + 2 : at_sign].strip()):  # the grammar allows a plain name too
            return _parse_named(text, start + 2, at_sign)
        return _ExpressionReader(text, start + 2).single()
    if at_sign < 0:
        return _ExpressionReader(text, start).single()
    return _parse_named(text, start, at_sign)


def _last_at_sign(text: str) -> int:
    """Position of the last `@` outside double quotes, -1 if there is none."""
    unquoted = re.sub(r'"[^"]*"', lambda quoted: " " * len(quoted.group()), text)
    return unquoted.rfind("@")


def _parse_named(text: str, start: int, at_sign: int) -> Single:
    name = text[start:at_sign].strip()
    if not name:
        raise TargetError('a name is missing before "@"', start, text)
    if "@" in name:
        raise TargetError('a name must not contain "@"', text.index("@", start), text)
    if _is_expression(name):
        raise TargetError('a skill expression needs "?:" before it', start, text)
    server, kind = _ExpressionReader(text, at_sign).server_and_type()
    return Single(kind, server, name=name)


def _is_expression(text: str) -> bool:
    try:
        _ExpressionReader(text, 0).expression_only()
    except TargetError:
        return False
    return True


class _ExpressionReader:
    """Recursive descent over the tokens of one single target from `start` on."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._tokens = _tokenise(text, start)
        self._next = 0

    def single(self) -> Single:
        expression = self._any_of()
        if self._peek().kind == "end":
            return Single(TargetType.AGENT_GROUP, DEFAULT_SERVER, expression=expression)
        server, kind = self.server_and_type()
        return Single(kind, server, expression=expression)

    def expression_only(self) -> Expression:
        expression = self._any_of()
        self._expect("end", "the end")
        return expression

    def server_and_type(self) -> tuple[str, TargetType]:
        self._expect("@", '"&", "|" or "@"')
        server = self._expect("skill", "the name of the statistics server").text
        self._expect(".", '"." and a target type')
        token = self._expect("skill", f"a target type ({_TYPES})")
        if token.text not in list(TargetType):
            self._fail(f"{token.text!r} is not a target type ({_TYPES})", token)
        self._expect("end", "the end")
        return server, TargetType(token.text)

    def _any_of(self) -> Expression:
        terms = [self._all_of()]
        while self._take("|"):
            terms.append(self._all_of())
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _all_of(self) -> Expression:
        terms = [self._term()]
        while self._take("and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else AllOf(tuple(terms))

    def _term(self) -> Expression:
        if self._take("("):
            inner = self._any_of()
            self._expect(")", '")"')
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        skill = self._take("quoted") or self._expect("skill", 'a skill or "("')
        op = self._expect("op", "a comparison (=, !=, >, >=, <, <=)")
        level = self._expect("level", "a level 0..100")
        if int(level.text) > MAX_LEVEL:
            self._fail(f"level {level.text} is above {MAX_LEVEL}", level)
        return Comparison(skill.text.strip('"'), op.text, int(level.text))

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, kind: str) -> _Token | None:
        token = self._peek()
        if token.kind != kind:
            return None
        self._next += 1
        return token

    def _expect(self, kind: str, wanted: str) -> _Token:
        token = self._peek()
        if token.kind != kind:
            found = "the text ends" if token.kind == "end" else f"{token.text!r} stands"
            self._fail(f"{found} where {wanted} was expected", token)
        if kind != "end":
            self._next += 1
        return token

    def _fail(self, problem: str, token: _Token) -> NoReturn:
        raise TargetError(problem, token.at, self._text)


def _tokenise(text: str, start: int) -> list[_Token]:
    tokens: list[_Token] = []
    at = start
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            what = "a quote is not closed" if text[at] == '"' else f"{text[at]!r} has no meaning here"
            raise TargetError(what, at, text)
        kind = match.group() if match.lastgroup == "mark" else match.lastgroup
        tokens.append(_Token(kind, match.group(), at))
        at = match.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


def _parse_list(text: str) -> tuple[Item, ...]:
    try:
        entries: list[Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise TargetError(f"not a JSON list: {error.msg}", error.pos, text) from error
    if not 1 <= len(entries) <= MAX_ITEMS:
        raise TargetError(f"a list holds 1 to {MAX_ITEMS} items, not {len(entries)}", 0, text)
    items = tuple(_ItemReader(number, entry, text).item() for number, entry in enumerate(entries, start=1))
    for number, item in enumerate(items[:-1], start=1):
        if item.timeout_s is None:
            raise TargetError(f"without a timeout item {number + 1} is never reached", 0, text, number)
    return items


class _ItemReader:
    """Reads one JSON object of a target list."""

    def __init__(self, number: int, entry: object, text: str) -> None:
        self._number, self._text = number, text
        if not isinstance(entry, dict):
            self._fail(f"an item is an object with the key target, not {entry!r}")
        self._entry: dict[str, Any] = entry
        for key in entry:
            if key not in _ITEM_KEYS:
                near = difflib.get_close_matches(key, _ITEM_KEYS, 1)
                self._fail(f"unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))

    def item(self) -> Item:
        target = self._target()
        return Item(target, self._timeout_s(), self._clear(), self._condition(target))

    def _target(self) -> Single:
        value = self._entry.get("target")
        if not isinstance(value, str):
            self._fail("the key target is missing or not a text")
        try:
            return parse_single(value)
        except TargetError as error:
            raise TargetError(error.problem, error.position, value, self._number) from error

    def _timeout_s(self) -> float | None:
        if self._entry.get("timeout") is None:
            return None
        return self._number_of("timeout", minimum=0)

    def _clear(self) -> bool:
        value = self._entry.get("clear", True)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            self._fail(f"clear is true or false, not {value!r}")
        return value

    def _condition(self, target: Single) -> StatCondition | None:
        given = [key for key in ("stat_to_check", "stat_operator", "stat_value") if self._entry.get(key) is not None]
        if not given:
            return None
        if len(given) < 3:
            self._fail("stat_to_check, stat_operator and stat_value belong together")
        name, op = self._entry["stat_to_check"], self._entry["stat_operator"]
        known = STATISTICS if target.expression is None else SKILL_STATISTICS
        if name not in known:
            self._fail(f"unknown statistic {name!r}, known here: {', '.join(sorted(known))}")
        if op not in {"<", ">"}:
            self._fail(f'stat_operator is "<" or ">", not {op!r}')
        return StatCondition(name, op, self._number_of("stat_value"))

    def _number_of(self, key: str, minimum: float | None = None) -> float:
        value = self._entry[key]
        try:
            number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None or number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
            self._fail(f"{key} is a number, not {value!r}")
        if minimum is not None and number < minimum:
            self._fail(f"{key} must be {minimum:g} or more, not {number:g}")
        return number

    def _fail(self, problem: str) -> NoReturn:
        raise TargetError(problem, 0, self._text, self._number)
