"""What the tests of telephony share: the far ends, their scenarios, and sounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dialer.telephony import DialRequest, Gateway, IncomingLeg, Leg, UserAgent, UserAgentSettings

RATE = 8000
Starter = Callable[[UserAgentSettings], Awaitable[UserAgent]]


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Arrivals:
    """Keeps what comes in for the test to take."""

    def __init__(self, ua: UserAgent) -> None:
        self._legs: asyncio.Queue[IncomingLeg] = asyncio.Queue()
        ua.on_incoming = self._take

    async def _take(self, leg: IncomingLeg) -> None:
        self._legs.put_nowait(leg)
        await asyncio.wait({leg.ended})

    async def next(self) -> IncomingLeg:
        return await asyncio.wait_for(self._legs.get(), 5)


class SippProcess:
    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.process = process
        self.port = port
        self.folder = folder

    @property
    def messages(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*_messages.log")))


def start_sipp(folder: Path, body: str, port: int, options: tuple[str, ...]) -> SippProcess:
    """Starts SIPp as a UAS with a scenario's XML body."""
    folder.mkdir()
    head = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="test">'
    (folder / "scenario.xml").write_text(f"{head}{body}</scenario>")
    ports = ["-p", str(port), "-mi", "127.0.0.1", "-mp", str(free_port() & ~1)]
    words = ["sipp", "-sf", "scenario.xml", "-i", "127.0.0.1", *ports, "-nostdin", "-nd", "-trace_msg", *options]
    with (folder / "out").open("wb") as out:
        environment = {**os.environ, "TERM": "dumb"}
        process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
    return SippProcess(process, port, folder)


def listens(sipp: SippProcess, limit_s: float = 5.0) -> bool:
    """Waits until SIPp listens; False when it ended instead."""
    ends = time.monotonic() + limit_s
    while not any(f":{sipp.port:04X} " in line for line in Path("/proc/net/udp").read_text().splitlines()):
        if sipp.process.poll() is not None or time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def respond(line: str, *headers: str, sdp_port: int | None = None) -> str:
    """A <send> of a response to the last request."""
    body = ""
    if sdp_port is not None:
        body = (
            "v=0\no=u 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
            f"m=audio {sdp_port} RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n"
        )
    extra = "\n".join(headers) + ("\n" if headers else "")
    kind = "Content-Type: application/sdp\n" if body else ""
    return (
        f"<send><![CDATA[\nSIP/2.0 {line}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]SIPp[call_number]\n"
        f"[last_Call-ID:]\n[last_CSeq:]\n{extra}Contact: <sip:[local_ip]:[local_port]>\n"
        f"{kind}Content-Length: [len]\n\n{body}]]></send>"
    )


def receive(what: str, *, optional: bool = False, auth: bool = False) -> str:
    marks = ' optional="true"' * optional + ' auth="true"' * auth
    return f'<recv request="{what}"{marks}/>'


def with_gateway(settings: UserAgentSettings, **fields: object) -> UserAgentSettings:
    """Adds a gateway named "peer"."""
    gateway = Gateway(name="peer", **{"options_ping_s": 0, **fields})  # type: ignore[arg-type]
    return replace(settings, gateways={**settings.gateways, "peer": gateway})


def write_tone(path: Path, freq_hz: float, seconds: float, rate: int = RATE, level: float = 8000) -> Path:
    at = np.arange(int(seconds * rate)) / rate
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((level * np.sin(2 * np.pi * freq_hz * at)).astype("<i2").tobytes())
    return path


def strongest_hz(samples: np.ndarray) -> float:
    """Gives the strongest frequency of int16 [n] at 8 kHz; 0 when it is silent."""
    if len(samples) < 160 or np.abs(samples.astype(np.int32)).max() < 100:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


@contextlib.asynccontextmanager
async def talk(
    ua: UserAgent, arrivals: Arrivals, number: str = "100", gateway: str = "self"
) -> AsyncIterator[tuple[Leg, IncomingLeg]]:
    """An answered call: (our leg, the far leg)."""
    leg = await ua.dial(DialRequest(gateway, number, from_user="200"))
    far = await arrivals.next()
    await far.answer()
    assert await asyncio.wait_for(leg.answered(), 5)
    assert await asyncio.wait_for(far.answered(), 5)
    yield leg, far
    if leg.end is None:
        await leg.hangup()
    await asyncio.wait_for(asyncio.gather(leg.ended, far.ended), 5)


async def until(condition: Callable[[], object], limit_s: float = 5.0, what: str = "") -> None:
    """Waits until something holds."""
    ends = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends, f"did not come about: {what or condition}"
        await asyncio.sleep(0.01)
