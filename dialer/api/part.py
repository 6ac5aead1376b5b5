"""What the doors need from the rest of a running dialer, as small protocols, so that each can be replaced in a test."""

from __future__ import annotations

from typing import Literal, Protocol

from dialer.booking import Booking
from dialer.callback.record import Callback
from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.push import Courier
from dialer.routing import AgentPool, WaitBook
from dialer.scenario import Desk
from dialer.store import Store


class TalkCommands(Protocol):
    """What may be done to a call while customer and agent talk; each may raise TalkRefused."""

    def snapshot(self) -> dict[str, object]:
        """How the talk stands."""

    async def hold(self) -> None:
        """Puts the customer on hold."""

    async def retrieve(self) -> None:
        """Takes the customer off hold."""

    async def transfer(self, target: str, *, attended: bool = False) -> None:
        """Sends the call on."""

    async def conference(self, target: str = "") -> None:
        """Brings a further party in."""

    async def hangup(self, party: str = "") -> None:
        """Ends the call, or one party's part in it."""

    async def record(self, wish: Literal["on", "pause", "off"]) -> None:
        """Starts, pauses, ends the recording."""

    async def dtmf(self, digits: str) -> None:
        """Sends digits to the customer."""


class NodeStatus(Protocol):
    """How the worker of this process does."""

    @property
    def sip_up(self) -> bool:
        """Whether the SIP user agent runs and can reach at least one gateway, or has none to ask."""

    @property
    def media_up(self) -> bool:
        """Whether the media clock runs."""

    @property
    def store_fault(self) -> str | None:
        """Why the worker could not write last, in words; None when it could."""

    @property
    def scheduler_lag_s(self) -> float:
        """How far behind its time the scheduler is, seconds."""

    @property
    def calls_active(self) -> int:
        """Call legs that are up or being set up."""

    def talk(self, callback_id: str) -> TalkCommands | None:
        """The commands of a callback's talk; None while nobody talks in it here."""

    def submit(self, callback: Callback) -> None:
        """Hints that a callback has been booked, so that it is claimed at once; may be ignored."""


class House(Protocol):
    """The parts that doors read from directly."""

    @property
    def store(self) -> Store:
        """The callback store."""

    @property
    def bus(self) -> Bus:
        """The events."""

    @property
    def pool(self) -> AgentPool:
        """The agents."""

    @property
    def waits(self) -> WaitBook:
        """The waiting times of this node's queues."""

    @property
    def clock(self) -> Clock:
        """The clock."""

    @property
    def desk(self) -> Desk:
        """What agents are asked."""

    @property
    def pushes(self) -> Courier:
        """What brings messages to customers' devices."""


class Dialer(Protocol):
    """A running dialer, as its doors see it."""

    @property
    def config(self) -> DialerConfig:
        """What `dialer.toml` says."""

    @property
    def booking(self) -> Booking:
        """The use cases."""

    @property
    def house(self) -> House:
        """Store, bus, agents, clock."""

    @property
    def status(self) -> NodeStatus:
        """How the worker does."""
