"""The SIP user agent: legs out, legs in, bridges, and the audio of all legs. One per process, as pjsua is."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from dialer.telephony import native
from dialer.telephony.bridge import Bridge, Conference
from dialer.telephony.channels import ChannelUse
from dialer.telephony.dialing import DialRequest
from dialer.telephony.dialog_info import PhoneState
from dialer.telephony.errors import NotRunning, UnknownGateway
from dialer.telephony.gateway import GatewayHealth
from dialer.telephony.leg import IncomingLeg, Leg
from dialer.telephony.settings import UserAgentSettings
from dialer.telephony.tap import TapView

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine

log = logging.getLogger(__name__)

DESCRIPTORS_PER_CALL = 2  # RTP and RTCP
SPARE_DESCRIPTORS = 200  # signalling, database, HTTP, files
SWITCH_INTERVAL_S = (
    0.001  # a busy thread gives the interpreter up this often; the default of 5 ms delays SIP and events
)

IncomingTaker = Callable[[IncomingLeg], Awaitable[None]]


class UserAgent:
    """A user agent: `await start()`, then dial() and take what comes in, then `await stop()`.

    Attributes:
        on_incoming: takes each incoming leg, in a task of its own. Without one, calls are refused with 480.
    """

    def __init__(self, settings: UserAgentSettings) -> None:
        self.settings = settings
        self.on_incoming: IncomingTaker | None = None
        self._engine: Engine | None = None
        self._takers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Opens the sockets and starts the SIP thread.

        Raises:
            NativeLibraryMissing: pjsua2 is missing or not our build.
            StartFailed: a port is taken, a certificate cannot be read, or the like.
        """
        native.require()
        from dialer.telephony.engine import Engine  # noqa: PLC0415 - pjsua2 is needed from here on, not by who imports this

        limit = raise_descriptor_limit()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        engine = Engine(self.settings, asyncio.get_running_loop(), self._take)
        await engine.start()
        self._engine = engine
        log.info(
            "SIP on %s %s; %d channels, %d tap rows, %d descriptors",
            self.settings.listen_host,
            engine.library.ports,
            self.settings.max_channels,
            engine.taps.rows,
            limit,
        )
        if limit < self.settings.max_channels * DESCRIPTORS_PER_CALL + SPARE_DESCRIPTORS:
            log.warning(
                "only %d descriptors may be open (ulimit -n): fewer calls than max_channels=%d will fit",
                limit,
                self.settings.max_channels,
            )

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Hangs up every leg, waits for their ends at most `deadline_s` seconds, and closes the library."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        await engine.stop(deadline_s)
        await asyncio.sleep(0)  # the legs' last events are delivered before the takers are asked to go
        for task in self._takers:
            task.cancel()
        await asyncio.gather(*self._takers, return_exceptions=True)

    async def dial(self, request: DialRequest) -> Leg:
        """Places a call. Returns when the INVITE has been handed to the transport.

        A call that cannot be placed is no exception but a leg that has ended, with `end.local` and a cause:
        "no_channel", "unknown_gateway", "malformed", "dns", "transport".
        """
        return await self._running.dial(request)

    async def watch_phone(self, gateway: str, number: str, taker: Callable[[PhoneState], None]) -> PhoneSubscription:
        """Has the PBX tell what a telephone does (dialog events, RFC 4235), where it offers that.

        Args:
            gateway: the PBX.
            number: extension, or a whole SIP URI.
            taker: called on the loop with each change; UNKNOWN when the PBX does not or no longer says.

        Raises:
            UnknownGateway: when none is configured by this name.
        """
        if gateway not in self.settings.gateways:
            raise UnknownGateway(gateway)
        engine = self._running
        return PhoneSubscription(engine, await engine.watch_phone(gateway, number, taker))

    async def bridge(self, one: Leg, other: Leg) -> Bridge:
        """Joins two legs; what plays on them falls silent with the next frame."""
        engine = self._running
        return Bridge(engine, one, other, await engine.join([one, other]))

    async def conference(self, legs: Sequence[Leg]) -> Conference:
        """Joins any number of legs, each with all others; who of them hears another already loses nothing of it.

        One alone is parted from whomever it was joined with, and hears on what plays on it.
        """
        engine = self._running
        return Conference(engine, legs, await engine.join(legs))

    @property
    def taps(self) -> TapView:
        """What every leg's far end says."""
        return self._running.taps

    @property
    def channels(self) -> ChannelUse:
        """Channels in use and free."""
        return self._running.channels.use

    @property
    def udp_port(self) -> int:
        """The UDP port that it listens on; 0 when UDP is off."""
        return self._running.library.ports.get("udp", 0)

    @property
    def tcp_port(self) -> int:
        """The TCP port that it listens on; 0 when TCP is off."""
        return self._running.library.ports.get("tcp", 0)

    @property
    def tls_port(self) -> int:
        """The TLS port that it listens on; 0 when TLS is off."""
        return self._running.library.ports.get("tls", 0)

    def gateway_health(self, name: str) -> GatewayHealth:
        """Gives what the OPTIONS pings have told of a gateway; of an unknown one, a health that is not known."""
        return self._running.pinger.health.get(name, GatewayHealth(name))

    async def probe_gateway(self, name: str, timeout_s: float = 5.0) -> GatewayHealth:
        """Asks a gateway by OPTIONS now, and waits for its answer.

        Raises:
            UnknownGateway: when none is configured by this name.
        """
        if name not in self.settings.gateways:
            raise UnknownGateway(name)
        return await self._running.pinger.probe(name, timeout_s)

    @property
    def _running(self) -> Engine:
        if self._engine is None:
            raise NotRunning
        return self._engine

    def _take(self, leg: IncomingLeg) -> None:
        task = asyncio.get_running_loop().create_task(self._offer(leg), name=f"incoming-{leg.id}")
        self._takers.add(task)
        task.add_done_callback(self._takers.discard)

    async def _offer(self, leg: IncomingLeg) -> None:
        if self.on_incoming is None:
            await leg.hangup(480)
            return
        try:
            await self.on_incoming(leg)
        except Exception:
            log.exception("the taker of %r failed", leg)
            await leg.hangup("failure")


class PhoneSubscription:
    """A telephone that is watched."""

    def __init__(self, engine: Engine, key: int) -> None:
        self._engine = engine
        self._key = key

    async def close(self) -> None:
        """Ends it."""
        await self._engine.unwatch_phone(self._key)


def raise_descriptor_limit() -> int:
    """Raises the soft limit of open files to the hard one; gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
