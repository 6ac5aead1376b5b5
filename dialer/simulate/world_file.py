"""Reads a world from its TOML file; what is wrong is told at once, with line, key and mending."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from dialer.config.problem import ConfigRefused, Problem
from dialer.config.reading import Reading
from dialer.simulate.world import Answer, World


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
    raw: dict[str, Any] = dict(reading.raw)
    answers = raw.get("answers")
    if isinstance(answers, dict):  # table by table, so that an unknown key is told with the keys there are
        for name, table in answers.items():
            reading.model(Answer, table, ("answers", name))
    world = None if reading.problems else reading.model(World, raw, ())
    reading.finish()
    assert world is not None, "a world that could not be made has its problems noted"
    return world
