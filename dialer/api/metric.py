"""Prometheus metrics (api.md §5.7), one registry for each dialer. Labels never hold what a client sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dialer.callback.push import PushTarget
from dialer.callback.record import Callback
from dialer.callback.state import State
from dialer.config import DialerConfig
from dialer.events import AttemptEnded, AttemptStarted, CallbackChanged, Event, PushSent, Rejected
from dialer.routing import AgentPool, AgentState, WaitBook

SETUP_BUCKETS_S: Final = (0.5, 1, 2, 4, 6, 10, 15, 20, 30, 45, 60)
DETECT_BUCKETS_S: Final = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 10, 30)
WAIT_BUCKETS_S: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400)
HTTP_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CREATED_BY: Final = frozenset({"T01", "T02", "T03"})
UNKNOWN: Final = "unknown"
CHANNELS: Final = ("FCM", "HTTP")


def _channel(callback: Callback) -> str:
    """Through which kind of channel a customer's device is reached."""
    channels = {target.channel for target in PushTarget.of(callback)}
    return next((name for name in CHANNELS if name in channels), UNKNOWN)


class HttpMetrics:
    """Counts and times every answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("family", "route", "method", "status")
        self._requests = Counter("http_requests", "Requests answered.", labels, registry=registry)
        self._seconds = Histogram(
            "http_request_seconds", "Time to the end of the answer.", labels, buckets=HTTP_BUCKETS_S, registry=registry
        )

    def count(self, family: str, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one answer; `route` is the pattern of the path, never the path itself."""
        labels = (family, route, method, str(status))
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).observe(seconds)


class CallbackMetrics:
    """Counts what the bus tells; `read` adds what is only known by asking."""

    def __init__(self, registry: CollectorRegistry, config: DialerConfig) -> None:
        self._services = frozenset(config.services)
        self._records = Gauge("callback_records", "Callbacks kept.", ("service", "state"), registry=registry)
        self._depth = Gauge("callback_queue_depth", "Callbacks in the queue.", ("service",), registry=registry)
        self._ewt = Gauge("callback_ewt_seconds", "Estimated wait.", ("service",), registry=registry)
        self._dropped = Gauge("events_dropped", "Events a slow reader has lost.", ("reader",), registry=registry)
        self._agents = Gauge("agents", "Agents by state.", ("state",), registry=registry)
        self._calls = Gauge("sip_calls_active", "Calls up or being set up.", registry=registry)
        self._lag = Gauge("scheduler_lag_seconds", "How far the scheduler is behind.", registry=registry)
        self._created = Counter("callback_created", "Created.", ("service", "origin", "type"), registry=registry)
        self._rejected = Counter("callback_rejected", "Refused.", ("service", "origin", "cause"), registry=registry)
        self._completed = Counter("callback_completed", "Completed.", ("service", "reason"), registry=registry)
        self._dials = Counter("callback_dials", "Dials ended.", ("service", "call_result"), registry=registry)
        self._verdicts = Counter("callback_verdicts", "Verdicts.", ("verdict",), registry=registry)
        self._pushes = Counter("callback_push", "Push messages.", ("event", "channel", "result"), registry=registry)
        self._setup = Histogram(
            "callback_setup_seconds", "INVITE to answer.", ("service",), buckets=SETUP_BUCKETS_S, registry=registry
        )
        self._detect = Histogram(
            "callback_detect_seconds", "Answer to verdict.", ("verdict",), buckets=DETECT_BUCKETS_S, registry=registry
        )
        self._wait = Histogram(
            "callback_wait_seconds", "Queued to first dial.", ("service",), buckets=WAIT_BUCKETS_S, registry=registry
        )

    def hear(self, event: Event) -> None:
        """Counts one event of the bus."""
        match event:
            case CallbackChanged():
                self._changed(event)
            case AttemptStarted():
                if event.attempt.n == 1 and event.callback.queued_at is not None:
                    waited = event.attempt.started_at - event.callback.queued_at
                    self._wait.labels(self._service(event.callback.service)).observe(max(0.0, waited.total_seconds()))
            case AttemptEnded():
                self._ended(event)
            case PushSent():
                result = "accepted" if event.push.accepted else "failed"
                self._pushes.labels(event.push.event, _channel(event.callback), result).inc()
            case Rejected():
                self._rejected.labels(self._service(event.service), event.origin, event.cause).inc()
            case _:
                pass

    def read_losses(self, dropped: Mapping[str, int]) -> None:
        """Sets how many events each reader has lost."""
        for reader, count in dropped.items():
            self._dropped.labels(reader).set(count)

    def read_waits(self, waits: WaitBook, now: datetime) -> None:
        """Sets the estimated waits for one scrape; a wait nobody can tell is left out."""
        self._ewt.clear()
        for service in self._services:
            estimate = waits.of_queue(service, now)
            if estimate is not None and estimate.seconds is not None:
                self._ewt.labels(service).set(estimate.seconds)

    def read(self, counts: dict[tuple[str, State], int], pool: AgentPool, calls: int, lag_s: float) -> None:
        """Sets the gauges for one scrape."""
        self._records.clear()
        self._depth.clear()
        for service in self._services:
            self._depth.labels(service).set(counts.get((service, State.QUEUED), 0))
        for (service, state), count in counts.items():
            self._records.labels(self._service(service), state).set(count)
        states = [status.state for status in pool.all()]
        for agent_state in AgentState:
            self._agents.labels(agent_state).set(states.count(agent_state))
        self._calls.set(calls)
        self._lag.set(lag_s)

    def _changed(self, event: CallbackChanged) -> None:
        callback = event.callback
        service = self._service(callback.service)
        if event.event in CREATED_BY:
            self._created.labels(service, callback.origin, callback.type).inc()
        elif callback.state is State.COMPLETED:
            self._completed.labels(service, callback.reason or UNKNOWN).inc()

    def _ended(self, event: AttemptEnded) -> None:
        attempt, service = event.attempt, self._service(event.callback.service)
        result = UNKNOWN if attempt.call_result is None else str(int(attempt.call_result))
        self._dials.labels(service, result).inc()
        if attempt.answered_at is not None:
            self._setup.labels(service).observe(max(0.0, (attempt.answered_at - attempt.started_at).total_seconds()))
        if attempt.verdict is not None:
            self._verdicts.labels(attempt.verdict).inc()
            self._time_verdict(attempt.verdict, attempt.evidence.get("timings"))

    def _time_verdict(self, verdict: str, timings: object) -> None:
        took_ms = timings.get("answer_to_verdict_ms") if isinstance(timings, dict) else None
        if isinstance(took_ms, int | float):
            self._detect.labels(verdict).observe(max(0.0, took_ms / 1000))

    def _service(self, name: str) -> str:
        """The service as label; names nobody configured share one, so that clients cannot make labels."""
        return name if name in self._services else UNKNOWN
