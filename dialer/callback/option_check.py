"""What options must not say together, and which must be there: each rule one small function with its message."""

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], str | None]


def _refused(key: str, when: Callable[[Any], bool], message: str) -> tuple[str, Check]:
    return key, lambda options: message if when(options) else None


def _unknown_mandatory(options: Any) -> str | None:
    unknown = [key for key in options.mandatory_lookup_keys if key not in options.lookup_keys]
    return f"{', '.join(unknown)} is mandatory, but not in lookup_keys" if unknown else None


def _both_groups(options: Any) -> str | None:
    both = sorted(options.retry_results & options.final_results)
    return f"{', '.join(str(int(code)) for code in both)} is in retry_results too; keep one" if both else None


CONTRADICTIONS: tuple[tuple[str, Check], ...] = (
    ("mandatory_lookup_keys", _unknown_mandatory),
    ("final_results", _both_groups),
    _refused(
        "wait_for_user_confirm",
        lambda o: o.wait_for_user_confirm and not o.wait_for_agent,
        "needs wait_for_agent = true",
    ),
    _refused("preview", lambda o: o.preview and o.first_party != "AGENT", 'needs first_party = "AGENT"'),
    _refused(
        "record",
        lambda o: o.record != "off" and o.agent_leg == "refer",
        'cannot be had with agent_leg = "refer": a talk that the PBX joins is not heard here',
    ),
    _refused(
        "agent_first_via_tg",
        lambda o: o.agent_first_via_tg and o.agent_first_via_rp,
        "is on, and agent_first_via_rp too; keep one",
    ),
    _refused(
        "cannot_dial_buffer",
        lambda o: o.cannot_dial_buffer >= o.queued_ttl > 0,
        "is not below queued_ttl, so nobody could ever be dialled",
    ),
    _refused("priority_limit", lambda o: o.priority_limit < o.priority, "is below priority"),
    _refused(
        "status_notification_target",
        lambda o: (o.status_notification != "false" or o.reminder) and not o.status_notification_target,
        "status_notification needs a URL to post to, and so does reminder",
    ),
    _refused(
        "status_notification_target",
        lambda o: (
            bool(o.status_notification_target)
            and not o.status_notification_target.startswith(("http://", "https://", "$"))
        ),
        "is not an http or https URL",
    ),
)
"""Option and rule; a rule gives a message when it is broken."""

MANDATORY: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("target", lambda _: True),
    ("business_hours", lambda o: o.family == "v3"),
    ("route_point", lambda o: o.family == "v1" and not o.trunk_group),
    ("resource_group", lambda o: o.call_direction == "USERORIGINATED" or o.type == "builtin"),
)
"""Option and when it must be there (the cells `mandatory` of section 2)."""
