"""What a device is told, how often it is tried, and what is kept of it; the receiver is played by the test."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from dialer.callback.options import ServiceOptions
from dialer.callback.push import PushEvent, PushRecord, PushTarget, token_digest
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.push import Courier, Delivery, HttpChannel, Links, Poster, courier, signature

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SERVICE = ServiceOptions(target="Sales@S.GA", push_attempts=3)
TOOK, LATER, NEVER = Delivery(True, "200"), Delivery(False, "answered 503", again=True), Delivery(False, "answered 404")


class Noon:
    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Kept:
    """Keeps messages in a dictionary."""

    records: dict[str, PushRecord] = field(default_factory=dict)

    async def begin_push(self, record: PushRecord) -> bool:
        self.records[record.id] = record
        return True

    async def end_push(self, record: PushRecord) -> None:
        assert record.id in self.records
        self.records[record.id] = record


@dataclass
class Device:
    """A provider that answers as told, the last answer for ever."""

    answers: list[Delivery]
    got: list[tuple[str, Mapping[str, str], bool]] = field(default_factory=list)

    async def send(self, target: PushTarget, message: Mapping[str, str], *, debug: bool = False) -> Delivery:
        self.got.append((target.target, message, debug))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def of(*targets: Mapping[str, str]) -> Callback:
    return Callback(
        id="1-a", service="sales", state=State.QUEUED, phase=Phase.WAITING, customer_number="1", desired_time=NOON,
        created_at=NOON, accepted_at=NOON, updated_at=NOON, push_targets=targets,
    )  # fmt: skip


HERS = {"channel": "HTTP", "name": "app", "target": "hers"}
HIS = {"channel": "HTTP", "name": "app", "target": "his"}


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between tries take no time and are noted."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(courier.asyncio, "sleep", sleep)
    return slept


def courier_to(providers: Mapping[str, Device]) -> tuple[Courier, Kept]:
    kept = Kept()
    return Courier(providers, kept, Noon(), Links("https://call.example")), kept


async def test_a_message_carries_the_common_data_as_texts() -> None:
    app = Device([TOOK])
    sender, kept = courier_to({"app": app})
    record = await sender.deliver(of(HERS), SERVICE, PushEvent.ATTEMPT_FAILED, {"attempt": "2"})
    assert app.got[0][1] == {
        "event": "CALLBACK_ATTEMPT_FAILED", "callbackId": "1-a", "serviceName": "sales", "pushId": record.id,
        "ackUrl": f"https://call.example/api/v1/customer/push/{record.id}/ack", "attempt": "2",
    }  # fmt: skip
    assert kept.records[record.id] == replace(record, accepted=True, tries=1, detail="200", sent_at=NOON)


async def test_delivery_is_tried_as_often_as_the_service_says_with_growing_pauses(no_pauses: list[float]) -> None:
    app = Device([LATER])
    sender, _ = courier_to({"app": app})
    record = await sender.deliver(of(HERS), SERVICE, PushEvent.READY)
    assert (record.accepted, record.tries, record.detail, record.sent_at) == (False, 3, "answered 503", None)
    assert no_pauses == [1.0, 2.0]


async def test_what_was_refused_for_good_is_not_tried_again(no_pauses: list[float]) -> None:
    app = Device([NEVER])
    sender, _ = courier_to({"app": app})
    assert (await sender.deliver(of(HERS), SERVICE, PushEvent.READY)).tries == 1
    assert no_pauses == []


async def test_one_device_that_has_the_message_is_enough(no_pauses: list[float]) -> None:
    app = Device([NEVER, TOOK])
    sender, _ = courier_to({"app": app})
    record = await sender.deliver(of(HERS, HIS), SERVICE, PushEvent.READY)
    assert record.accepted
    assert [target for target, *_ in app.got] == ["hers", "his"]


async def test_without_a_device_or_a_provider_the_record_says_so() -> None:
    sender, _ = courier_to({})
    assert "names no device" in (await sender.deliver(of(), SERVICE, PushEvent.READY)).detail
    assert "no push provider" in (await sender.deliver(of(HERS), SERVICE, PushEvent.READY)).detail


async def test_a_first_generation_device_goes_to_the_service_s_provider_or_the_only_one() -> None:
    one, other = Device([TOOK]), Device([TOOK])
    phone = {"channel": "FCM", "target": "token", "name": "android"}
    sender, _ = courier_to({"one": one})
    assert (await sender.deliver(of(phone), SERVICE, PushEvent.READY)).accepted
    sender, _ = courier_to({"one": one, "other": other})
    assert not (await sender.deliver(of(phone), SERVICE, PushEvent.READY)).accepted
    named = SERVICE.model_copy(update={"push_provider": "other", "push_debug": True})
    assert (await sender.deliver(of(phone), named, PushEvent.READY)).accepted
    assert other.got[0][2] is True


async def test_a_question_carries_a_token_that_only_its_digest_is_kept_of() -> None:
    app = Device([TOOK])
    sender, kept = courier_to({"app": app})
    question = await sender.ask(of(HERS), SERVICE)
    url = app.got[0][1]["answerUrl"]
    assert url.startswith("https://call.example/api/v1/customer/callbacks/1-a/answer?token=")
    assert kept.records[question.record.id].token_digest == token_digest(url.partition("token=")[2])


async def test_nobody_waits_for_a_message_that_is_told_and_closing_breaks_it_off() -> None:
    class Hangs(Device):
        async def send(self, target: PushTarget, message: Mapping[str, str], *, debug: bool = False) -> Delivery:
            self.got.append((target.target, message, debug))
            return await asyncio.Event().wait()

    app = Hangs([TOOK])
    sender, kept = courier_to({"app": app})
    sender.tell(of(HERS), SERVICE, PushEvent.PURGED)
    sender.tell(of(), SERVICE, PushEvent.PURGED)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(app.got) == 1
    await sender.close()
    assert [record.accepted for record in kept.records.values()] == [None]


# --- over real HTTP on loopback ---


Answering = Callable[[bytes, Mapping[str, str], asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def serve() -> object:
    """Starts a server that hands each request to the test."""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def start(answer: Answering) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await answer(body, headers, writer)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/push"

    yield start
    for writer in writers:
        writer.close()
    for server in servers:
        server.close()
        await server.wait_closed()
    await asyncio.sleep(0)


async def test_the_body_is_signed_and_exactly_200_is_success(serve: Callable[[Answering], Awaitable[str]]) -> None:
    got: list[tuple[bytes, Mapping[str, str]]] = []
    statuses = [200, 204, 404, 429, 500]

    async def answer(body: bytes, headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        got.append((body, headers))
        writer.write(f"HTTP/1.1 {statuses[len(got) - 1]} x\r\nContent-Length: 0\r\n\r\n".encode())

    poster = Poster()
    channel = HttpChannel(await serve(answer), "key", 5.0, poster)
    found = [await channel.send(PushTarget("HTTP", "dev", "app"), {"event": "Ü"}) for _ in statuses]
    await poster.close()
    assert [(delivery.accepted, delivery.again) for delivery in found] == [
        (True, False), (False, True), (False, False), (False, True), (False, True),
    ]  # fmt: skip
    body, headers = got[0]
    assert json.loads(body) == {"event": "Ü", "target": "dev"}
    assert headers["x-signature"] == signature("key", body)


@pytest.fixture
async def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Awaitable[None]]:
    """Puts the loop's clock forward, and lets everybody go on."""
    loop, ahead = asyncio.get_running_loop(), [0.0]
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + sum(ahead))

    async def forward(seconds: float) -> None:
        ahead.append(seconds)
        for _ in range(10):
            await asyncio.sleep(0)

    return forward


async def test_a_receiver_that_answers_byte_by_byte_is_given_up_in_time(
    serve: Callable[[Answering], Awaitable[str]], pass_time: Callable[[float], Awaitable[None]]
) -> None:
    sent = bytearray()

    async def answer(_body: bytes, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":  # no single byte takes as long as the limit
            if writer.is_closing():
                return
            writer.write(bytes([byte]))
            sent.append(byte)
            await pass_time(20.0)

    poster = Poster()
    delivery = await poster.post(await serve(answer), b"{}", {}, 50.0)
    await poster.close()
    assert delivery == Delivery(False, "no answer within 50 s", again=True)
    assert sent.startswith(b"HTT"), "three bytes take 60 s"


async def test_a_receiver_that_is_not_there_may_be_tried_again() -> None:
    poster = Poster()
    delivery = await poster.post("http://127.0.0.1:9/", b"{}", {}, 1.0)
    broken = await poster.post("http://127.0.0.1:port/", b"{}", {}, 1.0)
    await poster.close()
    assert (delivery.accepted, delivery.again) == (False, True)
    assert (broken.accepted, broken.again) == (False, False)
