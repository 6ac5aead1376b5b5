"""What happened, as typed events on an in-process bus.

One closed list of events, all observers equal. Events never carry commands: whoever wants something done calls the
room that does it. User data inside an event's callback must not be written to logs (records.md §1).
"""

from dialer.events.agent_feed import AgentFeed, Message, Reader
from dialer.events.bus import Bus, Stream
from dialer.events.event import (
    AgentChanged,
    AttemptEnded,
    AttemptStarted,
    CallbackChanged,
    CustomerAnswered,
    DispositionDue,
    Event,
    NodeState,
    PreviewClosed,
    PreviewOffered,
    PushSent,
    Rejected,
    Step,
)

__all__ = [
    "AgentChanged",
    "AgentFeed",
    "AttemptEnded",
    "AttemptStarted",
    "Bus",
    "CallbackChanged",
    "CustomerAnswered",
    "DispositionDue",
    "Event",
    "Message",
    "NodeState",
    "PreviewClosed",
    "PreviewOffered",
    "PushSent",
    "Reader",
    "Rejected",
    "Step",
    "Stream",
]
