"""Reads `[application.<name>]`: each block by its own rules, with the place of each fault."""

from __future__ import annotations

from typing import Any, Final

from dialer.config.application import BLOCKS, PHASES, ApplicationTable, Block
from dialer.config.problem import did_you_mean
from dialer.config.reading import Reading
from dialer.config.toml_place import Path

TABLE: Final = "application"


def read_applications(reading: Reading) -> dict[str, ApplicationTable]:
    """All applications that can be read; what is wrong with the others is noted."""
    tables = reading.raw.get(TABLE, {})
    if not isinstance(tables, dict):
        reading.refuse((TABLE,), "is a value where tables belong", f'write [{TABLE}."NAME"]')
        return {}
    made = {name: _application(reading, table, (TABLE, name)) for name, table in tables.items()}
    return {name: table for name, table in made.items() if table is not None}


def _application(reading: Reading, table: Any, path: Path) -> ApplicationTable | None:
    if not isinstance(table, dict):
        return reading.model(ApplicationTable, table, path)
    phases = {phase: _blocks(reading, table[phase], (*path, phase)) for phase in PHASES if phase in table}
    head = {key: value for key, value in table.items() if key not in PHASES}
    made = reading.model(ApplicationTable, head, path)
    if made is None or any(blocks is None for blocks in phases.values()):
        return None
    return made.model_copy(update=phases)


def _blocks(reading: Reading, entries: Any, path: Path) -> tuple[Block, ...] | None:
    """A phase's blocks; None when one of them cannot be read."""
    if not isinstance(entries, list):
        reading.refuse(path, "is no list of blocks", 'write [{block = "...", ...}, ...]')
        return None
    blocks = [_block(reading, entry, (*path, index)) for index, entry in enumerate(entries)]
    return None if None in blocks else tuple(block for block in blocks if block is not None)


def _block(reading: Reading, entry: Any, path: Path) -> Block | None:
    if not isinstance(entry, dict) or "block" not in entry:
        reading.refuse(path, "is no block", 'write {block = "...", ...}')
        return None
    kind = BLOCKS.get(str(entry["block"]))
    if kind is None:
        mend = did_you_mean(str(entry["block"]), BLOCKS) or f"there are {', '.join(BLOCKS)}"
        reading.refuse(path, f"there is no block {entry['block']!r}", mend)
        return None
    return reading.model(kind, entry, path)
