"""Which submitted callbacks enter the queue: the last checks before a session begins, and who is to make it at all.

Source: transitions T06, T07 and T87 of records.md §3; reasons of §4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from dialer.booking import take_step
from dialer.callback.admission import Refusal
from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.reason import Reason
from dialer.callback.record import Callback, NodeInfo
from dialer.callback.state import Actor, Phase, State
from dialer.config import DialerConfig
from dialer.scenario import House
from dialer.store import CallbackFilter

log = structlog.get_logger(__name__)

MEDIA: Final = ("voice", "chat")
ADAPTERS: Final = frozenset({"voice"})  # media that this dialer can carry
EMAIL: Final = "Email"
HEALTHY: Final = timedelta(seconds=10)  # options.md §9: a heartbeat younger than this
BATCH: Final = 200


class Admission:
    """Checks submitted callbacks against the configuration as it is now.

    Args:
        config: the services.
    """

    def __init__(self, config: DialerConfig) -> None:
        self._config = config
        self._strings: Mapping[str, str | None] = {}

    def refresh(self) -> None:
        """Looks whether the services' strings files can be read; call it before the store asks `admit`."""
        wanted = {options.strings_file for options in self._config.services.values() if options.strings_file}
        self._strings = {name: strings_fault(self._config.file.parent / name) for name in wanted}

    def admit(self, callback: Callback, in_queue: int) -> Refusal | None:
        """None when the callback enters the queue.

        Args:
            callback: submitted.
            in_queue: callbacks of its service that are in the queue or on a call.
        """
        options = self._config.services.get(callback.service)
        if options is None:
            return Refusal("T07", Reason.FAIL_QUEUEING, "unknown_queue")
        if not options.enabled:
            return Refusal("T07", Reason.FAIL_QUEUEING, "disabled")
        if options.max_open and in_queue >= options.max_open:
            return Refusal("T07", Reason.FAIL_QUEUEING, "full", CallResult.QUEUE_FULL)
        return self._unable(callback, options)

    def _unable(self, callback: Callback, options: ServiceOptions) -> Refusal | None:
        """What keeps the session itself from starting (T87)."""
        strings = options.strings_file
        if strings and (fault := self._strings.get(strings)) is not None:
            log.warning("strings_file_unreadable", service=callback.service, file=strings, cause=fault)
            return Refusal("T87", Reason.FAIL_LOAD_MESSAGE_FILE, strings)
        medium = str(callback.props.get("media_type", options.media_type))
        if medium not in MEDIA:
            return Refusal("T87", Reason.FAIL_INCORRECT_CONFIG_MEDIA_TYPE, medium)
        if medium not in ADAPTERS:
            return Refusal("T87", Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE, medium)
        if callback.props.get("desired_response_type") == EMAIL:
            return Refusal("T87", Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE, EMAIL)
        if options.call_direction == "USERTERMINATED" and not callback.customer_number.strip():
            return Refusal("T87", Reason.FAIL_NO_CUSTOMER_NUMBER)
        return None


class Submissions:
    """Counts the tries to hand callbacks to a node while this one cannot take any (T06).

    Args:
        house: the parts.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._tries: dict[str, tuple[int, datetime]] = {}

    def accepted(self) -> None:
        """This node takes callbacks (again)."""
        self._tries.clear()

    async def refused(self, why: str) -> None:
        """One look at who waits for a node; whoever has waited for all tries ends, unless another node is healthy."""
        house, now = self._house, self._house.clock.now()
        if any(self._is_healthy(node, now) for node in await house.store.nodes()):
            self._tries.clear()
            return
        submitted = CallbackFilter(
            states=frozenset({State.QUEUED}), phases=frozenset({Phase.SUBMITTING}), order="queue", limit=BATCH
        )
        for callback in await house.store.find(submitted):
            await self._try(callback, now, why)

    def _is_healthy(self, node: NodeInfo, now: datetime) -> bool:
        return node.name != self._house.node and not node.draining and now - node.heartbeat_at < HEALTHY

    async def _try(self, callback: Callback, now: datetime, why: str) -> None:
        options = self._house.config.services.get(callback.service) or ServiceOptions()
        tries, last = self._tries.get(callback.id, (0, now - timedelta(seconds=options.submit_retry_delay)))
        if now - last < timedelta(seconds=options.submit_retry_delay):
            return
        self._tries[callback.id] = (tries + 1, now)
        if tries + 1 < options.submit_attempts:
            return
        del self._tries[callback.id]
        store, bus, note = self._house.store, self._house.bus, f"{tries + 1} tries"
        changes = {"reason_detail": why}
        await take_step(store, bus, callback, "T06", actor=Actor.ENGINE, now=now, changes=changes, note=note)


def strings_fault(path: Path) -> str | None:
    """Why a strings file cannot be used; None when it can: JSON of `{"<language>": {"<key>": "text"}}`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        return fault.strerror or type(fault).__name__
    except ValueError as fault:
        return f"not JSON: {fault}"
    if not isinstance(content, dict) or not all(isinstance(texts, dict) for texts in content.values()):
        return "not an object of languages with an object of texts each"
    return None
