"""Opens and closes pjsua2: endpoint, transports, codecs, accounts. Every function here runs on the SIP thread.

Imports pjsua2, so it is imported only when a user agent starts.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from dialer.telephony.errors import StartFailed
from dialer.telephony.settings import CODECS, UserAgentSettings
from dialer.telephony.sip_account import SipAccount, account_config

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine

log = logging.getLogger(__name__)

ONLY_ONE = threading.Lock()
"""Held while the library is open: a second Endpoint in the process would abort it."""

CLOCK_RATE = 8000
FRAME_MS = 20
JITTER_MAX_MS = 200


class Library:
    """pjsua2 while it is open."""

    def __init__(self, engine: Engine, settings: UserAgentSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._endpoint: Any = None
        self._codecs: tuple[str, ...] = ()
        self._enabled: frozenset[str] = frozenset()
        self._codec_ids: dict[str, str] = {}
        self.accounts: dict[str, SipAccount] = {}
        self.ports: dict[str, int] = {}

    def open(self) -> None:
        """Starts the library.

        Raises:
            StartFailed: when it refuses; all that was opened is closed again.
        """
        if not ONLY_ONE.acquire(blocking=False):
            raise StartFailed("a user agent runs in this process already; pjsua is one per process")
        self._endpoint = pj.Endpoint()
        try:
            pj.log_to_stderr(self._settings.log_level)
            self._endpoint.libCreate()
            self._endpoint.libInit(endpoint_config(self._settings))
            pj.log_to_stderr(self._settings.log_level)
            pj.keep_rtp_strict()
            self._transports()
            self._endpoint.libStart()
            self._endpoint.audDevManager().setNullDev()  # before the first call, or the bridge's clock never runs
            self._codec_ids = self._known_codecs()
            self._prefer(self._settings.codecs)
            self._open_accounts()
            self._engine.bell.hang()
            self._engine.drain.open()
        except pj.Error as fault:
            self._abandon()
            raise StartFailed(f"SIP cannot start: {fault.info()}") from fault
        except Exception:
            self._abandon()
            raise

    def poll(self, timeout_ms: int) -> None:
        """Lets the library work."""
        self._endpoint.libHandleEvents(timeout_ms)

    @contextlib.contextmanager
    def offering(self, codecs: tuple[str, ...]) -> Iterator[None]:
        """Has what is placed inside offer these codecs, most wanted first, and no others.

        The library keeps one list for all calls, and answers by it those that come in: so ours is back at once.
        """
        self._prefer(codecs)
        try:
            yield
        finally:
            self._prefer(self._settings.codecs)

    def _prefer(self, codecs: tuple[str, ...]) -> None:
        if codecs == self._codecs:
            return
        wanted = {codec.upper(): 255 - place for place, codec in enumerate(codecs)}
        for name, codec_id in self._codec_ids.items():
            if (name in wanted) or (name in self._enabled):
                self._endpoint.codecSetPriority(codec_id, wanted.get(name, 0))
        self._enabled = frozenset(wanted)
        self._codecs = codecs

    def close(self, deadline: float, poll: Callable[[], None]) -> None:
        """Closes in order: ports out of the bridge, accounts, bell, library. Calls are gone already."""
        self._engine.drain.close()
        for account in self.accounts.values():
            account.shutdown()
        ends = min(deadline, time.monotonic() + 0.1)
        while time.monotonic() < ends:  # the bridge removes ports on its own clock
            poll()
        self._engine.bell.take_down()
        for account in self.accounts.values():
            pj.Account.__swig_destroy__(account)
        self.accounts.clear()
        self._abandon()

    def _abandon(self) -> None:
        self._engine.bell.take_down()
        try:
            self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
        except pj.Error as fault:
            log.warning("pjsua2 did not close cleanly: %s", fault.info())
        pj.Endpoint.__swig_destroy__(self._endpoint)
        ONLY_ONE.release()

    def _known_codecs(self) -> dict[str, str]:
        """Our names and the library's ids; every codec the library has is turned off."""
        ids = [info.codecId for info in list(self._endpoint.codecEnum2())]
        for codec_id in ids:
            self._endpoint.codecSetPriority(codec_id, 0)
        return {name: codec_id for name, start in CODECS.items() for codec_id in ids if codec_id.startswith(start)}

    def _transports(self) -> None:
        settings = self._settings
        wanted = (
            ("udp", settings.udp_port, pj.PJSIP_TRANSPORT_UDP),
            ("tcp", settings.tcp_port, pj.PJSIP_TRANSPORT_TCP),
            ("tls", settings.tls_port, pj.PJSIP_TRANSPORT_TLS),
        )
        for name, port, kind in wanted:
            if port is None and any(gateway.uses(name) for gateway in settings.gateways.values()):
                port = 0  # noqa: PLW2901 - nothing is listened for, but calls go out by it
            if port is not None:
                self.ports[name] = self._transport(name, port, kind)

    def _transport(self, name: str, port: int, kind: int) -> int:
        config = pj.TransportConfig()
        config.port = port
        config.boundAddress = "" if self._settings.listen_host in {"0.0.0.0", "::"} else self._settings.listen_host  # noqa: S104
        config.publicAddress = self._settings.public_address or ""
        if name == "tls":
            check_tls(self._settings)
            set_tls(config.tlsConfig, self._settings)
        try:
            number = self._endpoint.transportCreate(kind, config)
        except pj.Error as fault:
            where = f"{self._settings.listen_host}:{port}/{name}"
            raise StartFailed(f"SIP cannot listen on {where}: {fault.reason}; is another program using it?") from fault
        return int(self._endpoint.transportGetInfo(number).localName.rpartition(":")[2])

    def _open_accounts(self) -> None:
        gateways = [None, *self._settings.gateways.values()]
        low, high = self._settings.rtp_port_range
        share = (high - low + 1) // len(gateways) // 2 * 2
        name, port = next(iter(self.ports.items()))
        local = f"{self._settings.public_address or self._settings.listen_host}:{port}" + (
            f";transport={name}" if name != "udp" else ""
        )
        for place, gateway in enumerate(gateways):
            account = SipAccount(self._engine, gateway)
            ports = (low + place * share, low + (place + 1) * share - 1)
            account.create(
                account_config(self._settings, gateway, local.split(";", maxsplit=1)[0], ports), gateway is None
            )
            self.accounts[gateway.name if gateway else ""] = account


def endpoint_config(settings: UserAgentSettings) -> Any:
    """Makes the library's configuration."""
    config = pj.EpConfig()
    config.logConfig.level = settings.log_level
    config.logConfig.consoleLevel = 0
    config.uaConfig.maxCalls = 2048  # calls that end still hold a slot for a moment; the limit is kept by Channels
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.userAgent = settings.user_agent_name
    media = config.medConfig
    media.clockRate = media.sndClockRate = CLOCK_RATE
    media.audioFramePtime = FRAME_MS
    media.channelCount = 1
    media.maxMediaPorts = 4300
    media.threadCnt = 1
    media.hasIoqueue = True
    media.noVad = True  # silence suppression would starve the detectors
    media.ecTailLen = 0
    media.jbMax = JITTER_MAX_MS
    media.sndAutoCloseTime = -1
    return config


def check_tls(settings: UserAgentSettings) -> None:
    """Reads the PEM files as the library will, which itself says nothing when it cannot.

    Raises:
        StartFailed: when a file is missing, no PEM, or the key is another certificate's.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if settings.tls_certificate is not None and settings.tls_key is not None:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_ca is not None:
            context.load_verify_locations(settings.tls_ca)
    except (OSError, ssl.SSLError) as fault:
        files = f"{settings.tls_certificate}, {settings.tls_key}, {settings.tls_ca}"
        raise StartFailed(f"TLS cannot use certificate, key or CA ({files}): {fault}") from fault


def set_tls(config: Any, settings: UserAgentSettings) -> None:
    """Names the PEM files; with a CA the far end's certificate is verified."""
    if settings.tls_certificate is not None and settings.tls_key is not None:
        config.certFile = str(settings.tls_certificate)
        config.privKeyFile = str(settings.tls_key)
    config.method = pj.PJSIP_TLSV1_2_METHOD
    if settings.tls_ca is not None:
        config.CaListFile = str(settings.tls_ca)
        config.verifyServer = True
