"""Between rows of the database and the values of `callback.record`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from dialer.callback.call_result import CallResult, DialResult
from dialer.callback.record import Attempt, Callback, HistoryEntry, JournalEntry, NodeInfo
from dialer.callback.state import Actor, Phase, State
from dialer.clock import stamp

CALLBACK_FIELDS = tuple(field.name for field in fields(Callback))
"""Columns of `callback` in the order in which they are read; every field of the record is one."""

ATTEMPT_FIELDS = tuple(field.name for field in fields(Attempt))
HISTORY_FIELDS = tuple(field.name for field in fields(HistoryEntry))
NODE_FIELDS = tuple(field.name for field in fields(NodeInfo))

_STATES = {state.value: state for state in State}
_PHASES = {phase.value: phase for phase in Phase}
_RESULTS = {result.value: result for result in CallResult}

_DECODERS: dict[str, Callable[[Any], Any]] = {
    "state": _STATES.__getitem__,
    "phase": _PHASES.__getitem__,
    "resume_state": _STATES.__getitem__,
    "call_result": _RESULTS.__getitem__,
    "agents_rejected": tuple,
    "push_targets": tuple,
    "dial_result": DialResult,
    "from_state": _STATES.__getitem__,
    "from_phase": _PHASES.__getitem__,
    "to_state": _STATES.__getitem__,
    "to_phase": _PHASES.__getitem__,
    "actor": Actor,
}

_EMPTY_AS_NULL = frozenset(
    {"agents_rejected", "push_targets", "offer", "user_data", "props", "lookup", "access", "evidence"}
)
"""JSON columns where NULL stands for the empty value."""


def _decode(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in zip(names, row, strict=True):
        if value is None:
            if name not in _EMPTY_AS_NULL:
                values[name] = None
            continue
        decode = _DECODERS.get(name)
        values[name] = value if decode is None else decode(value)
    return values


def encode(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a record as column values: enumerations by value, empty JSON as NULL."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name in _EMPTY_AS_NULL:
            row[name] = _plain(value) or None
        elif name == "call_result" and value is not None:
            row[name] = int(value)
        else:
            row[name] = str(value) if isinstance(value, State | Phase | Actor | DialResult) else value
    return row


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value)


def record_values(record: Callback | Attempt | HistoryEntry | NodeInfo) -> dict[str, Any]:
    """All fields of a record by name, not copied."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def to_callback(row: Sequence[Any]) -> Callback:
    """A row read as `CALLBACK_FIELDS`."""
    return Callback(**_decode(CALLBACK_FIELDS, row))


def to_attempt(row: Sequence[Any]) -> Attempt:
    """A row read as `ATTEMPT_FIELDS`."""
    return Attempt(**_decode(ATTEMPT_FIELDS, row))


def to_history(row: Sequence[Any]) -> HistoryEntry:
    """A row read as `HISTORY_FIELDS`."""
    return HistoryEntry(**_decode(HISTORY_FIELDS, row))


def journal_row(callback_id: str, entries: Sequence[JournalEntry]) -> dict[str, Any]:
    """One row of the journal: entries written together, each as [at, t_ms, attempt, kind, text, data]."""
    values = [
        [stamp(entry.at), entry.t_ms, entry.attempt, entry.kind, entry.text, dict(entry.data)] for entry in entries
    ]
    return {"callback_id": callback_id, "entries": values}


def to_journal(entries: Sequence[Sequence[Any]]) -> list[JournalEntry]:
    """The entries of one row."""
    return [
        JournalEntry(at=datetime.fromisoformat(at), t_ms=t_ms, attempt=attempt, kind=kind, text=text, data=data)
        for at, t_ms, attempt, kind, text, data in entries
    ]


def to_node(row: Sequence[Any]) -> NodeInfo:
    """A row read as `NODE_FIELDS`."""
    return NodeInfo(**_decode(NODE_FIELDS, row))
