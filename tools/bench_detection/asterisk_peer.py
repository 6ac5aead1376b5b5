"""The real Asterisk's `AMD()` and `ToneScan()` on labelled calls: SIPp plays them into it over SIP, many at once."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from dialer.replay.judge import HUMAN, MACHINE
from dialer.replay.leg import RATE
from dialer.replay.manifest import LabelledCall
from tools.bench_detection.audio import samples_of
from tools.bench_detection.heard import Heard, Run
from tools.pbx.asterisk import Asterisk, Manager, PbxSettings, free_port
from tools.pbx.manager import ManagerError

DIALPLAN = """
exten => bench-amd,1,Answer()
 same => n,Set(ID=${CHANNEL(pjsip,call-id)})
 same => n,UserEvent(Began,CallId: ${ID})
 same => n,AMD()
 same => n,Set(GOT=${CHANNEL(rtcp,rxcount)})
 same => n,UserEvent(Heard,CallId: ${ID},Said: ${AMDSTATUS},Cause: ${AMDCAUSE},Received: ${GOT})
 same => n,Hangup()
exten => bench-tones,1,Answer()
 same => n,Set(ID=${CHANNEL(pjsip,call-id)})
 same => n,UserEvent(Began,CallId: ${ID})
 same => n,ToneScan(,60,,f)
 same => n,Set(GOT=${CHANNEL(rtcp,rxcount)})
 same => n,UserEvent(Heard,CallId: ${ID},Said: ${TONESCANSTATUS},Cause: ,Received: ${GOT})
 same => n,Hangup()
"""
"""What the calls reach; the first event gives the time the audio begins, the second the verdict."""

AMD_VERDICT = {"HUMAN": "human", "MACHINE": "machine", "NOTSURE": "undecided"}
TONE_VERDICT = {
    "RINGING": "ringback",
    "BUSY": "busy",
    "CONGESTION": "congestion",
    "SIT": "sit",
    "FAX": "fax",
    "MODEM": "modem",
    "NUT": "nu_tone",
}
"""Asterisk's words as verdicts; what is not listed (VOICE, DIALTONE, TIMEOUT, ...) names no tone of ours."""

AMD_SILENCE_S, TONE_SILENCE_S = 5.5, 1.0
"""Silence played after the call: AMD decides within five seconds, ToneScan has heard all."""

SIP_PORTS, MEDIA_PORTS = 26_000, 27_000
"""First ports of the SIPp instances; one and four apart."""

PACKET_S = 0.02
"""Audio in one RTP packet."""

STARTS_PER_S = 15
"""Calls begun in a second: more at once overrun the PBX on a busy machine."""

ATTEMPTS = 3
"""Times a call is played at most that never got through."""

STARVED = 0.95
"""Share of the packets that must have arrived for a verdict to count."""

SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="play a call">
 <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:lab@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:lab@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=lab 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
 ]]></send>
 <recv response="100" optional="true"/>
 <recv response="180" optional="true"/>
 <recv response="183" optional="true"/>
 <recv response="200" rrs="true"/>
 <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:lab@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

 ]]></send>
 <nop><action><exec rtp_stream="@file@,1,0"/></action></nop>
 <recv request="BYE" timeout="@milliseconds@" ontimeout="give_up"/>
 <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

 ]]></send>
 <nop next="done"/>
 <label id="give_up"/>
 <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:lab@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

 ]]></send>
 <recv response="200"/>
 <label id="done"/>
</scenario>
"""


class PeerMissingError(Exception):
    """A program that plays the calls is not installed."""


@dataclass
class EventLog:
    """Listens to the manager interface in a thread of its own and notes when what was said.

    Args:
        manager: a connection of its own.
    """

    manager: Manager
    began: dict[str, float] = field(default_factory=dict)
    heard: dict[str, tuple[float, str]] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="manager", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            event = self.manager.wait("UserEvent", deadline_s=0.5)
            self.manager.events.clear()
            if event is None:
                continue
            now, call_id = time.monotonic(), event.get("CallId", "")
            if event.get("UserEvent") == "Began":
                self.began[call_id] = now
            elif event.get("UserEvent") == "Heard":
                words = (event.get("Said", ""), event.get("Cause", ""))
                self.received[call_id] = int(event.get("Received") or 0)
                self.heard[call_id] = (now, " ".join(word for word in words if word))

    def stop(self) -> None:
        """End the thread and the connection."""
        self._ends.set()
        self._thread.join(timeout=2)
        with suppress(ManagerError):
            self.manager.close()


@dataclass(frozen=True)
class Play:
    """One call to play.

    Attributes:
        call: the labelled call.
        extension: what is dialled.
        call_id: its SIP Call-ID.
    """

    call: LabelledCall
    extension: str
    call_id: str

    @property
    def audio(self) -> NDArray[np.int16]:
        """What is played: for AMD from the answer on, for ToneScan all, each with silence after it."""
        samples = samples_of(self.call.file)
        amd = self.extension == "bench-amd"
        start = round(self.call.answer_s * RATE) if amd else 0
        silence = np.zeros(round((AMD_SILENCE_S if amd else TONE_SILENCE_S) * RATE), dtype=np.int16)
        return np.concatenate([samples[start:], silence])


def run(calls: Sequence[LabelledCall], at_once: int) -> tuple[Run, Run]:
    """Play all calls to Asterisk: those answered by a voice to `AMD()`, all to `ToneScan()`.

    Args:
        calls: the labelled calls.
        at_once: calls up at the same time.

    Returns:
        What AMD heard and what ToneScan heard; processor time is that of the Asterisk process, SIP and RTP included.

    Raises:
        PeerMissingError: when SIPp is not installed.
        PbxError: when Asterisk cannot be made or started.
    """
    if shutil.which("sipp") is None:
        raise PeerMissingError("sipp is not installed (Debian package sip-tester)")
    spoken = [call for call in calls if call.expected in HUMAN | MACHINE]
    with tempfile.TemporaryDirectory(prefix="bench-detection-") as folder:
        settings = PbxSettings(
            sip_port=free_port(),
            lab_port=free_port(),
            manager_port=free_port(socket.SOCK_STREAM),
            extra_dialplan=DIALPLAN,
        )
        with Asterisk(settings, Path(folder) / "pbx") as pbx:
            amd = _session(pbx, Path(folder), spoken, "amd", at_once)
            tones = _session(pbx, Path(folder), calls, "tones", at_once)
    return amd, tones


def _session(pbx: Asterisk, folder: Path, calls: Sequence[LabelledCall], kind: str, at_once: int) -> Run:
    plays = [Play(call, f"bench-{kind}", f"{kind}-{number}@127.0.0.1") for number, call in enumerate(calls)]
    log = EventLog(pbx.manager())
    before = _cpu_s(pbx.pid)
    try:
        audio_s = 0.0
        for _ in range(ATTEMPTS):
            missing = [play for play in plays if play.call_id not in log.began]
            audio_s += asyncio.run(_play_all(missing, folder, pbx.settings.sip_port, at_once))
            time.sleep(0.5)
        cpu_s = _cpu_s(pbx.pid) - before
    finally:
        log.stop()
    words = AMD_VERDICT if kind == "amd" else TONE_VERDICT
    heard = {play.call.path: _heard(play, log, words) for play in plays}
    starved = sum(_starved(play, log) for play in plays)
    unreached = sum(play.call_id not in log.began for play in plays)
    faults = [f"{starved} got too little audio"] * (starved > 0) + [f"{unreached} never got through"] * (unreached > 0)
    warning = f"of {len(plays)} calls {', '.join(faults)}: the machine was too busy" if faults else ""
    name = "Asterisk AMD()" if kind == "amd" else "Asterisk ToneScan()"
    return Run(name, heard, audio_s, cpu_s, "the whole process: SIP, RTP, codec", warning)


def _heard(play: Play, log: EventLog, words: dict[str, str]) -> Heard:
    report = log.heard.get(play.call_id)
    if report is None:
        return Heard(play.call.path)
    at, said = report
    verdict = words.get(said.split(" ")[0])
    began = log.began.get(play.call_id, at)
    return Heard(play.call.path, () if verdict is None else ((verdict, at - began),), said)


def _starved(play: Play, log: EventLog) -> bool:
    """Whether less audio arrived until the verdict than the time would hold: then the verdict means nothing."""
    if play.call_id not in log.heard or play.call_id not in log.began:
        return False
    expected = (log.heard[play.call_id][0] - log.began[play.call_id]) / PACKET_S
    return log.received[play.call_id] < STARVED * expected - 5


def _cpu_s(pid: int | None) -> float:
    """Processor time a process has taken, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _play_all(plays: Sequence[Play], folder: Path, sip_port: int, at_once: int) -> float:
    """Play the calls, at most so many at once; gives the seconds of audio played."""
    slots: asyncio.Queue[int] = asyncio.Queue()
    for slot in range(at_once):
        slots.put_nowait(slot)
    played = 0.0
    pace = asyncio.Lock()

    async def one(play: Play) -> None:
        nonlocal played
        slot = await slots.get()
        try:
            async with pace:
                await asyncio.sleep(1 / STARTS_PER_S)
            up_s = await _play(play, folder, sip_port, slot)
            played += up_s
        finally:
            slots.put_nowait(slot)

    async with asyncio.TaskGroup() as group:
        for play in plays:
            group.create_task(one(play))
    return played


async def _play(play: Play, folder: Path, sip_port: int, slot: int) -> float:
    """Play one call by a SIPp of its own; gives the seconds it was up."""
    audio = play.audio
    length_s = len(audio) / RATE
    sound, scenario = folder / f"{slot}.ulaw", folder / f"{slot}.xml"
    soundfile.write(sound, audio, RATE, format="RAW", subtype="ULAW")
    filled = SCENARIO.replace("@file@", str(sound)).replace("@milliseconds@", str(round(length_s * 1000)))
    scenario.write_text(filled)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        "sipp", f"127.0.0.1:{sip_port}", "-sf", str(scenario), "-s", play.extension, "-m", "1", "-l", "1",
        "-i", "127.0.0.1", "-p", str(SIP_PORTS + slot), "-mp", str(MEDIA_PORTS + 4 * slot),
        "-cid_str", play.call_id, "-nostdin", "-timeout", f"{length_s + 15:.0f}s",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await asyncio.wait_for(process.wait(), length_s + 20)
    except TimeoutError:
        process.kill()
        await process.wait()
    return min(length_s, time.monotonic() - began)
