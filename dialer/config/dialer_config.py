"""The configuration as the rest of the house reads it: complete, checked, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.config.application import ApplicationTable
from dialer.config.call_in_group import CallInGroupTable
from dialer.config.mqtt import MqttTable
from dialer.config.problem import Problem
from dialer.config.push import PushTable
from dialer.config.table import (
    AgentTable,
    ApiTable,
    CallbackTable,
    CompatTable,
    DbTable,
    DetectionTable,
    DialTable,
    GatewayTable,
    MediaTable,
    NodeTable,
    RoutePointTable,
    ServerTable,
    SipTable,
)
from dialer.routing import Agent, AgentState

if TYPE_CHECKING:
    from dialer.detection.settings import DetectionSettings
    from dialer.telephony.settings import UserAgentSettings

LEGS_PER_SESSION = 2  # customer and agent


class DialerConfig(BaseModel):
    """Everything that `dialer.toml` says.

    Attributes:
        file: the file it was read from.
        services: options of each service by name, `[service.default]` and templates worked in.
        service_properties: unknown options with a leading underscore, by service.
        option_aliases: further option name to canonical key.
        warnings: what is doubtful but does not keep the dialer from running.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid")

    file: Path
    server: ServerTable = ServerTable()
    db: DbTable = DbTable()
    nodes: tuple[NodeTable, ...] = (NodeTable(),)
    sip: SipTable = SipTable()
    gateways: Mapping[str, GatewayTable] = {}
    route_points: Mapping[str, RoutePointTable] = {}
    dial: DialTable = DialTable()
    media: MediaTable = MediaTable()
    detection: DetectionTable = DetectionTable()
    api: ApiTable = ApiTable()
    callback: CallbackTable = CallbackTable()
    compat: CompatTable = CompatTable()
    push: PushTable = PushTable()
    mqtt: MqttTable = MqttTable()
    agents: Mapping[str, AgentTable] = {}
    applications: Mapping[str, ApplicationTable] = {}
    call_in_groups: Mapping[str, CallInGroupTable] = {}
    services: Mapping[str, ServiceOptions] = {}
    service_properties: Mapping[str, Mapping[str, Any]] = {}
    option_aliases: Mapping[str, str] = {}
    warnings: tuple[Problem, ...] = ()

    @property
    def node(self) -> NodeTable:
        """The node that this process is: the first one."""
        return self.nodes[0]

    def options_for(self, callback: Callback) -> ServiceOptions:
        """Options of one callback: those of its service, with what its request was allowed to override.

        Raises KeyError: when its service is no longer configured.
        """
        options = self.services[callback.service]
        overrides = {key: value for key, value in callback.props.items() if key in ServiceOptions.model_fields}
        return ServiceOptions.model_validate({**options.model_dump(), **overrides}) if overrides else options

    def route_point_of(self, service: ServiceOptions) -> RoutePointTable:
        """The route point a service's calls leave from.

        A service without one uses the only route point there is, or, without any, the only gateway.

        Raises KeyError: when there is none; a loaded configuration always has one for its own services.
        """
        point = find_route_point(service.route_point, self.route_points, self.gateways)
        if point is None and service.trunk_group and not service.route_point:
            return RoutePointTable(gateway=service.trunk_group, caller_number="anonymous")
        if point is None:
            raise KeyError(service.route_point or "route_point")
        return point

    def customer_point_of(self, service: ServiceOptions) -> RoutePointTable:
        """Where calls to a service's customers leave from: the route point, or the trunk group in its place.

        The trunk group is taken where there is no route point, and agent first where the service says so
        (`agent_first_via_tg`); the caller's identity is that of the route point.

        Raises KeyError: as `route_point_of`.
        """
        point = self.route_point_of(service)
        by_rp = service.agent_first and service.agent_first_via_rp
        by_tg = not service.route_point or (service.agent_first and service.agent_first_via_tg)
        if by_rp or not by_tg or not service.trunk_group:
            return point
        return point.model_copy(update={"gateway": service.trunk_group})

    def agent_gateway(self, service: ServiceOptions) -> str:
        """Name of the gateway through which agents of a service are called, unless the agent names its own."""
        return self.route_point_of(service).gateway

    @property
    def public_base(self) -> str:
        """How devices and clients reach the API, without a slash at the end."""
        return (self.server.public_url or f"http://{self.server.listen}").rstrip("/")

    def routing_agents(self) -> list[Agent]:
        """The configured agents, in the order of the file."""
        return [
            Agent(
                id=agent_id,
                name=agent.name or agent_id,
                address=agent.address,
                skills=dict(agent.skills),
                groups=agent.groups,
                place=agent.place,
                place_groups=agent.place_groups,
                campaign_groups=agent.campaign_groups,
                gateway=agent.gateway,
            )
            for agent_id, agent in self.agents.items()
        ]

    def first_state(self, agent_id: str) -> AgentState:
        """The state an agent has when the dialer starts.

        Raises KeyError: when there is no such agent.
        """
        return AgentState(self.agents[agent_id].state)

    def max_sessions(self) -> int:
        """How many callbacks run at once: as many as still find a channel for their agent."""
        return min(self.node.max_sessions, self.dial.max_channels // LEGS_PER_SESSION)

    def detection_settings(self) -> DetectionSettings:
        """The settings of the detector bank."""
        from dialer.detection.settings import DetectionSettings  # noqa: PLC0415 - reading a file needs no numpy

        return DetectionSettings(**self.detection.model_dump())

    def user_agent_settings(self) -> UserAgentSettings:
        """The settings of the SIP user agent, gateways with their passwords included."""
        from dialer.config.sip_side import user_agent_settings  # noqa: PLC0415 - reading a file needs no SIP stack

        return user_agent_settings(self)


def find_route_point(
    name: str | None, points: Mapping[str, RoutePointTable], gateways: Mapping[str, GatewayTable]
) -> RoutePointTable | None:
    """The route point named; without a name the only one, or one made of the only gateway; else None."""
    if name:
        return points.get(name)
    if len(points) == 1:
        return next(iter(points.values()))
    if not points and len(gateways) == 1:
        return RoutePointTable(gateway=next(iter(gateways)), caller_number="anonymous")
    return None
