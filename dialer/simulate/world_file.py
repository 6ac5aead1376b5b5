"""Reads a world from its TOML file; what is wrong is told at once, with line, key and mending."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dialer.config.problem import ConfigRefused, Problem
from dialer.config.reading import Reading
from dialer.config.table import Table
from dialer.config.toml_place import Path as Place
from dialer.simulate.draw import Draw
from dialer.simulate.world import AgentHabits, Answer, Arrivals, CustomerHabits, Hours, Pause, Shift, World

_KINDS: Final[Mapping[str, type[Table]]] = {
    "arrivals": Arrivals,
    "talk": Draw,
    "wrap_up": Draw,
    "agent": AgentHabits,
    "customer": CustomerHabits,
    "hours": Hours,
}


def default_text() -> str:
    """The default world, each key with a word on what it is: a file to begin with."""
    return resources.files("dialer.simulate").joinpath("world.toml").read_text(encoding="utf-8")


def read_text_file(path: Path, what: str) -> str:
    """The text of a file that the operator has named.

    Raises ConfigRefused: when it is not there or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigRefused([Problem(str(path), None, "", "is not UTF-8 text", "save it as UTF-8")]) from error
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise ConfigRefused([Problem(str(path), None, "", why, f"name a file that holds {what}")]) from error


def read_world(path: Path) -> World:
    """The world in a file; what it leaves out is as in the default world.

    Raises ConfigRefused: with all that is wrong, each with its line.
    """
    return parse_world(read_text_file(path, "a world (dialer simulate --print-world shows one)"), str(path))


def parse_world(text: str, file: str) -> World:
    """A world from text, as if it stood in `file`.

    Raises ConfigRefused: as `read_world`.
    """
    reading = Reading.of_text(text, file)
    for path, kind, table in _tables(reading.raw):  # one by one, so that an unknown key is told with those of its table
        reading.model(kind, table, path)
    world = None if reading.problems else reading.model(World, reading.raw, ())
    reading.finish()
    assert world is not None, "a world that could not be made has its problems noted"
    return world


def _tables(raw: Mapping[str, Any]) -> Iterator[tuple[Place, type[Table], object]]:
    """Every table of a world with its place and kind; what is no table where one belongs is left to the world."""
    for name, kind in _KINDS.items():
        if isinstance(raw.get(name), dict):
            yield (name,), kind, raw[name]
    answers = raw.get("answers")
    for name, table in answers.items() if isinstance(answers, dict) else ():
        yield ("answers", name), Answer, table
    for index, shift in enumerate(_list(raw.get("shift"))):
        yield ("shift", index), Shift, {key: value for key, value in shift.items() if key != "pause"}
        for nth, pause in enumerate(_list(shift.get("pause"))):
            yield ("shift", index, "pause", nth), Pause, pause


def _list(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
