"""All options of a service: one frozen, checked value, with the v1 names, v3 columns, templates and family defaults.

Source: spec options sections 1 to 5. What only other rooms can judge is not judged here: whether a target parses, a
route point, hours or a file exists.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Self

from pydantic import model_validator

from dialer.callback.errors import OptionError
from dialer.callback.option_check import CONTRADICTIONS, MANDATORY
from dialer.callback.option_group import HoursOptions, NumberOptions, QueueOptions, ScenarioOptions, ScheduleOptions
from dialer.callback.option_group_call import AgentOptions, ConfirmOptions, DialOptions, TreatmentOptions
from dialer.callback.option_text import add_lead, parse_dial_window, parse_eta_positions
from dialer.callback.retry import DialWindow, RetryPolicy

FAMILY_DEFAULTS: dict[str, dict[str, Any]] = {
    "v1": {"max_lead": "1M", "purge_at_close": False, "in_queue_check": True},
    "v3": {"max_lead": "1y", "purge_at_close": True, "in_queue_check": False},
}
"""Defaults in which the two families differ (the cells `v1 / v3` of section 2)."""

_USER_TERMINATED = {
    "media_type": "voice",
    "wait_for_agent": False,
    "wait_for_user_confirm": False,
    "max_transfer_attempts": 5,
    "call_direction": "USERTERMINATED",
    "first_party": "CUSTOMER",
    "ttl": 86400,
    "type": "ors",
    "provide_code": False,
    "push_debug": False,
}

TEMPLATES: dict[str, dict[str, Any]] = {
    "user-terminated-immediate": dict(_USER_TERMINATED),
    "user-terminated-scheduled": dict(_USER_TERMINATED),
    "user-terminated-preview": {"first_party": "AGENT", "preview": True, "wait_for_agent": True},
    "user-originated-immediate": {"call_direction": "USERORIGINATED", "provide_code": True, "wait_for_agent": False},
    "user-originated-delayed": {
        "call_direction": "USERORIGINATED",
        "wait_for_agent": True,
        "push_threshold_min": 1,
        "pushed_callback_expiry_min": 5,
    },
    "web-callback": {"family": "v3", "callback_application": "callback"},
}
"""What each template sets (section 3)."""

TEMPLATE_ASKS: dict[str, tuple[str, ...]] = {
    "user-terminated-immediate": ("route_point", "resource_group", "virtual_queue", "target"),
    "user-terminated-scheduled": ("route_point", "resource_group", "virtual_queue", "target", "business_hours"),
}
"""What a template leaves to be entered; `resource_group` may stay empty where no access number is handed out."""

IGNORED_NAMES = frozenset(
    {
        "_service",
        "_service_type",
        "_delay_connid_attempt_loop",
        "_urs_call_interaction_age",
        "_urs_extension_data",
        "_agent_preview_via_rp",
        "_max_successful_customer_contacts",
        "_ixn_update_data_time_to_wait",
        "_paused_services_id",
        "_paused_services_list",
        "_callback_events_list",
        "_status_notification_debug",
        "_status_notification_language",
        "_status_notification_provider",
    }
)
"""v1 options accepted without effect (section 2.9); see also `is_ignored`."""

IGNORED_PREFIX = "_plugin_on_dial_"
"""Names that begin so are accepted without effect too."""


class ServiceOptions(
    ScenarioOptions,
    QueueOptions,
    ScheduleOptions,
    HoursOptions,
    NumberOptions,
    DialOptions,
    AgentOptions,
    ConfirmOptions,
    TreatmentOptions,
):
    """The options of one service.

    Give canonical keys; `canonical` turns v1 names and aliases into them. Values may be texts, as forms and CSV carry
    them: lists as ``a,b`` or JSON, objects as JSON.
    """

    @model_validator(mode="before")
    @classmethod
    def _of_family(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        family = values.get("family", "v3")
        defaults = FAMILY_DEFAULTS.get(family, {}) if isinstance(family, str) else {}
        return {**defaults, **values}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [f"{key}: {problem}" for key, problem in self.contradictions()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def contradictions(self) -> list[tuple[str, str]]:
        """Key and message of each option that contradicts another, or whose text cannot be read."""
        return [(key, problem) for key, check in CONTRADICTIONS if (problem := check(self)) is not None]

    def missing(self) -> tuple[str, ...]:
        """Mandatory options that are empty, for this family and scenario."""
        return tuple(key for key, needed in MANDATORY if needed(self) and not getattr(self, key))

    @property
    def agent_first(self) -> bool:
        """Whether the agent is called before the customer."""
        return self.call_direction == "USERTERMINATED" and self.first_party == "AGENT"

    def dial_window(self) -> DialWindow | None:
        """`do_not_call_window` as a value; None when there is none."""
        return parse_dial_window(self.do_not_call_window)

    def eta_positions(self) -> tuple[tuple[float, int], ...]:
        """`eta_pos_threshold` as pairs of seconds and position, by rising seconds."""
        return parse_eta_positions(self.eta_pos_threshold)

    def latest_desired(self, now: datetime) -> datetime:
        """The latest desired time that may be booked at `now` (`max_lead`)."""
        return add_lead(now, self.max_lead)

    def retry_policy(
        self, *, zone: tzinfo = UTC, single_targets: bool = False, legacy_reason_names: bool = False
    ) -> RetryPolicy:
        """The part of the options that decides on retries.

        Args:
            zone: Zone of the business hours.
            single_targets: All targets are single agents or places.
            legacy_reason_names: `compat.legacy_reason_names`.
        """
        return RetryPolicy(
            dial_attempts=self.dial_attempts,
            dial_retry_delay_s=self.dial_retry_delay,
            delay_by_result=self.dial_retry_delay_by_result,
            retry_results=self.retry_results,
            final_results=self.final_results,
            cannot_dial_buffer_s=self.cannot_dial_buffer,
            window=self.dial_window(),
            zone=zone,
            single_targets=single_targets,
            legacy_reason_names=legacy_reason_names,
        )


def _names(kind: str) -> dict[str, str]:
    found = {}
    for key, field in ServiceOptions.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and kind in extra:
            found[key] = str(extra[kind])
    return found


V1_NAMES: dict[str, str] = _names("v1")
"""Canonical key to v1 name, for options that have one."""

V3_COLUMNS: dict[str, str] = _names("v3")
"""Canonical key to column title of the settings table."""

OWN_PREFIX = "_opt."
"""Addresses an option without a v1 name in v1 requests: ``_opt.dial_attempts``."""

_KEYS = {name: key for key, name in V1_NAMES.items()} | {key: key for key in ServiceOptions.model_fields}


def option_key(name: str, aliases: Mapping[str, str] | None = None) -> str | None:
    """The canonical key that a name means; None when it means no option.

    Args:
        name: Canonical key, v1 name, ``_opt.<key>`` or alias.
        aliases: `[option_aliases]`.
    """
    own = name.removeprefix(OWN_PREFIX)
    if own != name:
        return own if own in ServiceOptions.model_fields else None
    return _KEYS.get(name) or _KEYS.get((aliases or {}).get(name, ""))


def is_ignored(name: str) -> bool:
    """Whether a v1 name is accepted without effect (section 2.9)."""
    return name in IGNORED_NAMES or name.startswith(IGNORED_PREFIX)


def canonical(
    row: Mapping[str, Any], aliases: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of options by canonical keys, and the properties among it.

    Returns:
        Options, and names with a leading underscore that are none (kept as properties; ignored ones left out).

    Raises:
        OptionError: when a name without underscore is no option, or two names of one option have different values.
    """
    options: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in row.items():
        key = option_key(name, aliases)
        if key is None:
            if not name.startswith("_"):
                raise OptionError(name, "is not an option of a service")
            if not is_ignored(name):
                properties[name] = value
            continue
        if key in options and options[key] != value:
            raise OptionError(key, f"{names[key]} and {name} are the same option with different values; keep one")
        options[key], names[key] = value, name
    return options, properties
