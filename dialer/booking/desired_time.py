"""Desired times: reading, the limits of past and future, and what makes a callback scheduled (api.md §2.1 check 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from dialer.booking.refused import BadDesiredTime
from dialer.callback.options import ServiceOptions

PAST_ALLOWED: Final = timedelta(seconds=120)  # api.md §2.1 check 7: then immediate
V3_RETENTION: Final = timedelta(days=14)  # records.md §11


def read_desired_time(text: str | None, options: ServiceOptions, now: datetime) -> datetime | None:
    """Gives the desired time in UTC; None when the callback is wanted now.

    Raises BadDesiredTime: when it is unreadable, more than 120 s ago, or further ahead than `max_lead`.
    """
    if text is None:
        return None
    desired = _parse(text)
    if desired < now - PAST_ALLOWED:
        raise BadDesiredTime(f"{text} is more than {PAST_ALLOWED.total_seconds():.0f} s in the past")
    if desired <= now:
        return None
    if desired > options.latest_desired(now):
        raise BadDesiredTime(f"{text} is further ahead than {options.max_lead}")
    return desired


def is_scheduled(desired: datetime | None, options: ServiceOptions, now: datetime) -> bool:
    """Whether the desired time lies more than `submit_lead` ahead (records.md §2, `type`)."""
    return desired is not None and desired > now + timedelta(seconds=options.submit_lead)


def expiry_of(options: ServiceOptions, desired: datetime) -> datetime:
    """When the record is kept no longer (records.md §11)."""
    return desired + (timedelta(seconds=options.ttl) if options.family == "v1" else V3_RETENTION)


def deadline_of(options: ServiceOptions, desired: datetime) -> datetime | None:
    """When it will be purged (records.md §11); purging at closing needs office hours."""
    minutes = options.callback_purge_time_min
    return desired + timedelta(minutes=minutes) if minutes else None


def _parse(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadDesiredTime(f"{text[:64]!r} is not a time; write e.g. 2026-03-02T16:00:00.000Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
