"""Keeps this node in step with which services operators have paused; the store tells all nodes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dialer.booking import Pausing
from dialer.scenario import House


class ServicePauses:
    """Looks what was said since it last looked, and obeys.

    Args:
        house: the parts.
        abort_dials: breaks off a service's dials that ring.
    """

    def __init__(self, house: House, abort_dials: Callable[[str], None]) -> None:
        self._house = house
        self._abort_dials = abort_dials
        self._obeyed: dict[str, datetime] = {}
        self._pausing = Pausing(house.store, house.config, house.bus, house.clock, house.pauses)

    async def learn(self) -> None:
        """Takes over what the store knows, before anything is dialled."""
        switches = await self._house.store.pause_switches()
        self._house.pauses.take(switches)
        self._obeyed = {switch.service: switch.at for switch in switches}

    async def obey(self) -> None:
        """Breaks off dials where that was said; moves callbacks that came into a paused service's queue meanwhile."""
        switches = await self._house.store.pause_switches()
        self._house.pauses.take(switches)
        for switch in switches:
            if self._obeyed.get(switch.service) != switch.at:
                self._obeyed[switch.service] = switch.at
                if switch.paused and switch.abort_dials:
                    self._abort_dials(switch.service)
        await self._pausing.sweep()
