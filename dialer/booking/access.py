"""What is asked of a call-in group for a service, a callback, or nobody in particular, and what it has handed out.

Source: options.md §2.8, §9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from dialer.booking.refused import InvalidState, UnknownGroup
from dialer.booking.request import Sorted
from dialer.callback.call_in import AccessWish, CallInRequest, bare
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import Phase
from dialer.config import DialerConfig
from dialer.store import Store


def access_wish(
    config: DialerConfig,
    group: str,
    *,
    code: bool | None = None,
    expiry_s: float | None = None,
    from_number: str = "",
    user_data: Mapping[str, Any] | None = None,
    service: str = "",
) -> AccessWish:
    """A wish to a configured group.

    Raises UnknownGroup: when there is no such group.
    """
    table = config.call_in_groups.get(group)
    if table is None:
        raise UnknownGroup(f"there is no call-in group {group!r}")
    return table.wish(
        group,
        service=service,
        code=code,
        expiry_s=expiry_s,
        from_number=from_number,
        user_data=dict(user_data or {}),
    )


def access_of_service(config: DialerConfig, service: str, parts: Sorted, number: str) -> AccessWish:
    """What a create asks for: v1 says itself whether it wants a code, and for how long (D-07, D-14)."""
    return access_wish(
        config,
        parts.options.resource_group,
        **_terms(parts.options),
        from_number=number,
        user_data=parts.user_data,
        service=service,
    )


def access_of_callback(config: DialerConfig, callback: Callback, group: str) -> AccessWish:
    """What a callback asks for whose customer has been told that it is ready.

    Raises InvalidState: when the callback does not wait for the customer's call.
    Raises UnknownGroup: when there is no such group.
    """
    if callback.phase is not Phase.CALL_IN_WAIT:
        raise InvalidState(f"{callback.id} does not wait for the customer's call")
    options = config.options_for(callback)
    wish = access_wish(
        config,
        group or options.resource_group,
        **_terms(options),
        from_number=callback.number,
        user_data=callback.user_data,
        service=callback.service,
    )
    return replace(wish, callback_id=callback.id)


async def open_call_ins(store: Store, config: DialerConfig, dnis: str | None, now: datetime) -> list[CallInRequest]:
    """Active requests that a call to this number may mean; of all groups when the number does not count (None)."""
    numbers = [
        number
        for group in config.call_in_groups.values()
        for number in group.dnis
        if dnis is None or bare(number) == bare(dnis)
    ]
    return [request for request in await store.active_call_ins(numbers) if request.expires_at > now]


def _terms(options: ServiceOptions) -> dict[str, Any]:
    """Code and expiry: a v1 service has options of its own for both, v3 takes the group's."""
    if options.family == "v1":
        return {"code": options.provide_code, "expiry_s": options.booking_timeout}
    return {}
