"""One callback from QUEUED to COMPLETED, in straight async code that reads like its call-flow diagram."""

from dialer.scenario.attempt import CallAttempt, Interruption
from dialer.scenario.choose import attempt_of
from dialer.scenario.hearing import Hearing, Listener, ListenerFailed, TickStatistics
from dialer.scenario.house import House
from dialer.scenario.ledger import Overtaken
from dialer.scenario.story import Story, StoryWriter
from dialer.scenario.treatment_library import TreatmentLibrary
from dialer.scenario.user_terminated import UserTerminated

__all__ = [
    "CallAttempt",
    "Hearing",
    "House",
    "Interruption",
    "Listener",
    "ListenerFailed",
    "Overtaken",
    "Story",
    "StoryWriter",
    "TickStatistics",
    "TreatmentLibrary",
    "UserTerminated",
    "attempt_of",
]
