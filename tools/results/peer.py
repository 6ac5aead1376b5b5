"""The far ends that SIPp plays; the people, machines and tones of the lab are played by the lab.

One scenario answers all refusals: the service's own header `X-Answer` tells it the status line, `X-Extra` a further
header line. So one peer gives every status and every cause there is.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from dialer.lab.sounds import SoundLibrary
from dialer.lab.tones import Samples, beep, silence, tone
from tests.system.telephony.telephony_peers import SippProcess, free_port, listens, respond, start_sipp

STARTS = 5  # another program may take a port between our look and SIPp's
REFUSALS = tuple(
    f"{code} Refused"
    for code in (
        *(300, 301, 302, 305, 380),
        *(400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 421, 423, 480, 481, 482, 483, 484),
        *(485, 486, 487, 488, 489, 491, 493, 499),
        *(500, 501, 502, 503, 504, 505, 513, 580, 599),
        *(600, 603, 604, 606, 607, 608, 699),
    )
)
"""Every final status of records.md §6.1, and of each class one that stands for the others."""
TO_BYE = f'<recv request="BYE"/>{respond("200 OK")}'
SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=u 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
"""


class PeerMissingError(Exception):
    """SIPp is not installed: apt-get install sip-tester."""


def asked(statuses: Iterable[str], after: str) -> str:
    """A scenario that answers an INVITE with the status that its X-Answer names.

    Args:
        statuses: code and words; SIPp wants each of its messages written out.
        after: what follows the answer.
    """
    codes = {status.partition(" ")[0]: status for status in statuses}
    choices = "".join(
        f'<ereg regexp="^ *{code}" search_in="hdr" header="X-Answer:" assign_to="is{code}"/>' for code in codes
    )
    extra = '<ereg regexp="[A-Z].*" search_in="hdr" header="X-Extra:" check_it="true" assign_to="extra"/>'
    jumps = "".join(f'<nop next="go{code}" test="is{code}"/>' for code in codes)
    branches = "".join(
        f'<label id="go{code}"/>{respond(status, "[$extra]")}{after}<nop next="end"/>' for code, status in codes.items()
    )
    trying = respond("100 Trying")
    return f'<recv request="INVITE"><action>{choices}{extra}</action></recv>{trying}{jumps}{branches}<label id="end"/>'


def refusing() -> str:
    """Refuses with the status and the header that it is asked for."""
    contact = "Contact: <sip:[local_ip]:[local_port]>\n"  # a redirection without it leads nowhere
    return asked(REFUSALS, '<recv request="ACK"/>').replace(contact, "")


def waiting() -> str:
    """Gives the provisional response that it is asked for, and waits until the caller gives up."""
    ended = respond("487 Request Terminated").replace("[last_CSeq:]", "CSeq: [$cseq] INVITE")
    number = '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" check_it="true" assign_to="cseq"/>'
    cancelled = f'<recv request="CANCEL"><action>{number}</action></recv>{respond("200 OK")}{ended}'
    return asked(("100 Trying", "180 Ringing", "183 Session Progress"), f'{cancelled}<recv request="ACK"/>')


def sounding(file: Path) -> str:
    """Answers after a moment of ringing, and plays a sound without end."""
    answer = respond("200 OK").replace("Content-Length: [len]\n\n", SDP)
    return (
        f'<recv request="INVITE"/>{respond("180 Ringing")}<pause milliseconds="300"/>{answer}<recv request="ACK"/>'
        f'<nop><action><exec rtp_stream="{file},-1,0"/></action></nop>{TO_BYE}'
    )


def vanishing(file: Path) -> str:
    """Answers, says hello, and is never heard of again: no RTP, no BYE, no answer to any."""
    return sounding(file).replace(",-1,0", ",1,0").replace(TO_BYE, '<pause milliseconds="150000"/>')


def mulaw(samples: Samples) -> bytes:
    """Codes 16 bit samples, float64 [n], by G.711 µ-law. Source: ITU-T G.711."""
    coded = bytearray()
    for value in samples.round().astype(int).tolist():
        sign, size = (0x80, -value) if value < 0 else (0, value)
        size = min(size + 0x84, 0x7FFF)  # bias, so that each segment begins at a power of two
        segment = size.bit_length() - 8
        coded.append(~(sign | segment << 4 | (size >> segment + 3) & 0x0F) & 0xFF)
    return bytes(coded)


SOUNDS: Mapping[str, Callable[[], Samples]] = {
    "unobtainable": lambda: tone([400.0], 10.0),  # British number unobtainable: 400 Hz without a pause
    "pager": lambda: np.concatenate([silence(0.6), beep(1400.0, 0.2), silence(0.2), beep(1400.0, 0.2), silence(20.0)]),
}
"""What a peer plays that is no person of the lab, by the peer's name."""


class Peers:
    """All SIPp processes of a run; `ports` by the peer's name."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("sipp") is None:
            raise PeerMissingError(PeerMissingError.__doc__)
        self._folder = folder
        self._running: list[SippProcess] = []
        self.ports: dict[str, int] = {}

    def start(self) -> None:
        """Starts one process for each scenario."""
        scenarios = {"answers": refusing(), "waits": waiting()}
        for name, make in SOUNDS.items():
            file = self._folder / f"{name}.ul"
            file.write_bytes(mulaw(make()))
            scenarios[name] = sounding(file)
        hello = self._folder / "hello.ul"
        hello.write_bytes(mulaw(silence(0.5)) + mulaw(SoundLibrary(self._folder).samples("hello_slt")))
        scenarios["vanishes"] = vanishing(hello)
        person = self._folder / "person.ul"
        person.write_bytes(hello.read_bytes() + mulaw(silence(120.0)))
        scenarios["person"] = sounding(person)
        for name, body in scenarios.items():
            self.ports[name] = self._start(name, body).port

    def stop(self) -> None:
        """Ends all of them."""
        for sipp in self._running:
            sipp.process.kill()
            sipp.process.wait()

    def _start(self, name: str, body: str) -> SippProcess:
        for attempt in range(STARTS):
            sipp = start_sipp(self._folder / f"{name}-{attempt}", body, free_port(), ())
            self._running.append(sipp)
            if listens(sipp):
                return sipp
        raise RuntimeError(f"SIPp does not start: {(sipp.folder / 'out').read_text()[-500:]}")
