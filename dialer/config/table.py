"""The tables of `dialer.toml` other than services and agents, with their defaults (options.md §12).

Every model is frozen and refuses unknown keys. Seconds unless the key's name says otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[float, Field(gt=0)]
NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
PORTS_PER_LEG: Final = 2  # RTP and RTCP
CODECS: Final = ("PCMU", "PCMA", "G722", "GSM", "OPUS")


class Table(BaseModel):
    """A table of the configuration: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listen_address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) <= 65535):  # highest TCP port
        raise ValueError(f'{value!r} is not an address; write host:port, e.g. "127.0.0.1:8080"')
    return value


ListenAddress = Annotated[str, AfterValidator(_listen_address)]


class ServerTable(Table):
    """`[server]`: where the HTTP doors listen."""

    listen: ListenAddress = "0.0.0.0:8080"
    ops_listen: ListenAddress = "127.0.0.1:9090"
    public_url: str | None = None
    tenant_dbid: int = Field(default=1, ge=0)
    app_id: int = Field(default=1, ge=0)


class DbTable(Table):
    """`[db]`: the callback store. `durable`: what a committed write survives."""

    url: str = "sqlite+aiosqlite:///var/dialer.db"
    durable: Literal["process", "power"] = "process"

    @field_validator("url")
    @classmethod
    def _known_driver(cls, url: str) -> str:
        if not url.startswith(("sqlite+aiosqlite:///", "postgresql+asyncpg://")):
            raise ValueError(
                "is not a store this dialer knows; "
                'write "sqlite+aiosqlite:///FILE" or "postgresql+asyncpg://USER:PASSWORD@HOST/NAME"'
            )
        return url


class NodeTable(Table):
    """`[node]` or `[[node]]`: the worker that makes the calls."""

    name: NodeName = "node-1"
    region: str = "default"
    url: str | None = None
    max_sessions: int = Field(default=1000, ge=1)
    lease_s: float = Field(default=15.0, ge=3, le=3600)
    stop_deadline_s: float = Field(default=30.0, ge=0, le=86400)


class SipTable(Table):
    """`[sip]`: the user agent's own side. A port of 0 is chosen by the system; a transport without a port is off."""

    listen_host: str = "0.0.0.0"  # noqa: S104 - PBXs are on other machines
    public_address: str | None = None
    udp_port: Port | None = 5070
    tcp_port: Port | None = None
    tls_port: Port | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    user_agent_name: str = "callback-dialer"

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.udp_port is None and self.tcp_port is None and self.tls_port is None:
            raise ValueError("no transport is on, so nothing can be dialled; set udp_port, tcp_port or tls_port")
        if self.tls_port is not None and (self.tls_certificate is None or self.tls_key is None):
            raise ValueError("tls_port needs tls_certificate and tls_key; name both PEM files")
        return self


class GatewayTable(Table):
    """`[gateway.<name>]`: a PBX or trunk that calls go through."""

    uri: str
    user: str = ""
    password: SecretStr = SecretStr("")
    password_env: str | None = None
    realm: str = "*"
    outbound_proxy: str | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    srtp: Literal["off", "optional", "mandatory"] = "off"
    session_timers: bool = True
    options_ping_s: float = Field(default=30.0, ge=0, le=3600)
    max_channels: int | None = Field(default=None, ge=1)
    from_domain: str | None = None
    dialog_events: bool = False

    @field_validator("uri", "outbound_proxy")
    @classmethod
    def _sip_uri(cls, uri: str | None) -> str | None:
        if uri is not None and not re.fullmatch(r"sips?:[^\s@:;<>]+(?::\d{1,5})?(?:;[^\s<>]*)?", uri):
            raise ValueError(f'{uri!r} is not the address of a gateway; write "sip:HOST" or "sip:HOST:PORT"')
        return uri

    @field_validator("codecs")
    @classmethod
    def _known_codecs(cls, codecs: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [codec for codec in codecs if codec.upper() not in CODECS]
        if wrong or not codecs:
            raise ValueError(f"{', '.join(wrong) or 'no codec'} cannot be used; choose from {', '.join(CODECS)}")
        return tuple(codec.upper() for codec in codecs)

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password.get_secret_value() and self.password_env:
            raise ValueError("password and password_env are both set; keep one, best password_env")
        return self


class RoutePointTable(Table):
    """`[route_point."8999@SIP_Switch"]`: a gateway and who calls. `caller_number` defaults to the part before "@"."""

    gateway: str
    caller_number: str = ""
    caller_name: str = ""
    max_channels: int | None = Field(default=None, ge=1)


class DialTable(Table):
    """`[dial]`: pace, limits and how refusals are read."""

    calls_per_second: float = Field(default=50.0, gt=0, le=10_000)
    max_channels: int = Field(default=500, ge=2, le=2048)
    max_redirects: int = Field(default=5, ge=0, le=20)
    sip_results: dict[int, int] = {}
    q850_results: dict[int, int] = {}

    @field_validator("sip_results", "q850_results")
    @classmethod
    def _known_results(cls, table: dict[int, int], info: Any) -> dict[int, int]:
        low, high, name = (300, 699, "a SIP status") if info.field_name == "sip_results" else (1, 127, "a Q.850 cause")
        for cause, result in table.items():
            if not low <= cause <= high:
                raise ValueError(f"{cause} is not {name}; use {low} to {high}")
            if not 0 <= result <= 53:  # call results of records.md §6
                raise ValueError(f"{result} is not a call_result; use 0 to 53")
        return table


class MediaTable(Table):
    """`[media]`: RTP ports and where the sounds are."""

    rtp_ports: tuple[Port, Port] = (20000, 29999)
    treatments_dir: Path | None = None
    cache_dir: Path = Path("var/treatments")
    recordings_dir: Path = Path("var/recordings")

    @field_validator("rtp_ports", mode="before")
    @classmethod
    def _range(cls, value: object) -> object:
        if isinstance(value, str):
            low, dash, high = value.partition("-")
            if not (dash and low.strip().isdigit() and high.strip().isdigit()):
                raise ValueError(f'{value!r} is not a range; write "20000-29999"')
            value = (int(low), int(high))
        return value

    @field_validator("rtp_ports")
    @classmethod
    def _ordered(cls, ports: tuple[int, int]) -> tuple[int, int]:
        if not 1024 <= ports[0] < ports[1]:
            raise ValueError(f"{ports[0]}-{ports[1]} is not a range above 1023; put the lower port first")
        return ports

    @property
    def legs_possible(self) -> int:
        """How many call legs the range holds."""
        return (self.rtp_ports[1] - self.rtp_ports[0] + 1) // PORTS_PER_LEG


class DetectionTable(Table):
    """`[detection]`: how answers are judged (names as in the detection settings)."""

    profile: Literal["safe", "balanced", "fast"] = "balanced"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    answered_limit_s: float = Field(default=5.5, ge=0.5, le=3600)
    silence_limit_s: float = Field(default=5.0, ge=0.5, le=3600)
    no_media_limit_s: float = Field(default=5.0, ge=0.5, le=3600)
    beep_limit_s: float = Field(default=30.0, ge=0.5, le=3600)
    early_limit_s: float = Field(default=120.0, ge=0.5, le=3600)


class ApiKeyTable(Table):
    """`[api.keys.<name>]`: who may call the API with `x-api-key`."""

    key_env: str | None = None
    key_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    scopes: frozenset[Literal["callback", "call_in", "statistics", "admin"]] = frozenset({"callback"})
    services: tuple[str, ...] = ()
    app_id: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.key_env is None) == (self.key_sha256 is None):
            raise ValueError("names no key, or two; set either key_env or key_sha256")
        return self


class BasicUserTable(Table):
    """`[api.v1.basic_users.<user>]`: who may call v1 with HTTP Basic."""

    password_env: str
    services: tuple[str, ...] = ()


class ApiV1Table(Table):
    """`[api.v1]`: the first-generation API."""

    enabled: bool = True
    base: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.~-]+$")] = "genesys"
    auth: Literal["key", "basic", "none"] = "key"
    basic_users: dict[str, BasicUserTable] = {}


class AdminApiTable(Table):
    """`[api.admin]`: `/api/v1`; keys need the scope `admin`."""

    auth: Literal["key", "none"] = "key"


class ApiTable(Table):
    """`[api]`: the doors and their keys."""

    v1: ApiV1Table = ApiV1Table()
    admin: AdminApiTable = AdminApiTable()
    keys: dict[str, ApiKeyTable] = {}


class CompatTable(Table):
    """`[compat]`: old names."""

    legacy_reason_names: bool = False


class CallbackTable(Table):
    """`[callback]`: which keys queries may filter by and always return."""

    filter_keys: tuple[str, ...] = Field(
        default=("_callback_state", "_callback_reason", "_request_queue_time_stat", "_request_ewt_service", "_vq"),
        validation_alias="filter-keys",
    )
    returned_keys: tuple[str, ...] = Field(
        default=("_desired_time", "_callback_state", "_callback_reason", "_ors_session_id"),
        validation_alias="returned-keys",
    )
    max_per_service: int = Field(default=500, ge=1, le=100_000)

    @field_validator("filter_keys", "returned_keys", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class AgentTable(Table):
    """`[agent.<id>]`: an agent and its phone. `state`: what it is when the dialer starts."""

    name: str = ""
    address: str
    skills: dict[str, Annotated[int, Field(ge=0, le=100)]] = {}
    groups: frozenset[str] = frozenset()
    place: str | None = None
    place_groups: frozenset[str] = frozenset()
    campaign_groups: frozenset[str] = frozenset()
    gateway: str | None = None
    state: Literal["LOGGED_OUT", "NOT_READY", "READY"] = "LOGGED_OUT"

    @field_validator("address")
    @classmethod
    def _sip_address(cls, address: str) -> str:
        if not re.fullmatch(r"sips?:[^\s@<>]+(?:@[^\s@<>]+)?", address):
            raise ValueError(f'{address!r} is not a SIP address; write "sip:NUMBER@HOST" or "sip:NUMBER"')
        return address
