"""What a user agent is told at its start. Values only; impossible ones are refused when the value is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dialer.telephony.errors import SettingsError

CODECS = {"PCMU": "PCMU/8000", "PCMA": "PCMA/8000", "G722": "G722/16000", "GSM": "GSM/8000", "OPUS": "opus/48000"}
"""Names as written in settings, upper case, and PJMEDIA's codec ids without the channel count."""

Srtp = Literal["off", "optional", "mandatory"]
Transport = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True, slots=True)
class Gateway:
    """A PBX or trunk that calls go through.

    Attributes:
        uri: its address, "sip:HOST[:PORT][;transport=…]".
        user, password, realm: digest authentication; no user = none. Realm "*" answers any.
        outbound_proxy: requests are routed through this SIP URI.
        transport: used when the URI names none.
        codecs: by preference; empty = those of the user agent.
        srtp: "optional" offers both, "mandatory" refuses calls without.
        session_timers: RFC 4028, used when the gateway wants it too.
        options_ping_s: seconds between OPTIONS pings; 0 = never.
        max_channels: calls at once through this gateway; None = only the limit of the user agent.
        from_domain: host part of From; None = the gateway's host.
    """

    name: str
    uri: str
    user: str = ""
    password: str = field(default="", repr=False)
    realm: str = "*"
    outbound_proxy: str | None = None
    transport: Transport = "udp"
    codecs: tuple[str, ...] = ()
    srtp: Srtp = "off"
    session_timers: bool = True
    options_ping_s: float = 30.0
    max_channels: int | None = None
    from_domain: str | None = None

    def __post_init__(self) -> None:
        check_codecs(self.codecs, f"gateway {self.name}")
        if not self.uri.startswith(("sip:", "sips:")):
            raise SettingsError(f"gateway {self.name}: {self.uri!r} is no SIP URI; write sip:HOST:PORT")

    @property
    def host_port(self) -> str:
        """Host and port of the URI: "192.0.2.1:5060"."""
        return self.uri.split(":", 1)[1].split(";", 1)[0].rpartition("@")[2]

    def uses(self, transport: str) -> bool:
        """True when requests to the gateway go by this transport."""
        if self.uri.startswith("sips:"):
            return transport == "tls"
        route = self.outbound_proxy or self.uri
        named = route.lower().partition("transport=")[2].partition(";")[0]
        return transport == (named or self.transport)

    @property
    def uri_parameters(self) -> str:
        """Parameters for request URIs, with the transport: ";transport=tcp", or empty."""
        parameters = self.uri.partition(";")[2]
        if "transport=" not in parameters and self.transport != "udp":
            parameters = f"transport={self.transport}" + (f";{parameters}" if parameters else "")
        return f";{parameters}" if parameters else ""


@dataclass(frozen=True, slots=True)
class UserAgentSettings:
    """The user agent's own side.

    Attributes:
        listen_host: address of the signalling and RTP sockets.
        public_address: written to Contact and SDP when the machine is behind NAT; None = the real one.
        udp_port, tcp_port, tls_port: 0 = any free port, None = this transport is off.
        tls_certificate, tls_key, tls_ca: PEM files. With tls_ca, servers' certificates are verified.
        rtp_port_range: first and last UDP port of RTP and RTCP; two per call.
        max_channels: legs at once, in and out.
        tap_rows: legs whose audio can be tapped at once; None = 2 * max_channels, so that rows rest before reuse.
        tap_seconds: how much audio a row holds.
        send_silence: RTP goes out while nobody speaks to a leg; without it far ends may take us for dead.
        rtp_timeout_s: an answered leg that loses RTP for this long ends with cause "rtp_timeout"; 0 = never.
        max_redirects: 3xx answers followed per call; 0 = none.
        srtp: for incoming calls.
        follow_refer: whether a far end may put somebody else in its place (REFER, Replaces): "joined" = when its leg is
            joined with another; "always" = then too when nobody but the receiver of Transferred will own the new leg;
            "never". What is not followed is refused with 603.
        log_level: of the native library on standard error: 0 (nothing; every outcome is told as a value) to 4.
    """

    listen_host: str = "127.0.0.1"
    public_address: str | None = None
    udp_port: int | None = 0
    tcp_port: int | None = None
    tls_port: int | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    rtp_port_range: tuple[int, int] = (40000, 59999)
    max_channels: int = 500
    tap_rows: int | None = None
    tap_seconds: float = 4.0
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    user_agent_name: str = "callback-dialer"
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722", "GSM", "opus")
    send_silence: bool = True
    rtp_timeout_s: float = 30.0
    max_redirects: int = 5
    srtp: Srtp = "optional"
    session_timers: bool = True
    follow_refer: Literal["joined", "always", "never"] = "joined"
    log_level: int = 0

    def __post_init__(self) -> None:
        check_codecs(self.codecs, "user agent")
        if not self.codecs:
            raise SettingsError("user agent: no codec is left; name at least one")
        if self.udp_port is None and self.tcp_port is None and self.tls_port is None:
            raise SettingsError("user agent: every transport is off; set udp_port, tcp_port or tls_port")
        if self.tls_port is not None and (self.tls_certificate is None or self.tls_key is None):
            raise SettingsError("user agent: tls_port needs tls_certificate and tls_key")
        if not 1 <= self.max_channels <= 2048:
            raise SettingsError(f"user agent: max_channels is {self.max_channels}; 1 to 2048 are possible")
        if self.rtp_port_range[1] - self.rtp_port_range[0] + 1 < 2 * self.max_channels:
            raise SettingsError(
                f"user agent: rtp_port_range holds fewer than two ports for each of {self.max_channels} channels"
            )

    @property
    def rows(self) -> int:
        """Rows of the tap."""
        return self.tap_rows if self.tap_rows is not None else 2 * self.max_channels


def check_codecs(codecs: tuple[str, ...], where: str) -> None:
    """Raises SettingsError when a codec is unknown."""
    for codec in codecs:
        if codec.upper() not in CODECS:
            raise SettingsError(f"{where}: unknown codec {codec!r}; known are {', '.join(CODECS)}")
