"""OPTIONS pings: asks each gateway whether it lives, and keeps what it said."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Mapping

from dialer.telephony.gateway import GatewayHealth
from dialer.telephony.names import Names, host_of
from dialer.telephony.settings import Gateway
from dialer.telephony.sip_account import SipAccount
from dialer.telephony.sip_thread import SipThread

log = logging.getLogger(__name__)

NO_ANSWER = 408
UNREACHABLE = 503


class Pinger:
    """Pings gateways.

    Attributes:
        health: by gateway; read and written on the loop only.
    """

    def __init__(
        self, thread: SipThread, accounts: Mapping[str, SipAccount], gateways: Mapping[str, Gateway], names: Names
    ) -> None:
        self._thread = thread
        self._names = names
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._accounts = accounts
        self._gateways = gateways
        self._waiting: dict[str, list[asyncio.Future[GatewayHealth]]] = {}
        self.health = {name: GatewayHealth(name) for name in gateways}

    def start(self) -> None:
        """SIP thread: pings every gateway now and by its interval."""
        for gateway in self._gateways.values():
            if gateway.options_ping_s > 0:
                self._ping_for_ever(gateway)

    def _ping_for_ever(self, gateway: Gateway) -> None:
        self._thread.tell(self._start_ping, gateway)
        self._thread.after(gateway.options_ping_s, functools.partial(self._ping_for_ever, gateway))

    def _start_ping(self, gateway: Gateway) -> None:
        """Loop: pings when the gateway's name resolves."""
        if self._stopped:
            return
        task = asyncio.get_running_loop().create_task(self._ping(gateway), name=f"ping-{gateway.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ping(self, gateway: Gateway) -> None:
        if await self._names.resolves(host_of(gateway.outbound_proxy or gateway.uri)):
            self._thread.post(self._accounts[gateway.name].ping)
        else:
            self._note(gateway.name, UNREACHABLE, 0.0)

    async def stop(self) -> None:
        """Loop: no ping is begun any more."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def answered(self, name: str, status: int, rtt_s: float) -> None:
        """SIP thread: a gateway answered, or the library gave up on it."""
        self._thread.tell(self._note, name, status, rtt_s)

    async def probe(self, name: str, timeout_s: float) -> GatewayHealth:
        """Loop: asks a gateway now; without an answer in time its status is 408."""
        waiter: asyncio.Future[GatewayHealth] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, []).append(waiter)
        self._start_ping(self._gateways[name])
        try:
            return await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError:
            self._note(name, NO_ANSWER, timeout_s)
            return self.health[name]

    def _note(self, name: str, status: int, rtt_s: float) -> None:
        before, now = self.health[name], self.health[name].after(status, rtt_s)
        self.health[name] = now
        if before.known and before.up != now.up:
            log.warning("gateway %s is %s (%d)", name, "up" if now.up else "down", status)
        for waiter in self._waiting.pop(name, []):
            if not waiter.done():
                waiter.set_result(now)
