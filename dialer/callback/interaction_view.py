"""The Callback Interaction resource: a callback, and each of its calls, in the vocabulary of interaction servers.

Source: spec records section 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from dialer.callback.call_leg import CUSTOMER, CallLeg
from dialer.callback.interaction import InteractionStatus, callback_status, interaction_status
from dialer.callback.options import ServiceOptions
from dialer.callback.record import SCHEDULED, Attempt, Callback
from dialer.callback.state import State


class EntityType(IntEnum):
    """What an interaction is; the others are stored for other systems and have no meaning here."""

    CALL_LEG = 3
    CALLBACK = 5


CALLBACK_TYPES: Final = {"immediate": 1, "scheduled": 2}
ADDRESS: Final = re.compile(r"sips?:.*|\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-fA-F]*:[0-9a-fA-F:.]+\]?")
WRITABLE: Final = frozenset(
    {
        "category_id",
        "subject",
        "text",
        "structured_text",
        "structured_text_mime",
        "binary_content",
        "binary_content_mime",
        "binary_content_size",
        "external_id",
        "udata",
    }
)
"""What clients may change; everything else is read-only."""


def interaction_id(callback_id: str) -> str:
    """The interaction of a callback: its id without the service's number."""
    return callback_id.partition("-")[2]


def interaction_of(
    callback: Callback, options: ServiceOptions | None, added: Mapping[str, Any], *, app_id: int
) -> dict[str, Any]:
    """A callback as interaction; absent fields have no value.

    Args:
        callback: the record.
        options: of its service; None when the service is no longer configured.
        added: what clients have written to it.
        app_id: of this dialer.
    """
    user_data = callback.user_data
    point, _, switch = (options.route_point if options else "").partition("@")
    dials_in = options is not None and options.call_direction == "USERORIGINATED"
    fields: dict[str, Any] = {
        "callback_status": int(callback_status(callback)),
        "desired_response_type": response_type(callback.customer_number),
        "start_time": callback.desired_time,
        "end_time": _end_time(callback, options),
        "customer_number": callback.customer_number,
        "attempts": callback.attempts,
        "dn": point or None,
        "location": switch or None,
        "callback_server_id": callback.node,
        "call_result": int(callback.call_result),
        "callback_type": CALLBACK_TYPES.get(callback.type, 0),
        "customer_id": user_data.get("customer_id") or callback.number,
        "interaction_id": interaction_id(callback.id),
        "status": int(interaction_status(callback)),
        "entity_type": int(EntityType.CALLBACK),
        "type": "inbound" if dials_in else "outbound",
        "sub_type": _sub_type(callback, dials_in=dials_in),
        "media_type": "callback",
        "parent_id": callback.parent_id and interaction_id(callback.parent_id),
        "thread_id": callback.root_id and interaction_id(callback.root_id),
        "external_id": user_data.get("external_id") or callback.origination_interaction_id,
        "creator_app_id": app_id,
        "start_date": callback.created_at,
        "end_date": callback.completed_at,
        "allow_children": True,
        "subject": user_data.get("subject"),
        "stopped_reason": callback.reason,
        "udata": dict(user_data),
    }
    return {name: value for name, value in {**fields, **added}.items() if value is not None}


def legs_shown(
    callback: Callback, attempts: Sequence[Attempt], legs: Sequence[CallLeg], *, app_id: int
) -> list[dict[str, Any]]:
    """Its call legs as interactions, its children.

    A dial of which the journal does not tell yet has the callback's id and its number instead of a Call-ID.
    """
    told = {leg.attempt for leg in legs if leg.is_customer}
    dials = {attempt.n: attempt for attempt in attempts}
    unknown = [
        CallLeg(
            id=f"{interaction_id(callback.id)}.{attempt.n}", who=CUSTOMER, attempt=attempt.n,
            started_at=attempt.started_at, answered_at=attempt.answered_at, ended_at=attempt.ended_at,
        )
        for attempt in attempts if attempt.n not in told
    ]  # fmt: skip
    ordered = sorted((*legs, *unknown), key=lambda leg: leg.started_at)
    return [_leg_shown(callback, leg, dials.get(leg.attempt or 0), app_id) for leg in ordered]


def _leg_shown(callback: Callback, leg: CallLeg, attempt: Attempt | None, app_id: int) -> dict[str, Any]:
    dial = attempt if leg.is_customer else None
    result = dial.call_result if dial and dial.call_result is not None else leg.call_result
    number = callback.customer_number if leg.is_customer else leg.who.removeprefix("agent ")
    fields: dict[str, Any] = {
        "desired_response_type": response_type(number),
        "start_time": leg.started_at,
        "end_time": leg.ended_at,
        "customer_number": number,
        "attempts": leg.attempt or 0,
        "callback_server_id": attempt.node if attempt else callback.node,
        "call_result": int(result),
        "customer_id": callback.user_data.get("customer_id") or callback.number,
        "interaction_id": leg.id,
        "status": int(InteractionStatus.STOPPED if leg.ended_at else InteractionStatus.IN_PROCESS),
        "entity_type": int(EntityType.CALL_LEG),
        "type": "outbound",
        "sub_type": "CustomerLeg" if leg.is_customer else "AgentLeg",
        "media_type": "voice",
        "parent_id": interaction_id(callback.id),
        "thread_id": interaction_id(callback.root_id or callback.id),
        "creator_app_id": app_id,
        "start_date": leg.started_at,
        "end_date": leg.ended_at,
        "allow_children": False,
    }
    return {name: value for name, value in fields.items() if value is not None}


def response_type(number: str) -> str:
    """`VoIP` for a SIP URI or an IP address, else `Voice`."""
    return "VoIP" if ADDRESS.fullmatch(number) else "Voice"


def _end_time(callback: Callback, options: ServiceOptions | None) -> datetime | None:
    if callback.deadline_at is not None or options is None or callback.family != "v1":
        return callback.deadline_at
    return callback.desired_time + timedelta(seconds=options.ttl)


def _sub_type(callback: Callback, *, dials_in: bool) -> str:
    if dials_in:
        return "ClickToCallIn"
    scheduled = callback.type == SCHEDULED or callback.state is State.SCHEDULED
    return "ScheduledCallback" if scheduled else "ImmediateCallback"
