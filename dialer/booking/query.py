"""Queries of v1: lookup keys, filter keys, id and state become one filter (api.md §2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from dialer.booking.number import same_number
from dialer.booking.refused import BadParameter
from dialer.booking.request import NUMBER
from dialer.callback.options import option_key
from dialer.callback.record import Callback
from dialer.callback.state import State
from dialer.config import DialerConfig
from dialer.store import CallbackFilter

SEARCHED: Final = 5000  # callbacks looked through when properties decide
FIELD_KEYS: Final = frozenset({"_id", "_callback_state", "_callback_reason", "_service_name"})


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for.

    Attributes:
        filter: what the store looks for.
        properties: values that the found ones' properties must have besides.
    """

    filter: CallbackFilter
    properties: Mapping[str, str]

    def fits(self, callback: Callback, config: DialerConfig) -> bool:
        """Whether a found callback has the properties."""
        return all(_property(callback, key, config) == value for key, value in self.properties.items())


def query_of(
    keys: Mapping[str, str], service: str | None, operand: Literal["AND", "OR"], config: DialerConfig
) -> Query | None:
    """Gives what to look for; None when nothing can fit.

    Raises BadParameter: for a key that is neither a lookup key nor a filter key, or an unknown state.
    """
    services = [config.services[service]] if service is not None else list(config.services.values())
    lookup_keys = {key for options in services for key in options.lookup_keys}
    allowed = lookup_keys | set(config.callback.filter_keys) | FIELD_KEYS
    for key in keys:
        if key not in allowed:
            raise BadParameter(f"{key} is not a key that can be queried; known here: {', '.join(sorted(allowed))}")
    lookup = {key: value for key, value in keys.items() if key in lookup_keys}
    if NUMBER in lookup and services:
        lookup[NUMBER] = same_number(lookup[NUMBER], services[0])
    named = _comma_set(keys, "_service_name")
    wanted_services = ({service} if service is not None else set()) or named
    if service is not None and named and service not in named:
        return None
    properties = {key: value for key, value in keys.items() if key not in lookup_keys | FIELD_KEYS}
    wanted = CallbackFilter(
        ids=_comma_set(keys, "_id"),
        services=frozenset(wanted_services),
        states=_states(keys),
        reasons=_comma_set(keys, "_callback_reason"),
        lookup=lookup,
        operand=operand,
        limit=SEARCHED if properties else config.callback.max_per_service,
    )
    return Query(wanted, properties)


def operand_of(text: str | None) -> Literal["AND", "OR"]:
    """Reads `operand`; AND when it is not given.

    Raises BadParameter: for anything else than AND and OR.
    """
    match (text or "AND").upper():
        case "AND":
            return "AND"
        case "OR":
            return "OR"
        case _:
            raise BadParameter(f"operand is AND or OR, not {text!r}")


def _property(callback: Callback, key: str, config: DialerConfig) -> str:
    """A property or overridden option of a callback by its v1 name; empty when it has none."""
    if key == "_vq":
        options = config.services.get(callback.service)
        of_service = options.virtual_queue if options else None
        return str(callback.props.get("virtual_queue") or of_service or callback.service)
    canonical = option_key(key, config.option_aliases)
    return str(callback.props.get(key, callback.props.get(canonical or key, "")))


def _comma_set(keys: Mapping[str, str], key: str) -> frozenset[str]:
    return frozenset(part.strip() for part in keys.get(key, "").split(",") if part.strip())


def _states(keys: Mapping[str, str]) -> frozenset[State]:
    states = set()
    for name in _comma_set(keys, "_callback_state"):
        try:
            states.add(State(name.upper()))
        except ValueError as error:
            raise BadParameter(f"{name!r} is not a state; there are {', '.join(State)}") from error
    return frozenset(states)
