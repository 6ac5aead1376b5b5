"""Joins the dialer to an MQTT broker, when one is configured: what happens goes out, commands to agents come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import AgentChanged, Bus, NodeState
from dialer.events.mqtt import MqttLink
from dialer.events.mqtt_topic import AgentCommand
from dialer.routing import AgentPool, AgentState, StateNotChosen, UnknownAgent


@asynccontextmanager
async def open_broker(config: DialerConfig, bus: Bus, pool: AgentPool, clock: Clock) -> AsyncIterator[MqttLink | None]:
    """Keeps the link while the dialer runs; gives None without `[mqtt]` url. Never waits for the broker."""
    settings = config.mqtt.settings(config.node.name)
    if settings is None:
        yield None
        return

    def tell_state(up: bool, note: str) -> None:
        bus.publish(NodeState(config.node.name, "mqtt_up" if up else "mqtt_down", clock.now(), note))

    def agents() -> list[AgentChanged]:
        return [AgentChanged(s.agent.id, s.state, s.state, s.since, s.reason) for s in pool.all()]

    link = MqttLink(settings, bus, commander(pool, clock), agents, tell_state)
    link.start()
    try:
        yield link
    finally:
        await link.stop()


def commander(pool: AgentPool, clock: Clock) -> Callable[[AgentCommand], str | None]:
    """Sets agents' states as `POST /api/v1/agents/ID/state` does; gives in words why not."""

    def carry_out(command: AgentCommand) -> str | None:
        try:
            done = pool.request_state(command.agent, AgentState(command.state), clock.now(), command.reason)
        except ValueError as error:  # no such state, or none that can be asked for
            return str(error) if isinstance(error, StateNotChosen) else f"{command.state!r} is not a state"
        except UnknownAgent as error:
            return str(error)
        return None if done else f"agent {command.agent} is on a call; {command.state} is set when it ends"

    return carry_out
