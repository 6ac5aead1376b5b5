"""What happened, as typed events on an in-process bus.

One closed list of events, all observers equal. Events never carry commands: whoever wants something done calls the
room that does it. User data inside an event's callback must not be written to logs (records.md §1).
"""

from dialer.events.bus import Bus, Stream
from dialer.events.event import (
    AgentChanged,
    AttemptEnded,
    AttemptStarted,
    CallbackChanged,
    DispositionDue,
    Event,
    NodeState,
    PreviewClosed,
    PreviewOffered,
    Rejected,
    Step,
)

__all__ = [
    "AgentChanged",
    "AttemptEnded",
    "AttemptStarted",
    "Bus",
    "CallbackChanged",
    "DispositionDue",
    "Event",
    "NodeState",
    "PreviewClosed",
    "PreviewOffered",
    "Rejected",
    "Step",
    "Stream",
]
