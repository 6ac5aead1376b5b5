"""Brings messages to the devices of a callback's customer: who is told what, how often it is tried, what came of it."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol
from urllib.parse import quote

import structlog

from dialer.callback.options import ServiceOptions
from dialer.callback.push import PushEvent, PushRecord, PushTarget, token_digest
from dialer.callback.record import Callback
from dialer.clock import Clock, SystemClock
from dialer.push.poster import Delivery
from dialer.push.provider import PushProvider

log = structlog.get_logger(__name__)

FCM: Final = "fcm"  # name of the FCM provider among the providers
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
MOST_PENDING: Final = 1000  # messages that nobody waits for; beyond that they are dropped and counted


class PushLog(Protocol):
    """Where messages are kept; the callback store."""

    async def begin_push(self, record: PushRecord) -> bool:
        """Keeps a message before it leaves; False when there is one with this id already."""

    async def end_push(self, record: PushRecord) -> None:
        """Keeps what came of its delivery; acknowledgement and answer stay as they are."""


class _Forgetful:
    """Keeps no message."""

    async def begin_push(self, record: PushRecord) -> bool:  # noqa: ARG002 - it keeps nothing
        """True: nothing is known."""
        return True

    async def end_push(self, record: PushRecord) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that devices call back.

    Attributes:
        base: how devices reach the API, without a slash at the end.
    """

    base: str

    def ack(self, push_id: str) -> str:
        """Where the device acknowledges."""
        return f"{self.base}/api/v1/customer/push/{quote(push_id)}/ack"

    def answer(self, callback_id: str, token: str) -> str:
        """Where the customer answers; the one-time token is part of it."""
        return f"{self.base}/api/v1/customer/callbacks/{quote(callback_id)}/answer?token={quote(token)}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was put to the customer.

    Attributes:
        record: as it is kept.
        delivery: whether it reached a device.
    """

    record: PushRecord
    delivery: Delivery


class Courier:
    """Delivers messages. One event loop owns it; `close` it at the end.

    Args:
        providers: by the name of their HTTP channel, FCM under `fcm`.
        kept: where messages are kept.
        clock: reads the time.
        links: addresses that devices call back.
        on_sent: called with every message whose delivery is over.

    Attributes:
        dropped: messages not even tried, because too many were under way.
    """

    def __init__(
        self,
        providers: Mapping[str, PushProvider],
        kept: PushLog,
        clock: Clock,
        links: Links,
        on_sent: Callable[[Callback, PushRecord], None] = lambda _callback, _record: None,
    ) -> None:
        self._providers = dict(providers)
        self._kept = kept
        self._clock = clock
        self._links = links
        self._on_sent = on_sent
        self._pending: set[asyncio.Task[PushRecord]] = set()
        self.dropped = 0

    @classmethod
    def silent(cls) -> Courier:
        """One that reaches nobody and keeps nothing."""
        return cls({}, _Forgetful(), SystemClock(), Links(""))

    # --- messages ---

    async def deliver(
        self, callback: Callback, service: ServiceOptions, event: PushEvent, extra: Mapping[str, str] | None = None
    ) -> PushRecord:
        """Sends a message to every device of the callback and waits until one has it or all tries are over.

        Takes at most `push_attempts` times the provider's time limit and the pauses between.

        Args:
            callback: whose customer.
            service: its options: `push_attempts`, `push_provider`, `push_debug`.
            event: what is told.
            extra: its data besides the common ones; texts.
        """
        record = PushRecord(id=str(uuid.uuid4()), callback_id=callback.id, event=event, created_at=self._clock.now())
        return (await self._deliver(callback, service, record, extra or {})).record

    async def ask(self, callback: Callback, service: ServiceOptions) -> Question:
        """Asks whether now is a good time (CALLBACK_CONFIRM); the answer's address carries a fresh one-time token."""
        token = secrets.token_urlsafe(24)
        record = PushRecord(
            id=str(uuid.uuid4()),
            callback_id=callback.id,
            event=PushEvent.CONFIRM,
            created_at=self._clock.now(),
            token_digest=token_digest(token),
        )
        return await self._deliver(callback, service, record, {"answerUrl": self._links.answer(callback.id, token)})

    def tell(
        self, callback: Callback, service: ServiceOptions, event: PushEvent, extra: Mapping[str, str] | None = None
    ) -> None:
        """Sends a message that nobody waits for; nothing when the customer has no device."""
        if not PushTarget.of(callback):
            return
        if len(self._pending) >= MOST_PENDING:
            self.dropped += 1
            log.warning("push_dropped", callback=callback.id, push=event, pending=len(self._pending))
            return
        task = asyncio.create_task(self.deliver(callback, service, event, extra), name=f"push-{event}-{callback.id}")
        self._pending.add(task)
        task.add_done_callback(self._told)

    async def close(self) -> None:
        """Breaks off what is still under way."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _told(self, task: asyncio.Task[PushRecord]) -> None:
        self._pending.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("push_failed", task=task.get_name(), cause=str(fault), exc_info=fault)

    # --- delivery ---

    async def _deliver(
        self, callback: Callback, service: ServiceOptions, record: PushRecord, extra: Mapping[str, str]
    ) -> Question:
        await self._kept.begin_push(record)
        message = {
            "event": str(record.event),
            "callbackId": callback.id,
            "serviceName": callback.service,
            "pushId": record.id,
            "ackUrl": self._links.ack(record.id),
            **extra,
        }
        delivery = await self._try_all(PushTarget.of(callback), service, message)
        done = replace(
            record,
            tries=delivery.tries,
            accepted=delivery.accepted,
            detail=delivery.detail,
            sent_at=self._clock.now() if delivery.accepted else None,
        )
        await self._kept.end_push(done)
        self._on_sent(callback, done)
        return Question(done, delivery)

    async def _try_all(
        self, targets: tuple[PushTarget, ...], service: ServiceOptions, message: Mapping[str, str]
    ) -> Delivery:
        """Tries all devices at once, and those that may still be reached again after a pause."""
        if not targets:
            return Delivery(False, "the callback names no device to push to", tries=0)
        left, tries, pause_s = list(targets), 0, FIRST_PAUSE_S
        while True:
            tries += 1
            results = await asyncio.gather(*(self._try(target, service, message) for target in left))
            took = next((result for result in results if result.accepted), None)
            if took is not None:
                return replace(took, tries=tries)
            left = [target for target, result in zip(left, results, strict=True) if result.again]
            if not left or tries >= service.push_attempts:
                return replace(results[0], tries=tries)
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _try(self, target: PushTarget, service: ServiceOptions, message: Mapping[str, str]) -> Delivery:
        provider = self._provider_for(target, service)
        if provider is None:
            return Delivery(False, f"no push provider is configured for channel {target.channel} {target.name}".strip())
        return await provider.send(target, message, debug=service.push_debug)

    def _provider_for(self, target: PushTarget, service: ServiceOptions) -> PushProvider | None:
        """The channel that the device names, else the service's, else the default: FCM, or the only one there is."""
        if target.channel == "HTTP" and target.name:
            return self._providers.get(target.name)
        if service.push_provider:
            return self._providers.get(service.push_provider)
        if target.channel == "FCM" and FCM in self._providers:
            return self._providers[FCM]
        channels = [provider for name, provider in self._providers.items() if name != FCM]
        return channels[0] if len(channels) == 1 else None
