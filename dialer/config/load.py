"""Reads `dialer.toml`: everything that is wrong with it is told at once, each with file, line, key and mending."""

from __future__ import annotations

import os
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from dialer.config.application_check import check_applications
from dialer.config.application_read import read_applications
from dialer.config.call_in_group import CallInGroupTable
from dialer.config.check import cross_check
from dialer.config.dialer_config import DialerConfig
from dialer.config.mqtt import MqttTable
from dialer.config.problem import ConfigRefused, Problem, did_you_mean
from dialer.config.push import PushTable
from dialer.config.reading import Reading
from dialer.config.service import read_services
from dialer.config.table import (
    AgentTable,
    ApiTable,
    CallbackTable,
    CompatTable,
    DbTable,
    DetectionTable,
    DialTable,
    GatewayTable,
    MediaTable,
    NodeTable,
    RoutePointTable,
    ServerTable,
    SipTable,
    Table,
)
from dialer.config.toml_place import Path

T = TypeVar("T", bound=Table)

SINGLE_TABLES: Final[dict[str, type[Table]]] = {
    "server": ServerTable,
    "db": DbTable,
    "sip": SipTable,
    "dial": DialTable,
    "media": MediaTable,
    "detection": DetectionTable,
    "api": ApiTable,
    "callback": CallbackTable,
    "compat": CompatTable,
    "push": PushTable,
    "mqtt": MqttTable,
}
NAMED_TABLES: Final[dict[str, tuple[str, type[Table]]]] = {
    "gateway": ("gateways", GatewayTable),
    "route_point": ("route_points", RoutePointTable),
    "agent": ("agents", AgentTable),
    "call_in_group": ("call_in_groups", CallInGroupTable),
}
OTHER_TABLES: Final = ("node", "service", "option_aliases", "application")
NOT_YET: Final = {
    "cors": "browsers of other origins",
    "session": "console sessions",
    "access": "access rights",
    "features": "console features",
    "captcha": "captchas",
    "statistics": "a statistics provider",
    "reporting": "reporting sinks",
    "console": "the console",
    "desk": "the agent desk",
    "hours": "office hours",
    "capacity": "capacity rules",
    "number_rule": "number rules",
    "region": "regions",
}
"""Tables of options.md that this version refuses rather than ignores."""


def load(path: str | FilePath) -> DialerConfig:
    """Reads a configuration file. Relative paths in it are relative to its folder.

    Raises ConfigRefused: with all problems, when it is missing, is not TOML, or says something impossible.
    """
    file = FilePath(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        mend = "name another file, or start from a copy of config/dialer.toml"
        raise ConfigRefused([Problem(str(file), None, "", "no such file", mend)]) from error
    except UnicodeDecodeError as error:
        raise ConfigRefused([Problem(str(file), None, "", "is not UTF-8 text", "save it as UTF-8")]) from error
    except OSError as error:
        raise ConfigRefused([Problem(str(file), None, "", f"cannot be read: {error.strerror}")]) from error
    return load_text(text, file)


def load_text(text: str, file: FilePath) -> DialerConfig:
    """Reads a configuration from `text`, as if it stood in `file`.

    Raises ConfigRefused: as `load`.
    """
    reading = Reading.of_text(text, str(file))
    _refuse_unknown_tables(reading)
    parts: dict[str, Any] = {"file": file}
    for name, kind in SINGLE_TABLES.items():
        if name in reading.raw:
            parts[name] = reading.model(kind, reading.raw[name], (name,))
    for name, (attribute, kind) in NAMED_TABLES.items():
        parts[attribute] = _named(reading, name, kind)
    parts["route_points"] = {name: _with_number(name, point) for name, point in parts["route_points"].items()}
    parts["nodes"] = _nodes(reading)
    parts["option_aliases"] = _aliases(reading)
    services = read_services(reading, parts["option_aliases"])
    parts |= {"services": services.options, "service_properties": services.properties}
    parts["applications"] = read_applications(reading)
    config = DialerConfig(**{name: value for name, value in parts.items() if value is not None})
    config = _with_whole_paths(config, file.resolve().parent)
    _warn_of_missing_secrets(reading, config)
    _warn_of_locked_doors(reading, config)
    cross_check(reading, config, services)
    check_applications(reading, config)
    return config.model_copy(update={"warnings": reading.finish()})


def _refuse_unknown_tables(reading: Reading) -> None:
    known = (*SINGLE_TABLES, *NAMED_TABLES, *OTHER_TABLES)
    for name in reading.raw:
        if name in NOT_YET:
            reading.refuse((name,), f"this version has no {NOT_YET[name]} yet", "leave the table out")
        elif name not in known:
            near = did_you_mean(name, known)
            reading.refuse((name,), "unknown table", near or f"known here: {', '.join(sorted(known))}")


def _named(reading: Reading, name: str, kind: type[T]) -> dict[str, T]:
    """Tables `[name.<key>]`."""
    tables = reading.raw.get(name, {})
    if not isinstance(tables, dict):
        reading.refuse((name,), "is a value where tables belong", f'write [{name}."NAME"]')
        return {}
    made = {key: reading.model(kind, table, (name, key)) for key, table in tables.items()}
    return {key: table for key, table in made.items() if table is not None}


def _with_number(name: str, point: RoutePointTable) -> RoutePointTable:
    """A route point whose number is, unless given, the part of its name before "@"."""
    return point if point.caller_number else point.model_copy(update={"caller_number": name.partition("@")[0]})


def _nodes(reading: Reading) -> tuple[NodeTable, ...] | None:
    """`[node]`, or several `[[node]]`, of which the first is this process."""
    raw = reading.raw.get("node")
    if raw is None:
        return None
    if not isinstance(raw, list):
        made = reading.model(NodeTable, raw, ("node",))
        return (made,) if made else None
    nodes = [reading.model(NodeTable, entry, ("node", index)) for index, entry in enumerate(raw)]
    return tuple(node for node in nodes if node is not None) or None


def _aliases(reading: Reading) -> dict[str, str]:
    """`[option_aliases]`: further name to canonical key; the keys are checked with the services."""
    raw = reading.raw.get("option_aliases", {})
    if not isinstance(raw, dict):
        reading.refuse(("option_aliases",), "is a value where a table belongs", "write [option_aliases]")
        return {}
    for name, key in raw.items():
        if not isinstance(key, str):
            reading.refuse(("option_aliases", name), f"{key!r} is not the name of an option", "name a canonical key")
    return {name: key for name, key in raw.items() if isinstance(key, str)}


def _with_whole_paths(config: DialerConfig, folder: FilePath) -> DialerConfig:
    """Makes relative paths relative to the file's folder."""
    sqlite = "sqlite+aiosqlite:///"
    updates: dict[str, BaseModel] = {
        "media": _joined(config.media, folder, "treatments_dir", "cache_dir", "recordings_dir"),
        "sip": _joined(config.sip, folder, "tls_certificate", "tls_key", "tls_ca"),
    }
    name = config.db.url.removeprefix(sqlite)
    if config.db.url.startswith(sqlite) and not name.startswith((":memory:", "/", "file:")):
        updates["db"] = config.db.model_copy(update={"url": f"{sqlite}{folder / name}"})
    return config.model_copy(update=updates)


def _joined(table: BaseModel, folder: FilePath, *names: str) -> BaseModel:
    values = {name: getattr(table, name) for name in names}
    return table.model_copy(update={name: folder / value for name, value in values.items() if value is not None})


def _warn_of_locked_doors(reading: Reading, config: DialerConfig) -> None:
    """A door that asks for keys and has none lets nobody in."""
    scopes = {scope for key in config.api.keys.values() for scope in key.scopes}
    if config.api.v1.enabled and config.api.v1.auth == "key" and not scopes & {"callback", "admin"}:
        what = "no API key is configured, so every request to v1 is answered 401"
        reading.warn(("api",), what, 'write [api.keys.NAME], or auth = "none" in [api.v1]')
    if config.api.v1.enabled and config.api.v1.auth == "basic" and not config.api.v1.basic_users:
        what = "no user is configured, so every request to v1 is answered 401"
        reading.warn(("api", "v1", "auth"), what, "write [api.v1.basic_users.NAME]")
    if config.api.admin.auth == "key" and "admin" not in scopes:
        what = "no API key has the scope admin, so agents' states cannot be set over HTTP"
        reading.warn(("api",), what, 'write [api.keys.NAME] with scopes = ["admin"]')


def _warn_of_missing_secrets(reading: Reading, config: DialerConfig) -> None:
    """Only a running dialer needs its secrets; listing callbacks works without."""
    named: list[tuple[Path, str | None]] = [
        (("gateway", name, "password_env"), gateway.password_env) for name, gateway in config.gateways.items()
    ]
    named += [(("api", "keys", name, "key_env"), key.key_env) for name, key in config.api.keys.items()]
    users = config.api.v1.basic_users.items()
    named += [(("api", "v1", "basic_users", name, "password_env"), user.password_env) for name, user in users]
    named += [(("push", "http", name, "secret_env"), channel.secret_env) for name, channel in config.push.http.items()]
    named.append((("mqtt", "password_env"), config.mqtt.password_env))
    for path, variable in named:
        if variable is not None and not os.environ.get(variable):
            reading.warn(path, f"the environment variable {variable} is not set", f"export {variable} before a start")
