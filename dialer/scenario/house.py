"""What a scenario works with: one value that names every part, so that each can be replaced in a test."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.booking import PauseBook
from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.push import Courier
from dialer.routing import AgentPool, Router, WaitBook
from dialer.scenario.desk import Desk
from dialer.scenario.hearing import Listener
from dialer.scenario.story import StoryWriter
from dialer.scenario.treatment_library import TreatmentLibrary
from dialer.store import Store
from dialer.telephony import UserAgent


@dataclass(frozen=True, slots=True)
class House:
    """The parts a scenario calls upon.

    Attributes:
        node: name of this node, written to attempts and leases.
        lease_s: how long this node owns a callback without renewing.
        waits: waiting times of this node's queues.
        pauses: which services are paused.
        pushes: brings messages to customers' devices.
        desk: what agents are asked.
    """

    node: str
    lease_s: float
    config: DialerConfig
    clock: Clock
    store: Store
    bus: Bus
    user_agent: UserAgent
    listener: Listener
    pool: AgentPool
    router: Router
    library: TreatmentLibrary
    stories: StoryWriter
    waits: WaitBook = field(default_factory=lambda: WaitBook(AgentPool(), {}))
    pauses: PauseBook = field(default_factory=PauseBook)
    pushes: Courier = field(default_factory=Courier.silent)
    desk: Desk = field(default_factory=Desk)
