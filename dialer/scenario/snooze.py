"""A running scenario puts its own callback off: its call is over, its attempt closed, and it comes back later (T70).

Who is not the scenario (the customer who answers "later") changes the record in the store instead; the node then ends
the scenario from outside, and its attempt gets 19.
"""

from __future__ import annotations

from dialer.booking import snoozed_until
from dialer.callback.record import AttemptResult
from dialer.callback.state import Actor
from dialer.scenario.ledger import Ledger

__all__ = ["snooze", "snoozed_until"]


async def snooze(
    ledger: Ledger, result: AttemptResult | None, actor: Actor, *, delay_s: float | None = None, note: str = ""
) -> None:
    """Moves the callback to QUEUED/snoozed; its legs must have ended. It keeps its place in the line.

    Args:
        ledger: of the scenario.
        result: of the attempt that is open; None when none is.
        actor: CUSTOMER or AGENT.
        delay_s: how long; None: the service's `snooze_delay`.
        note: for the history.

    Raises:
        Overtaken: when somebody else has moved the callback on.
    """
    house, callback = ledger.house, ledger.callback
    until = snoozed_until(house.config, callback, house.clock.now(), delay_s)
    if result is None or ledger.attempt is None:
        await ledger.move("T70", actor=actor, note=note, next_dial_at=until)
    else:
        await ledger.end_attempt("T70", result, actor=actor, note=note, next_dial_at=until)
