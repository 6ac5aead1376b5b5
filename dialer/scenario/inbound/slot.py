"""The free time nearest to a caller's wish. Source: options.md §6: grid of `slot_duration_min`, at most 7 days away."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from dialer.callback.options import ServiceOptions
from dialer.callback.reason import Reason
from dialer.callback.state import State
from dialer.store import CallbackFilter, Store

FURTHEST = timedelta(days=7)
CANCELLED = frozenset({Reason.CANCELLED.value, Reason.CANCELLED_BY_ADMIN.value})
LOOKED_AT = 5000


async def nearest_free(
    store: Store, service: str, options: ServiceOptions, wish: datetime, now: datetime
) -> datetime | None:
    """The start of the first slot with a free place at or after the wish, else before it on the same day.

    Args:
        store: holds what is booked.
        service: its name.
        options: `slot_duration_min`, `slot_capacity`, `min_lead_min`.
        wish: local time of the caller, aware; its zone makes the grid.
        now: aware.

    Returns:
        None when there is none within 7 days.
    """
    slot = timedelta(minutes=int(options.slot_duration_min))
    earliest = now + timedelta(minutes=options.min_lead_min)
    first = on_grid(wish, slot)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    taken = await _taken(store, service, midnight, wish + FURTHEST, slot, wish.tzinfo)
    after = first
    while after <= wish + FURTHEST:
        if after > earliest and taken.get(after, 0) < options.slot_capacity:
            return after
        after += slot
    before = first - slot
    while before >= midnight:
        if before > earliest and taken.get(before, 0) < options.slot_capacity:
            return before
        before -= slot
    return None


def on_grid(moment: datetime, slot: timedelta) -> datetime:
    """The first slot start at or after a moment, counted from local midnight."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - (midnight - moment) // slot * slot


async def _taken(
    store: Store, service: str, start: datetime, end: datetime, slot: timedelta, zone: tzinfo | None
) -> dict[datetime, int]:
    """How many callbacks are booked in each slot; cancelled ones do not count."""
    wanted = CallbackFilter(
        services=frozenset({service}), desired_from=start, desired_until=end + slot, limit=LOOKED_AT
    )
    found: dict[datetime, int] = {}
    for callback in await store.find(wanted):
        if callback.state is State.COMPLETED and callback.reason in CANCELLED:
            continue
        local = callback.desired_time.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        begin = midnight + (local - midnight) // slot * slot
        found[begin] = found.get(begin, 0) + 1
    return found
