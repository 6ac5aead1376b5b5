"""`[mqtt]`: a broker that is told what happens, and from which agents' states can be set."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from dialer.config.table import Table

if TYPE_CHECKING:
    from dialer.events.mqtt import MqttSettings

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
NAMES: Final = {
    "callback_topic": {"service", "callback"},
    "agent_topic": {"agent"},
    "command_topic": {"agent"},
    "node_topic": {"node"},
}
"""What may stand in braces in each topic; the last two words of a topic make messages of one thing tell apart."""


class MqttTable(Table):
    """`[mqtt]`: off without `url`; a topic that is empty is not used."""

    url: str | None = None
    user: str = ""
    password_env: str | None = None
    ca_file: Path | None = None
    client_id: str = ""
    qos: Literal[0, 1] = 1
    callback_topic: str = "dialer/callback/{service}/{callback}"
    agent_topic: str = "dialer/agent/{agent}/state"
    command_topic: str = "dialer/agent/{agent}/set"
    node_topic: str = "dialer/node/{node}"
    capacity: int = Field(default=4096, ge=1, le=1_000_000)

    @field_validator("url")
    @classmethod
    def _mqtt(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"mqtts?://[^\s/@:]+(?::\d{1,5})?/?", url):
            raise ValueError(f'{url!r} is not a broker; write "mqtt://HOST", "mqtt://HOST:1883" or "mqtts://HOST"')
        return url

    @field_validator(*NAMES)
    @classmethod
    def _topic(cls, topic: str, info: object) -> str:
        known = NAMES[str(getattr(info, "field_name", ""))]
        names = re.findall(r"\{(\w*)\}", topic)
        plain = re.sub(r"\{\w+\}", "", topic)
        if set(names) - known or re.search(r"[+#{}\0]", plain):
            shown = ", ".join(f"{{{name}}}" for name in sorted(known))
            raise ValueError(f"{topic!r} is not a topic; it may hold {shown}, and neither + nor #")
        return topic

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.command_topic and self.command_topic.split("/").count("{agent}") != 1:
            raise ValueError('command_topic must hold {agent} as one level; write e.g. "dialer/agent/{agent}/set"')
        if self.command_topic and self.command_topic == self.agent_topic:
            raise ValueError(
                "command_topic and agent_topic are the same; the dialer would take its own words as orders"
            )
        return self

    def settings(self, node: str, environment: Mapping[str, str] | None = None) -> MqttSettings | None:
        """What the link needs; None when there is no broker."""
        from dialer.events.mqtt import MqttSettings  # noqa: PLC0415 - reading a file needs no MQTT client

        if self.url is None:
            return None
        parts = urlsplit(self.url)
        environment = os.environ if environment is None else environment
        return MqttSettings(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            ca_file=None if self.ca_file is None else str(self.ca_file),
            user=self.user or None,
            password=environment.get(self.password_env or "") or None,
            client_id=self.client_id or f"callback-dialer-{node}",
            node=node,
            qos=self.qos,
            callback_topic=self.callback_topic,
            agent_topic=self.agent_topic,
            command_topic=self.command_topic,
            node_topic=self.node_topic,
            capacity=self.capacity,
        )
