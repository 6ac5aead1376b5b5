"""One step of a callback that no call flow takes: a pause, a time limit, a submission that found no node.

Several nodes may come to the same step at the same moment: the store lets one take it, the others find it taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Callback
from dialer.callback.state import Actor, Position
from dialer.events import Bus, CallbackChanged
from dialer.store import Store, UnknownCallback, VersionConflict

log = structlog.get_logger(__name__)


async def take_step(
    store: Store,
    bus: Bus,
    callback: Callback,
    event: str,
    *,
    actor: Actor,
    now: datetime,
    to: Position | None = None,
    changes: Mapping[str, object] | None = None,
    note: str = "",
) -> bool:
    """Makes a transition and tells it; False when the callback was changed or removed meanwhile, and is as it was.

    Args:
        store: has the record.
        bus: is told.
        callback: as it was when the step was decided on.
        event: T-number.
        actor: who causes it.
        now: aware UTC.
        to: state and phase, when the transition has several targets.
        changes: further fields of the record.
        note: for the history.
    """
    try:
        changed = await store.transition(
            callback.id, callback.version, event, actor=actor, now=now, to=to, changes=changes, note=note
        )
    except (VersionConflict, InvalidTransition, UnknownCallback) as conflict:
        log.info("step_overtaken", callback=callback.id, transition=event, cause=str(conflict))
        return False
    bus.publish(CallbackChanged(changed, event))
    return True
