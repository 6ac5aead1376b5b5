"""What delivers messages to devices: each kind of provider is one small class behind this protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dialer.callback.push import PushTarget
from dialer.push.poster import Delivery


class PushProvider(Protocol):
    """Delivers one message to one device."""

    async def send(self, target: PushTarget, message: Mapping[str, str], *, debug: bool = False) -> Delivery:
        """Tries once, within the provider's own time limit. Never raises for what the other side does.

        Args:
            target: the device.
            message: all values are texts (api.md §4).
            debug: use the provider's debug credentials.
        """
