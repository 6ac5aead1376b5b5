"""A callback's story as a file: what `dialer callbacks show ID --json` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dialer.callback.record import Callback, HistoryEntry, JournalEntry

_CALLBACK: TypeAdapter[Callback] = TypeAdapter(Callback)
_HISTORY: TypeAdapter[list[HistoryEntry]] = TypeAdapter(list[HistoryEntry])
_JOURNAL: TypeAdapter[list[JournalEntry]] = TypeAdapter(list[JournalEntry])


class NoStory(ValueError):  # noqa: N818 - says what the file is not
    """The file holds no callback's story."""


def read_story(path: Path) -> tuple[Callback, list[HistoryEntry], list[JournalEntry]]:
    """Reads callback, transitions and steps.

    Raises:
        NoStory: when the file cannot be read as such, with the place of the first fault.
    """
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        return (
            _CALLBACK.validate_python(told["callback"]),
            _HISTORY.validate_python(told["history"]),
            _JOURNAL.validate_python(told["journal"]),
        )
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise NoStory(f"{path}: {fault}") from fault
    except (KeyError, TypeError) as fault:
        raise NoStory(f"{path}: no story of a callback, which has callback, history and journal") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise NoStory(f"{path}: {where}: {first['msg']}") from fault
