"""How the running node is, for health checks and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.callback.record import Callback
from dialer.node.node import Node
from dialer.scenario import House, TalkControl


@dataclass(frozen=True, slots=True)
class RunningStatus:
    """What the API asks a node."""

    house: House
    node: Node

    @property
    def sip_up(self) -> bool:
        """No gateway that is pinged is known to be down."""
        agent = self.house.user_agent
        healths = [agent.gateway_health(name) for name in self.house.config.gateways]
        return all(health.up or not health.known for health in healths)

    @property
    def media_up(self) -> bool:
        """The detection thread runs."""
        return self.house.listener.running

    @property
    def store_fault(self) -> str | None:
        """What the store last answered when it could not do as asked; None when all is well."""
        return self.node.store_fault

    @property
    def scheduler_lag_s(self) -> float:
        """How long the last round of dispatching took, seconds."""
        return self.node.scheduler_lag_s

    @property
    def calls_active(self) -> int:
        """Callbacks being dialled or on the line."""
        return self.node.calls_active

    def talk(self, callback_id: str) -> TalkControl | None:
        """The commands of a callback's talk; None while nobody talks in it here."""
        session = self.node.sessions.get(callback_id)
        return session.scenario.control if session is not None else None

    def submit(self, callback: Callback) -> None:
        """Says that a callback was created here, so that it need not wait for the next look."""
        self.node.submit(callback)
