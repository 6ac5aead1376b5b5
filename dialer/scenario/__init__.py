"""One callback from QUEUED to COMPLETED, in straight async code that reads like its call-flow diagram."""

from dialer.scenario.agent_first import AgentFirst
from dialer.scenario.agent_leg import phone_of
from dialer.scenario.attempt import CallAttempt, Interruption
from dialer.scenario.choose import attempt_of
from dialer.scenario.desk import Desk, Disposition, NotAsked, PreviewAnswer, Question, RejectNotAllowed
from dialer.scenario.destination import TalkRefused
from dialer.scenario.hearing import Hearing, Listener, ListenerFailed, TickStatistics
from dialer.scenario.house import House
from dialer.scenario.ledger import Overtaken
from dialer.scenario.recorder import HEARD, recording_path
from dialer.scenario.story import Story, StoryWriter
from dialer.scenario.talk import TALKS_IN_PBX, TalkControl
from dialer.scenario.treatment_library import TreatmentLibrary
from dialer.scenario.user_terminated import UserTerminated

__all__ = [
    "HEARD",
    "TALKS_IN_PBX",
    "AgentFirst",
    "CallAttempt",
    "Desk",
    "Disposition",
    "Hearing",
    "House",
    "Interruption",
    "Listener",
    "ListenerFailed",
    "NotAsked",
    "Overtaken",
    "PreviewAnswer",
    "Question",
    "RejectNotAllowed",
    "Story",
    "StoryWriter",
    "TalkControl",
    "TalkRefused",
    "TickStatistics",
    "TreatmentLibrary",
    "UserTerminated",
    "attempt_of",
    "phone_of",
    "recording_path",
]
