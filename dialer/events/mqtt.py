"""Tells callback and agent events to an MQTT broker, and takes commands to agents from it.

The broker is never waited for: events go through a bounded stream that loses its oldest when the broker is slow or
away, and counts them. A lost connection is taken up again after 1 s, then 2, 4 … 30 s. Messages are delivered at least
once: what was not confirmed is sent again. With every connection the states of all agents are told anew, so whoever
listens is right again however much was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import aiomqtt
import structlog

from dialer.events.bus import Bus, Stream
from dialer.events.event import AgentChanged, CallbackChanged, Event
from dialer.events.mqtt_topic import AgentCommand, BadCommand, agent_command, filter_of, topic_of
from dialer.events.wire import agent_changed, callback_changed

log = structlog.get_logger(__name__)
_client_log = logging.getLogger("dialer.events.mqtt.client")
_client_log.setLevel(logging.ERROR)  # it warns of every publication under way beyond ten, which is how this works

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0
BATCH: Final = 64  # messages on their way to the broker at once
ANSWER_LIMIT_S: Final = 10.0  # for a connection, a subscription, a confirmation
KEEP_ALIVE_S: Final = 20

Command = Callable[[AgentCommand], str | None]
"""Carries a command out; gives in words why not, None when it is done."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and what goes to which topic; an empty topic is not used.

    Attributes:
        client_id: must be this dialer's alone at the broker.
        qos: 0 or 1.
        capacity: events kept while the broker is slow or away.
    """

    host: str
    port: int = 1883
    tls: bool = False
    ca_file: str | None = None
    user: str | None = None
    password: str | None = None
    client_id: str = "callback-dialer"
    node: str = "node-1"
    qos: int = 1
    callback_topic: str = "dialer/callback/{service}/{callback}"
    agent_topic: str = "dialer/agent/{agent}/state"
    command_topic: str = "dialer/agent/{agent}/set"
    node_topic: str = "dialer/node/{node}"
    capacity: int = 4096


@dataclass(frozen=True, slots=True)
class _Outgoing:
    topic: str
    payload: str
    retain: bool = False


class MqttLink:
    """The link to one broker; start it, stop it.

    Args:
        settings: where and what.
        bus: what happens.
        command: carries commands to agents out.
        agents: all agents as they are, told with every connection.
        on_state: called with True and False as the connection comes and goes, and a word about it.

    Attributes:
        connected: whether the broker is there.
        published: messages the broker has confirmed (with qos 0: that were sent).
        connections: how often it was reached.
    """

    def __init__(
        self,
        settings: MqttSettings,
        bus: Bus,
        command: Command,
        agents: Callable[[], Iterable[AgentChanged]] = tuple,
        on_state: Callable[[bool, str], None] = lambda _up, _note: None,
    ) -> None:
        self.connected = False
        self.published = 0
        self.connections = 0
        self._settings = settings
        self._command = command
        self._agents = agents
        self._on_state = on_state
        self._events: Stream = bus.stream(settings.capacity, "mqtt")
        self._unconfirmed: list[_Outgoing] = []
        self._down_told = False
        self._task: asyncio.Task[None] | None = None

    @property
    def dropped(self) -> int:
        """Events lost because the broker was too slow or away for too long."""
        return self._events.dropped

    def start(self) -> None:
        """Begins to work; returns at once, whether the broker is there or not."""
        self._task = asyncio.create_task(self._run(), name="mqtt")

    async def stop(self) -> None:
        """Ends the link; what has not left yet is not sent any more."""
        self._events.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                async with self._client() as client:
                    wait_s = FIRST_WAIT_S
                    await self._linked(client)
            except (aiomqtt.MqttError, OSError) as fault:
                self._lost(fault, wait_s)
            self.connected = False
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)

    def _client(self) -> aiomqtt.Client:
        s = self._settings
        will = self._node_message("offline")
        return aiomqtt.Client(
            s.host,
            s.port,
            username=s.user,
            password=s.password,
            identifier=s.client_id,
            timeout=ANSWER_LIMIT_S,
            keepalive=KEEP_ALIVE_S,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=s.qos, retain=True),
            tls_context=ssl.create_default_context(cafile=s.ca_file) if s.tls else None,
            max_queued_incoming_messages=BATCH,
            max_inflight_messages=BATCH,
            logger=_client_log,
        )

    async def _linked(self, client: aiomqtt.Client) -> None:
        """Works until the connection is lost, or the link is stopped."""
        if self._settings.command_topic:
            await client.subscribe(filter_of(self._settings.command_topic), qos=self._settings.qos)
        self.connected, self._down_told = True, False
        self.connections += 1
        self._on_state(True, f"{self.dropped} events lost so far")
        log.info("mqtt_up", broker=self._settings.host, lost=self.dropped)
        try:
            await self._greet(client)
            await _first_fault(self._publish_all(client), self._take_commands(client))
        except asyncio.CancelledError:
            await self._say_goodbye(client)
            raise

    async def _greet(self, client: aiomqtt.Client) -> None:
        online = self._node_message("online")
        states = [message for event in self._agents() if (message := self._message(event)) is not None]
        self._unconfirmed = [*([online] if online else []), *self._unconfirmed, *states]
        while self._unconfirmed:
            await self._send(client, self._unconfirmed[:BATCH])

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        """A stop is said in so many words: the will is only for connections that break."""
        offline = self._node_message("offline")
        if offline is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # gone already: the broker tells the will
                await client.publish(offline.topic, offline.payload, qos=0, retain=True)

    async def _publish_all(self, client: aiomqtt.Client) -> None:
        async for event in self._events:
            batch = [event, *self._events.take(BATCH - 1)]
            self._unconfirmed = [message for each in batch if (message := self._message(each)) is not None]
            await self._send(client, list(self._unconfirmed))

    async def _send(self, client: aiomqtt.Client, batch: list[_Outgoing]) -> None:
        """Sends messages in their order; what is confirmed need not be sent again.

        Raises MqttError: when one is not confirmed; all of the batch stay to be sent again.
        """
        qos = self._settings.qos
        sent = await asyncio.gather(
            *(client.publish(m.topic, m.payload, qos=qos, retain=m.retain) for m in batch), return_exceptions=True
        )
        for result in sent:
            if isinstance(result, BaseException):
                raise result
        self.published += len(batch)
        del self._unconfirmed[: len(batch)]

    async def _take_commands(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if message.retain:
                log.warning("mqtt_command_refused", topic=str(message.topic), cause="is retained, so it may be old")
                continue
            fault = self._carry_out(str(message.topic), message.payload)
            if fault is not None:
                log.warning("mqtt_command_refused", topic=str(message.topic), cause=fault)
                answer = json.dumps({"error": fault})
                await client.publish(f"{message.topic}/refused", answer, qos=self._settings.qos)

    def _carry_out(self, topic: str, payload: Any) -> str | None:
        """Why the command was not carried out; None when it was."""
        try:
            given = payload if isinstance(payload, bytes) else str(payload).encode()
            return self._command(agent_command(self._settings.command_topic, topic, given))
        except BadCommand as bad:
            return str(bad)

    def _message(self, event: Event) -> _Outgoing | None:
        """The message that tells an event; None for events that are not told."""
        s = self._settings
        match event:
            case AgentChanged() if s.agent_topic:
                topic = topic_of(s.agent_topic, agent=event.agent_id)
                return _Outgoing(topic, json.dumps(agent_changed(event)), retain=True)
            case CallbackChanged() if s.callback_topic:
                topic = topic_of(s.callback_topic, service=event.callback.service, callback=event.callback.id)
                return _Outgoing(topic, json.dumps(callback_changed(event)))
            case _:
                return None

    def _node_message(self, state: str) -> _Outgoing | None:
        if not self._settings.node_topic:
            return None
        topic = topic_of(self._settings.node_topic, node=self._settings.node)
        return _Outgoing(topic, json.dumps({"node": self._settings.node, "state": state}), retain=True)

    def _lost(self, fault: Exception, wait_s: float) -> None:
        """Says once that the broker is away."""
        if not self._down_told:
            self._down_told = True
            log.warning(
                "mqtt_down",
                broker=self._settings.host,
                port=self._settings.port,
                cause=str(fault),
                again_in_s=wait_s,
                mend="is the broker up, and are [mqtt] url, user and password right? Calls go on without it",
            )
            self._on_state(False, str(fault))


async def _first_fault(*works: Awaitable[None]) -> None:
    """Runs all until one ends or fails, ends the others, and raises what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
