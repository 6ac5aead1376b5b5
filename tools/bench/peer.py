"""SIPp as the far end of a benchmark."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

READY_S = 5.0


class Sipp:
    """A SIPp process: `with Sipp("-sn", "uas") as sipp: ... sipp.port`.

    Args:
        arguments: of SIPp; address and ports are added.

    Raises:
        SystemExit: when SIPp is not installed.
    """

    def __init__(self, *arguments: str) -> None:
        if shutil.which("sipp") is None:
            raise SystemExit("sipp is not installed; `apt-get install sip-tester`")
        self.port = free_port()
        self._arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="bench-sipp-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        words = [
            "sipp",
            *self._arguments,
            "-i",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-mi",
            "127.0.0.1",
            "-mp",
            "6000",
            "-nostdin",
            "-nd",
            "-buff_size",
            "4194304",
        ]
        self._process = subprocess.Popen(
            words,
            cwd=self._folder.name,
            stdin=subprocess.DEVNULL,
            stdout=(Path(self._folder.name) / "out").open("wb"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "TERM": "dumb"},
        )
        ends = time.monotonic() + READY_S
        while not udp_bound(self.port):
            if self._process.poll() is not None or time.monotonic() > ends:
                raise SystemExit("sipp did not start: " + (Path(self._folder.name) / "out").read_text()[-500:])
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._folder.cleanup()


class Answering:
    """answering.py in a process of its own: `with Answering(sound, channels) as far: ... far.port`."""

    def __init__(self, sound: Path, channels: int) -> None:
        self.port = free_port()
        self._words = [
            sys.executable,
            str(Path(__file__).with_name("answering.py")),
            str(self.port),
            str(sound),
            str(channels),
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit("the far end did not start")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def free_port() -> int:
    """Gives a UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def udp_bound(port: int) -> bool:
    """True when some process listens on the UDP port."""
    wanted = f":{port:04X} "
    return any(wanted in line for line in Path("/proc/net/udp").read_text().splitlines()[1:])
