"""What a door hands to booking, taken apart: number, time, lookup keys, options, properties, user data."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from dialer.booking.refused import BadParameter, MissingKey
from dialer.callback.option import PLACEHOLDER
from dialer.callback.options import OWN_PREFIX, V1_NAMES, ServiceOptions, option_key
from dialer.callback.state import Actor
from dialer.config import DialerConfig, not_done
from dialer.routing import TargetError, parse_target

_log = logging.getLogger(__name__)

NUMBER: Final = "_customer_number"
DESIRED_TIME: Final = "_desired_time"
VIRTUAL_QUEUE: Final = "_urs_virtual_queue"
INTERACTION: Final = "_originating_interaction_id"
MAX_USER_DATA_BYTES: Final = 32 * 1024  # api.md §1
MAX_USER_DATA_KEYS: Final = 100  # api.md §1
NEVER: Final = frozenset({"family", "template", "type", "enabled", "paused", "overridable"})
"""Options that no request may override (options.md §11); neither may those of §2.4 and §2.5."""
HOURS_AND_LIMITS: Final = frozenset({
    "business_hours", "reject_out_of_hours", "immediate_enabled", "scheduled_enabled", "immediate_blackout_min",
    "immediate_offer_hours", "callback_purge_time_min", "purge_at_close", "do_not_call_window", "ttl",
    "default_country", "reject_impossible_numbers", "reject_premium_numbers", "blocked_numbers", "number_rule",
    "in_queue_check", "throttle_keys", "throttle_limit", "throttle_headers", "service_limit_1", "service_window_1",
    "service_limit_2", "service_window_2", "max_open", "lookup_keys", "mandatory_lookup_keys",
})  # fmt: skip
"""Options of options.md §2.4 and §2.5."""
_UNKEEPABLE: Final = re.compile("[\x00\ud800-\udfff]")
_READ_ONLY: Final = frozenset({"_id", "_service_name", "_callback_state", "_callback_reason", "_url"})


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A wish to be called back.

    Attributes:
        service: its name.
        parameters: v1 keys with their values, as the client sent them.
        headers: those that count for throttles (`gms_user`), lower-case names.
        origin: "api_v1", "api_v3", "ui", "ivr" or "call_in".
        actor: who asks; None: by origin.
        user: console user, for console creates alone.
        offer: how it was offered, for reporting (records.md §2 `offer`); callers of an application alone.
        name_recording: id of the recording of the caller's name.
        language: prompt language; None: the service's.
        channel: origination channel; empty: the service's.
    """

    service: str
    parameters: Mapping[str, Any] = field(repr=False)  # holds user data: never into a log
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str = "api_v1"
    actor: Actor | None = None
    user: str | None = None
    offer: Mapping[str, Any] = field(default_factory=dict)
    name_recording: str | None = None
    language: str | None = None
    channel: str = ""

    @property
    def throttled(self) -> bool:
        """Whether throttles apply: not to console creates (api.md §5.3)."""
        return self.origin != "ui"


@dataclass(frozen=True, slots=True)
class Sorted:
    """A request's parameters by what they are.

    Attributes:
        options: the service's options with the request's overrides, `$name$` filled in.
        props: overrides by canonical key, and own properties with their underscore.
    """

    options: ServiceOptions
    number: str
    desired_time: str | None
    lookup: dict[str, str]
    props: dict[str, Any]
    user_data: dict[str, Any]
    device: dict[str, str]
    interaction_id: str | None


def sort_parameters(request: CreateRequest, options: ServiceOptions, config: DialerConfig) -> Sorted:
    """Takes a request apart (api.md §2.1 checks 2 and 3).

    Raises BadParameter: when a value cannot be used.
    Raises MissingKey: when a mandatory lookup key is missing.
    """
    parameters = {key: value for key, value in request.parameters.items() if value is not None}
    _refuse_read_only(parameters)
    _refuse_unkeepable(parameters)
    overrides = _overrides(parameters, options, config, request.service)
    effective = with_overrides(options, overrides | _filled_in(options, overrides, parameters))
    _check_names(options, effective, config)
    user_data = {key: value for key, value in parameters.items() if not key.startswith("_")}
    _limit_user_data(user_data)
    return Sorted(
        options=effective,
        number=_text(parameters, NUMBER),
        desired_time=_text(parameters, DESIRED_TIME) or None,
        lookup=_lookup(parameters, options),
        props=_own_properties(parameters, options, config) | _changed(options, effective),
        user_data=user_data,
        device={key: _text(parameters, key) for key in parameters if key.startswith("_device_")},
        interaction_id=_text(parameters, INTERACTION) or None,
    )


def with_overrides(options: ServiceOptions, overrides: Mapping[str, Any]) -> ServiceOptions:
    """The options with some replaced, validated like configured ones.

    Raises BadParameter: naming the option, when a value cannot be used.
    """
    if not overrides:
        return options
    try:
        return ServiceOptions.model_validate({**options.model_dump(), **overrides})
    except ValidationError as error:
        detail = error.errors()[0]
        key = str(detail["loc"][0]) if detail["loc"] else "options"
        raise BadParameter(f"{V1_NAMES.get(key, key)}: {detail['msg'].removeprefix('Value error, ')}") from error


def _check_names(options: ServiceOptions, effective: ServiceOptions, config: DialerConfig) -> None:
    """What a request replaced must lead somewhere, as configured values must.

    Raises BadParameter: for a target that cannot be read, a route point that nobody configured, or a way of calling
        that this version does not know.
    """
    if effective.target != options.target:
        try:
            parse_target(effective.target)
        except TargetError as error:
            raise BadParameter(f"_target: {error}") from error
    if effective.route_point != options.route_point and effective.route_point not in config.route_points:
        raise BadParameter(f"_route_point: there is no route point {effective.route_point!r}")
    for key, what, _ in not_done(effective):
        raise BadParameter(f"{V1_NAMES.get(key, key)}: {what}")


def _refuse_read_only(parameters: Mapping[str, Any]) -> None:
    for key in _READ_ONLY & parameters.keys():
        raise BadParameter(f"{key} is given by the dialer and cannot be set")


def _refuse_unkeepable(parameters: Mapping[str, Any]) -> None:
    """Characters that no store can keep: NUL, and halves of surrogate pairs."""
    for key, value in parameters.items():
        if any(map(_UNKEEPABLE.search, _texts_in({key: value}))):
            shown = _UNKEEPABLE.sub("?", key)
            raise BadParameter(f"{shown}: has a NUL character or half a surrogate pair, which cannot be kept")


def _texts_in(value: Any) -> Iterator[str]:
    """Every text of a JSON value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


def _overrides(
    parameters: Mapping[str, Any], options: ServiceOptions, config: DialerConfig, service: str
) -> dict[str, Any]:
    """Options that the request sets and may set, by canonical key; the others are ignored and logged by name."""
    allowed = {option_key(name, config.option_aliases) or name for name in options.overridable}
    allowed = allowed - NEVER - HOURS_AND_LIMITS | {"queue_time_stat"}
    taken: dict[str, Any] = {}
    for name, value in parameters.items():
        key = option_key(name, config.option_aliases) if name.startswith("_") else None
        if key == "virtual_queue":
            if options.virtual_queue:
                raise BadParameter(f"{VIRTUAL_QUEUE} is set by the service already; leave it out")
            taken[key] = value
        elif key in allowed and key is not None:
            taken[key] = value
        elif key is not None:
            _log.info("option %s of a request to service %s is ignored: not in its overridable list", key, service)
    return taken


def _filled_in(options: ServiceOptions, overrides: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Text options in which `$name$` stands, with the request's value in its place; a missing one is empty."""
    filled: dict[str, Any] = {}
    for key in ServiceOptions.model_fields:
        value = overrides.get(key, getattr(options, key))
        if isinstance(value, str) and PLACEHOLDER.search(value):
            filled[key] = PLACEHOLDER.sub(lambda found: _text(parameters, found.group().strip("$")), value)
    return filled


def _own_properties(parameters: Mapping[str, Any], options: ServiceOptions, config: DialerConfig) -> dict[str, Any]:
    """Keys with underscore that are neither options nor known fields."""
    known = {NUMBER, DESIRED_TIME, INTERACTION, *options.lookup_keys}
    return {
        key: value
        for key, value in parameters.items()
        if key.startswith("_")
        and not key.startswith(("_device_", OWN_PREFIX))
        and key not in known
        and option_key(key, config.option_aliases) is None
    }


def _changed(options: ServiceOptions, effective: ServiceOptions) -> dict[str, Any]:
    """Options that the request changed, as JSON keeps them."""
    if effective is options:
        return {}
    before, after = options.model_dump(mode="json"), effective.model_dump(mode="json")
    return {key: value for key, value in after.items() if before[key] != value}


def _lookup(parameters: Mapping[str, Any], options: ServiceOptions) -> dict[str, str]:
    missing = [key for key in options.mandatory_lookup_keys if not _text(parameters, key)]
    if missing:
        raise MissingKey(f"{', '.join(missing)} is missing")
    return {key: _text(parameters, key) for key in options.lookup_keys if _text(parameters, key)}


def _limit_user_data(user_data: Mapping[str, Any]) -> None:
    if len(user_data) > MAX_USER_DATA_KEYS:
        raise BadParameter(f"user data has {len(user_data)} keys, at most {MAX_USER_DATA_KEYS} are kept")
    size = len(json.dumps(user_data, ensure_ascii=False).encode())
    if size > MAX_USER_DATA_BYTES:
        raise BadParameter(f"user data has {size} bytes, at most {MAX_USER_DATA_BYTES} are kept")


def _text(parameters: Mapping[str, Any], key: str) -> str:
    """A parameter as text; empty when missing.

    Raises BadParameter: when it is an object or a list.
    """
    value = parameters.get(key, "")
    if isinstance(value, dict | list):
        raise BadParameter(f"{key} is a text, not an object or a list")
    return str(value).strip()
