"""A real Asterisk, and SIPp as the one who calls through it."""

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tools.pbx.asterisk import Asterisk, PbxSettings, free_port  # noqa: E402

ANSWERED = """
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+12025550999@[local_ip]:[local_port]>;tag=[call_number]b
[last_To:]
Call-ID: [call_id]
CSeq: 2 ACK
Max-Forwards: 70
Content-Length: 0
  ]]></send>
  <pause milliseconds="@{hold_ms}"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+12025550999@[local_ip]:[local_port]>;tag=[call_number]b
[last_To:]
Call-ID: [call_id]
CSeq: 3 BYE
Max-Forwards: 70
Content-Length: 0
  ]]></send>
  <recv response="200"/>
"""

REFUSED = """
  <recv response="@{status}"><action>
    <ereg regexp="Q.850;cause=([0-9]+)" search_in="msg" check_it="@{with_cause}" assign_to="1,2"/>
    <log message="cause [$2] [$1]"/>
  </action></recv>
  <send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+12025550999@[local_ip]:[local_port]>;tag=[call_number]b
[last_To:]
Call-ID: [call_id]
CSeq: 2 ACK
Max-Forwards: 70
Content-Length: 0
  ]]></send>
"""


@dataclass
class Call:
    """What came of one call: whether it went as expected, its audio (int16 [n], 8 kHz), and what SIPp printed."""

    as_expected: bool
    audio: np.ndarray
    said: str


@pytest.fixture(scope="session")
def pbx(tmp_path_factory):
    """One Asterisk for all tests of this folder; nobody is behind its trunk."""
    settings = PbxSettings(
        sip_port=free_port(),
        manager_port=free_port(socket.SOCK_STREAM),
        lab_port=free_port(),
        rtp_first=32000,
        rtp_last=32199,
        password="right-word",
        own_numbers={"12025550120": "voicemail", "12025550150": "busy"},
        extra_dialplan="exten => 4711,1,Answer()\n same => n,Playback(hello-world)\n same => n,Hangup()\n",
    )
    with Asterisk(settings, tmp_path_factory.mktemp("pbx")) as running:
        yield running


@pytest.fixture
def call(pbx, tmp_path):
    """Calls a number through the PBX: `call("915559104", status=486)`, `call("4711", hold_s=2)`."""
    if shutil.which("sipp") is None:
        pytest.fail("sipp is not installed: apt-get install sip-tester")

    def place(number, *, status=200, hold_s=1.0, patience_s=15, password="right-word", with_cause=False):
        with RtpEar() as ear:
            ending = ANSWERED if status == 200 else REFUSED
            values = {
                "ending": ending,
                "rtp_port": ear.port,
                "user": "8999",
                "password": password,
                "hold_ms": round(hold_s * 1000),
                "status": status,
                "with_cause": str(with_cause).lower(),
            }
            scenario = tmp_path / "scenario.xml"
            text = (HERE / "caller.xml").read_text().replace("@{ending}", ending)
            scenario.write_text(re.sub(r"@\{(\w+)\}", lambda found: str(values[found[1]]), text))
            where = ["-i", "127.0.0.1", "-p", str(free_port()), "-s", number, f"127.0.0.1:{pbx.settings.sip_port}"]
            limits = ["-m", "1", "-timeout", f"{hold_s + patience_s:.0f}", "-timeout_error"]
            logs = ["-nostdin", "-trace_logs", "-trace_err"]
            done = subprocess.run(
                ["sipp", "-sf", str(scenario), *limits, *logs, *where],
                cwd=tmp_path, capture_output=True, text=True, timeout=hold_s + 30, check=False,
            )  # fmt: skip
            files = "\n".join(path.read_text(errors="replace") for path in tmp_path.glob("scenario_*"))
            return Call(done.returncode == 0, ear.audio(), files + done.stdout[-2000:])

    return place


class RtpEar:
    """Receives RTP with PCMU on a port of its own."""

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._payload = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self):
        while not self._over.is_set():
            try:
                packet = self._socket.recv(2048)
            except TimeoutError:
                continue
            if len(packet) > 12 and packet[1] & 0x7F == 0:
                self._payload.append(packet[12:])

    def audio(self):
        """All that came, decoded: int16 [n]."""
        return decode_mu_law(np.frombuffer(b"".join(self._payload), dtype=np.uint8))


def decode_mu_law(codes):
    """µ-law uint8 [n] to int16 [n] (ITU-T G.711)."""
    inverted = ~codes
    exponent = (inverted >> 4) & 7
    magnitude = ((((inverted & 0x0F).astype(np.int32) << 3) + 0x84) << exponent) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def strength(audio, freq_hz):
    """Share of the power of int16 [n] that lies within 20 Hz of a frequency, as the greatest over half seconds."""
    blocks = audio[: len(audio) // 4000 * 4000].reshape(-1, 4000).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(blocks * np.hanning(4000), axis=1)) ** 2
    near = np.abs(np.fft.rfftfreq(4000, 1 / 8000) - freq_hz) <= 20
    whole = spectrum.sum(axis=1)
    return float(np.max(np.where(whole > 4000 * 1e4, spectrum[:, near].sum(axis=1) / np.maximum(whole, 1), 0.0)))


def wait_until(condition, within_s=5.0):
    """True as soon as the condition holds; False when it does not within the time."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.05)
    return False
