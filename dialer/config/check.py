"""What only the whole configuration shows: names that lead nowhere, values that make something unreachable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import phonenumbers
import re2

from dialer.callback.option import PLACEHOLDER
from dialer.callback.options import ServiceOptions
from dialer.config.dialer_config import DialerConfig, find_route_point
from dialer.config.problem import did_you_mean
from dialer.config.reading import Reading
from dialer.config.sound import treatment_faults
from dialer.config.toml_place import Path
from dialer.routing import Agent, Target, TargetError, parse_target, queue_of_statistic

if TYPE_CHECKING:
    from dialer.config.service import ServicesRead

NUMBER_LITERAL: Final = re.compile(r"[+\d\s()-]+")  # options.md §8: anything else is a pattern
MAX_PATTERN_LENGTH: Final = 128  # options.md §8
NOT_YET: Final[dict[str, tuple[object, str]]] = {}
"""Option values that this version refuses rather than calling people in another way than was asked for."""

KNOWN_NAMES: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "strategy": (("WaitForTarget",), "routing strategy"),
    "update_strategy": (("SetRouteDelay",), "routing subroutine"),
}
"""Options that name a part of the dialer, and the names there are."""

UNOBSERVED: Final = (
    "business_hours", "immediate_offer_hours", "capacity_rule", "number_rule", "inbound_queue", "outbound_queue",
    "routing_udata_keys", "attach_user_data", "reject_out_of_hours",
    "immediate_blackout_min", "purge_at_close",
)  # fmt: skip
"""Options that this version stores and does not apply; whoever sets one is told so at load."""


def not_done(options: ServiceOptions) -> Iterator[tuple[str, str, str]]:
    """Option, what is wrong, and how to mend it, of every option that asks for what this version does not do."""
    for key, (value, what) in NOT_YET.items():
        if getattr(options, key) == value:
            yield key, f"this version does not do {what} yet", "choose another value"
    for key, (names, what) in KNOWN_NAMES.items():
        if getattr(options, key) not in names:
            yield key, f"there is no {what} {getattr(options, key)!r}", f"there is {', '.join(names)}"


def cross_check(reading: Reading, config: DialerConfig, services: ServicesRead) -> None:
    """Notes every contradiction between tables as an error or a warning."""
    _check_route_points(reading, config)
    _check_agents(reading, config)
    _check_channels(reading, config)
    agents = tuple(config.routing_agents())
    for name, options in config.services.items():
        _ServiceCheck(reading, config, agents, name, options, services.origins[name]).run()
    for name, key in config.option_aliases.items():
        if key not in ServiceOptions.model_fields:
            mend = did_you_mean(key, ServiceOptions.model_fields) or "name a key of options.md"
            reading.refuse(("option_aliases", name), f"{key!r} is not an option", mend)


def _check_route_points(reading: Reading, config: DialerConfig) -> None:
    for name, point in config.route_points.items():
        _check_gateway(reading, config, ("route_point", name, "gateway"), point.gateway)


def _check_agents(reading: Reading, config: DialerConfig) -> None:
    for name, agent in config.agents.items():
        if agent.gateway is not None:
            _check_gateway(reading, config, ("agent", name, "gateway"), agent.gateway)


def _check_gateway(reading: Reading, config: DialerConfig, path: Path, name: str) -> None:
    if name not in config.gateways and name not in reading.raw.get("gateway", {}):
        known = ", ".join(config.gateways) or "none is configured"
        reading.refuse(
            path, f"there is no gateway {name!r}", did_you_mean(name, config.gateways) or f"gateways: {known}"
        )


def _check_channels(reading: Reading, config: DialerConfig) -> None:
    legs = config.media.legs_possible
    if legs < config.dial.max_channels:
        reading.refuse(
            ("media", "rtp_ports"),
            f"holds {legs} call legs (RTP and RTCP), fewer than dial.max_channels = {config.dial.max_channels}",
            "widen the range or lower dial.max_channels",
        )


@dataclass(frozen=True, slots=True)
class _ServiceCheck:
    """Checks one service; `origins` says where each of its options was set."""

    reading: Reading
    config: DialerConfig
    agents: tuple[Agent, ...]
    name: str
    options: ServiceOptions
    origins: dict[str, Path]

    def run(self) -> None:
        self._check_not_yet()
        self._check_route_point()
        self._check_push()
        self._check_reachable()
        self._check_group()
        self._check_queues()
        target = self._check_target()
        if target is not None:
            self._check_target_use(target)
        self._check_country()
        self._check_patterns()
        for key, what, mend, refused in treatment_faults(self.config, self.options):
            (self.reading.refuse if refused else self.reading.warn)(self._path(key), what, mend)

    def _path(self, key: str) -> Path:
        return self.origins.get(key, ("service", self.name, key))

    def _refuse(self, key: str, what: str, mend: str = "") -> None:
        self.reading.refuse(self._path(key), what, mend)

    def _check_not_yet(self) -> None:
        for key, what, mend in not_done(self.options):
            self._refuse(key, what, mend)
        if self.options.media_type == "chat":
            what = "there is no adapter for chat, so every callback ends as FAIL_IXN_UNKNOWN_MEDIA_TYPE"
            self.reading.warn(self._path("media_type"), what, 'choose "voice"')
        strings = self.options.strings_file
        if strings and not (self.config.file.parent / strings).is_file():
            what = f"there is no file {strings}, so every callback ends as FAIL_LOAD_MESSAGE_FILE"
            self.reading.warn(self._path("strings_file"), what, "put the JSON file there")
        for key in UNOBSERVED:
            if key in self.origins and getattr(self.options, key) != ServiceOptions.model_fields[key].default:
                self.reading.warn(self._path(key), "is kept, but this version does not apply it")

    def _check_route_point(self) -> None:
        points, gateways = self.config.route_points, self.config.gateways
        wanted = self.options.route_point
        self._check_trunk_group()
        self._check_survey()
        if find_route_point(wanted, points, gateways) is not None:
            return
        if wanted and wanted in self.reading.raw.get("route_point", {}):
            return  # it is there, and wrong: told already
        if not wanted and self.options.trunk_group:
            return
        if wanted:
            mend = did_you_mean(wanted, points) or f'write [route_point."{wanted}"]'
            self._refuse("route_point", f"there is no route point {wanted!r}", mend)
        elif points or not self.reading.raw.get("gateway"):
            what = "names no route point, so it could not dial"
            mend = (
                f"choose route_point from: {', '.join(points)}" if points else "write a table [gateway.NAME] with uri"
            )
            self._refuse("route_point", what, mend)
        elif len(gateways) > 1:
            self._refuse("route_point", "names no route point, and there are several gateways", "write a [route_point]")

    def _check_group(self) -> None:
        """Who dials in needs a number to dial."""
        o, groups = self.options, self.config.call_in_groups
        if o.resource_group and o.resource_group not in groups:
            if o.resource_group not in self.reading.raw.get("call_in_group", {}):  # else it is wrong: told already
                mend = did_you_mean(o.resource_group, groups) or f'write [call_in_group."{o.resource_group}"] with dnis'
                self._refuse("resource_group", f"there is no call-in group {o.resource_group!r}", mend)
        elif not o.resource_group and (o.call_direction == "USERORIGINATED" or o.type == "builtin"):
            self._refuse("resource_group", "is missing, so customers could not be given a number", "name a group")

    def _check_queues(self) -> None:
        """Whose waiting time is read must be a queue here."""
        services = self.config.services
        known = {*services, *(options.virtual_queue for options in services.values())} - {""}
        for key in ("ewt_queue", "ewt_service"):
            wanted = getattr(self.options, key)
            if wanted and wanted not in known:
                self._refuse(key, f"there is no queue {wanted!r}", did_you_mean(wanted, known) or "name a service")
        statistic = self.options.queue_time_stat
        if statistic and queue_of_statistic(statistic) not in known:
            what = f"{statistic!r} is not the waiting time of a queue here, so submit_lead is used"
            self.reading.warn(self._path("queue_time_stat"), what, "e.g. ExpectedWaitTime;Queue;SALES@Switch;Group")

    def _check_push(self) -> None:
        """Who is to be asked or told needs a way by which messages reach the device."""
        wanted, channels = self.options.push_provider, self.config.push.http
        if wanted and wanted not in channels:
            mend = did_you_mean(wanted, channels) or f"write [push.http.{wanted}] with url"
            self._refuse("push_provider", f"there is no push channel {wanted!r}", mend)
        elif self.options.wait_for_user_confirm and not channels:
            what = "asks customers whether they are ready, but no push channel is configured, so nobody can be asked"
            self.reading.warn(self._path("wait_for_user_confirm"), what, "write [push.http.NAME] with url")

    def _check_trunk_group(self) -> None:
        trunk = self.options.trunk_group
        if trunk:
            _check_gateway(self.reading, self.config, self._path("trunk_group"), trunk)
        elif self.options.agent_first_via_tg:
            what = "sends customers' calls through the trunk group, and there is none"
            self._refuse("agent_first_via_tg", what, "name the gateway of the trunk in trunk_group")

    def _check_survey(self) -> None:
        points, wanted = self.config.route_points, self.options.survey_route_point
        if wanted and wanted not in points and not PLACEHOLDER.search(wanted):
            mend = did_you_mean(wanted, points) or f'write [route_point."{wanted}"]'
            self._refuse("survey_route_point", f"there is no route point {wanted!r}", mend)

    def _check_reachable(self) -> None:
        o, detection = self.options, self.config.detection
        limits: list[tuple[bool, str, str, str]] = [
            (
                o.agent_reserve_timeout <= 0,
                "agent_reserve_timeout",
                "is 0, so no agent could ever answer",
                "give it 30",
            ),
            (o.max_wait_on_call <= 0, "max_wait_on_call", "is 0, so no customer would wait for an agent", "raise it"),
            (
                o.detect_time_limit_ms > o.ring_timeout * 1000,
                "detect_time_limit_ms",
                f"is longer than ring_timeout = {o.ring_timeout:g} s, the time a customer is given to answer at all",
                "give it about 4000",
            ),
            (
                o.beep_timeout > detection.beep_limit_s,
                "beep_timeout",
                f"is longer than detection.beep_limit_s = {detection.beep_limit_s:g}, after which nobody listens",
                "lower it or raise detection.beep_limit_s",
            ),
            (
                o.max_queue_wait > o.queued_ttl > 0,
                "max_queue_wait",
                f"is longer than queued_ttl = {o.queued_ttl:g}, so it would never come to that",
                "lower it, or 0 for off",
            ),
        ]
        for wrong, key, what, mend in limits:
            if wrong:
                self._refuse(key, what, mend)

    def _check_target(self) -> Target | None:
        if not self.options.target:
            self._refuse("target", "is missing, so no agent could ever be found", 'e.g. target = "?:Sales>0"')
            return None
        if PLACEHOLDER.search(self.options.target):
            return None  # each request fills it in, and is checked then
        try:
            return parse_target(self.options.target)
        except TargetError as error:
            self._refuse("target", str(error), 'e.g. "?:English>=5 & Sales>0@StatServer.GA" or "Billing@StatServer.GA"')
            return None

    def _check_target_use(self, target: Target) -> None:
        if self.agents and not any(target.matches(agent) for agent in self.agents):
            self.reading.warn(self._path("target"), "no configured agent matches it", "give one the skill or the group")
        total = target.timeout_sum_s
        if len(target.items) > 1 and total is not None and total != self.options.queued_ttl:
            what = f"the timeouts add up to {total:g} s, queued_ttl is {self.options.queued_ttl:g} s"
            self.reading.warn(self._path("target"), what, "make them equal (checklist D-22)")

    def _check_patterns(self) -> None:
        for entry in self.options.blocked_numbers:
            if not NUMBER_LITERAL.fullmatch(entry):
                self._check_pattern(entry)

    def _check_pattern(self, entry: str) -> None:
        if len(entry) > MAX_PATTERN_LENGTH:
            self._refuse("blocked_numbers", f"{entry!r} is longer than {MAX_PATTERN_LENGTH} characters", "shorten it")
            return
        try:
            re2.compile(entry)
        except re2.error as error:
            self._refuse("blocked_numbers", f"{entry!r} is no pattern: {error}", 'e.g. "^1234[0-9]+" or "+16505550123"')

    def _check_country(self) -> None:
        country = self.options.default_country
        if country not in phonenumbers.SUPPORTED_REGIONS:
            self._refuse("default_country", f"{country!r} is not a country", 'write its ISO 3166 code, e.g. "US"')
