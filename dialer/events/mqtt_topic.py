"""Topics and commands of the MQTT link: pure text.

A topic is a pattern with names in braces, as in `dialer/agent/{agent}/set`. Values are percent-encoded where MQTT gives
a sign its own meaning, so that a service called "Sales/EU" stays one level. Source: MQTT 3.1.1, section 4.7.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from dataclasses import dataclass

MAX_COMMAND_BYTES = 4096
_PLAIN = " !\"'()*,:;<=>?@[]^`{|}~$&"  # signs without a meaning in a topic; quote() would encode them


class BadCommand(ValueError):  # noqa: N818 - it is a refusal
    """A command cannot be carried out."""


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """What somebody asks of an agent: `{"state": "READY", "reason": "..."}`."""

    agent: str
    state: str
    reason: str = ""


def topic_of(pattern: str, **names: str) -> str:
    """The topic of a pattern, with its names filled in."""
    return pattern.format(**{key: urllib.parse.quote(value, safe=_PLAIN) for key, value in names.items()})


def filter_of(pattern: str) -> str:
    """The subscription that takes every topic of a pattern."""
    return re.sub(r"\{\w+\}", "+", pattern)


def name_in(pattern: str, topic: str) -> str:
    """The one name of a pattern as it stands in a topic.

    Raises BadCommand: when the topic is not one of the pattern's.
    """
    found = re.fullmatch(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(pattern)), topic)
    if found is None:
        raise BadCommand(f"{topic} is no topic for commands")
    return urllib.parse.unquote(found[1])


def agent_command(pattern: str, topic: str, payload: bytes) -> AgentCommand:
    """Reads a command to an agent.

    Raises BadCommand: saying what is wrong with it.
    """
    agent = name_in(pattern, topic)
    if len(payload) > MAX_COMMAND_BYTES:
        raise BadCommand(f"a command has at most {MAX_COMMAND_BYTES} bytes, not {len(payload)}")
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadCommand('not JSON; send {"state": "READY"}') from error
    if not isinstance(body, dict) or not isinstance(body.get("state"), str):
        raise BadCommand('names no state; send {"state": "READY", "reason": "..."}')
    unknown = body.keys() - {"state", "reason"}
    if unknown or not isinstance(body.get("reason", ""), str):
        raise BadCommand(f"{', '.join(sorted(unknown)) or 'reason'} is not understood; send state and reason as texts")
    return AgentCommand(agent, body["state"], body.get("reason", ""))
