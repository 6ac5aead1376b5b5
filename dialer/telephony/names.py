"""Host names are looked up here, off the SIP thread, before the library sees them.

The library resolves names with the system's blocking call on its only thread; a dead name server would stop every call
for seconds. A name that resolves here is in the system's reach; one that does not never gets there.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import time

GOOD_FOR_S = 60.0
PATIENCE_S = 5.0
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9.])?|[0-9A-Fa-f:.]+")


def host_of(uri: str) -> str:
    """Gives the host of a SIP URI: "sip:1@h:5060;x" -> "h", "sip:1@[::1]:5060" -> "::1"."""
    place = uri.partition(":")[2].partition(";")[0].partition("?")[0].rpartition("@")[2]
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.partition(":")[0]


def is_host(text: str) -> bool:
    """True when the text could be a host's name or address."""
    return bool(HOST.fullmatch(text))


def is_address(host: str) -> bool:
    """True when the host is an IP address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Names:
    """Remembers which names resolve. Used on the event loop only."""

    def __init__(self) -> None:
        self._good_until: dict[str, float] = {}

    async def resolves(self, host: str) -> bool:
        """True when the host is an address or its name resolves; asks at most once a minute while it does."""
        if is_address(host) or self._good_until.get(host, 0.0) > time.monotonic():
            return True
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError, TimeoutError):
            return False
        self._good_until[host] = time.monotonic() + GOOD_FOR_S
        return True
